//go:build unix

package store

import (
	"io/fs"
	"os"
	"syscall"
)

// own gives a file to an owner, that of another one.
func own(file string, as fs.FileInfo) error {
	owner, ok := as.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	return os.Lchown(file, int(owner.Uid), int(owner.Gid))
}
