package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"schedule-server/pkg/store"
)

// staleAfter is when a file that a command which was killed left behind is removed. No command takes that long.
const staleAfter = 24 * time.Hour

// stage is a file that becomes another when it is whole. Until then nothing stands under the final name.
type stage struct{ temporary, final string }

// newStage makes an empty file beside the final one, for who runs the command alone; one for the service is open to who may use
// the file that it takes the place of.
func newStage(final string, forService bool) (*stage, error) {
	folder, pattern := filepath.Dir(final), "."+filepath.Base(final)+".partial-*"
	removeStale(filepath.Join(folder, pattern))
	file, err := os.CreateTemp(folder, pattern)
	if err != nil {
		return nil, fmt.Errorf("nothing can be written to the folder %s: %w", folder, cause(err))
	}
	err = file.Close()
	if forService {
		err = errors.Join(err, store.OwnAs(file.Name(), final))
	}
	return &stage{file.Name(), final}, err
}

// removeStale removes what killed commands left behind.
func removeStale(pattern string) {
	left, _ := filepath.Glob(pattern)
	for _, file := range left {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(file)
		}
	}
}

// cause is an error without the name of a file that nobody knows.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// discard removes what was not published.
func (s *stage) discard() {
	for _, end := range []string{"", "-journal", "-wal", "-shm"} {
		_ = os.Remove(s.temporary + end)
	}
}

// write fills the file with a text.
func (s *stage) write(text string) error { return os.WriteFile(s.temporary, []byte(text), 0o600) }

// publish gives the file its final name, when it is on the disk. Without replace it fails where there is a file of that name.
func (s *stage) publish(replace bool) error {
	if err := syncFile(s.temporary); err != nil {
		return err
	}
	if !replace {
		if err := linkOrMove(s.temporary, s.final); err != nil {
			return err
		}
	} else if err := os.Rename(s.temporary, s.final); err != nil {
		return err
	}
	s.discard()
	return syncFolder(filepath.Dir(s.final))
}

// linkOrMove gives a file a name that no other file has. Where the file system has no links it loses its old name.
func linkOrMove(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fs.ErrExist)
	}
	return os.Rename(from, to)
}

// syncFile has the disk hold a file.
func syncFile(name string) error {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// syncFolder has the disk hold the names in a folder. Windows does so by itself.
func syncFolder(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// replaceFile puts a text into the place of a file, whole or not at all.
func replaceFile(name, text string, forService bool) error {
	s, err := newStage(name, forService)
	if err != nil {
		return err
	}
	defer s.discard()
	if err := s.write(text); err != nil {
		return err
	}
	return s.publish(true)
}

// keySwap puts a key into the place of another, while what was sealed with that one is replaced. In between both open: a
// command that is killed leaves nothing that no key opens.
type keySwap struct {
	file, text string
	forService bool
}

// begin puts the new key in front of the one that is there.
func (k *keySwap) begin() error {
	old, _ := readKey(k.file) // what is no key is replaced
	switch old.text {
	case k.text:
		return nil
	case "":
		return replaceFile(k.file, k.text+"\n", k.forService)
	}
	return replaceFile(k.file, k.text+","+old.text+"\n", k.forService)
}

// end leaves the new key alone.
func (k *keySwap) end() error {
	if now, _ := readKey(k.file); now.text == k.text {
		return nil
	}
	return replaceFile(k.file, k.text+"\n", k.forService)
}

// keepAside gives a file another name, by which it is kept, beside its own. The moment is in it.
func keepAside(file string, now time.Time) (aside string, err error) {
	base := file + ".replaced-" + now.UTC().Format("20060102T150405Z")
	aside = base
	for n := 2; ; n++ {
		err := linkOrMove(file, aside)
		if !errors.Is(err, fs.ErrExist) {
			return aside, err
		}
		aside = fmt.Sprintf("%s-%d", base, n)
	}
}
