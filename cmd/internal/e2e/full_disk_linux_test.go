package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The disk is full. The database and its log lie on a disk of a few MiB.
func TestSQLiteOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t)
	address, file, p := onSQLite(t, disk)
	x := newEverySecond(t, address, 0, nil)
	ballast := filepath.Join(disk, "ballast")
	x.suffer("disk full", func() { fill(t, ballast) },
		func() {
			pass(t, brokenFor)
			x.answersReads()
			x.refusesToWrite("the database cannot write: its disk is full")
			x.unready("its disk is full")
		},
		func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		})
	checkIntegrity(t, file)
	if status, answer := x.s.call("GET", "/api/v1/jobs/refused", nil); status != 404 {
		t.Errorf("the job that was refused: %d %s", status, answer)
	}
	x.finish()
	p.stop(t)
}

// smallDisk mounts a disk of a few MiB until the test ends. That takes the rights of root.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	folder := t.TempDir()
	err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=4m")
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EPERM) {
		t.Skip("this root cannot mount a small disk")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// fill writes a file until the disk is full to its last block.
func fill(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		_, err := file.Write(block)
		switch {
		case errors.Is(err, syscall.ENOSPC):
			block = block[:len(block)/2]
		case err != nil:
			t.Fatal(err)
		}
	}
}
