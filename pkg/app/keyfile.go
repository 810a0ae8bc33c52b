package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// KeyFile reads a file that holds a key, or makes it with a new one: readable by
// its owner alone, and never in the place of another. Made says that it is new. The error names the file.
func KeyFile(path string, make func() string) (key string, made bool, err error) {
	data, err := os.ReadFile(path)
	if err == nil {
		key = strings.TrimSpace(string(data))
		if key == "" {
			return "", false, fmt.Errorf("%s is empty", path)
		}
		return key, false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
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
