package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"schedule-server/pkg/app"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "secret.key")
	fresh := func() string { return "first" }
	key, made, err := app.KeyFile(path, fresh)
	if key != "first" || !made || err != nil {
		t.Fatalf("%q %v %v", key, made, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	key, made, err = app.KeyFile(path, func() string { return "second" })
	if key != "first" || made || err != nil {
		t.Errorf("again: %q %v %v", key, made, err)
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{path, filepath.Dir(path), filepath.Join(path, "below")} {
		if _, _, err := app.KeyFile(bad, fresh); err == nil || !strings.Contains(err.Error(), filepath.Dir(path)) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAuthorities(t *testing.T) {
	var none app.Delivery
	if pool, err := none.Authorities(); pool != nil || err != nil {
		t.Errorf("%v, %v", pool, err)
	}
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{path, path + ".gone"} {
		d := app.Delivery{CAFile: bad}
		if _, err := d.Authorities(); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--ca-file") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
