package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ReadKey reads a file that holds a key, or several, separated by commas. Found is false where there is no such file. A file that
// everybody may read is taken away from others, where that can be done. The error names the file.
func ReadKey(path string) (key string, found bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if key = strings.TrimSpace(string(data)); key == "" {
		return "", false, fmt.Errorf("%s is empty", path)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 && runtime.GOOS != "windows" {
		_ = os.Chmod(path, info.Mode().Perm()&^0o077) // a mounted secret stays as it is
	}
	return key, true, nil
}

// KeyFile reads a file that holds a key, or makes it with a new one: readable by
// its owner alone, and never in the place of another. Made says that it is new. The error names the file.
func KeyFile(path string, make func() string) (key string, made bool, err error) {
	key, found, err := ReadKey(path)
	if found || err != nil {
		return key, false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", false, err
	}
	key = make()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", false, err
	}
	_, err = file.WriteString(key + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", false, errors.Join(err, os.Remove(path)) // half a key would be taken for a whole one
	}
	return key, true, nil
}
