package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"schedule-server/internal/testserver"
)

// Every program answers its own healthcheck, and none takes another program's word for it.
func TestHealthcheck(t *testing.T) {
	t.Parallel()
	folder, redis := t.TempDir(), testserver.StartRedis(t).URL()
	key := filepath.Join(folder, "key")
	if err := os.WriteFile(key, []byte("a passphrase that is long enough\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	database := "sqlite://" + filepath.Join(folder, "schedule.db")
	for _, program := range []struct {
		name, listen string
		args         []string
	}{
		{"standalone", "--listen", []string{"--data-dir", filepath.Join(folder, "alone"), "--secret-key-file", key}},
		{"api", "--listen", []string{"--database-url", database, "--redis-url", redis, "--secret-key-file", key, "--base-path", "/cron"}},
		{"beat", "--ops-listen", []string{"--database-url", database, "--redis-url", redis}},
		{"worker", "--ops-listen", []string{"--redis-url", redis, "--secret-key-file", key}},
	} {
		address := freeAddress(t)
		asks := []string{"healthcheck", program.listen, address}
		if program.name == "api" {
			asks = append(asks, "--base-path", "/cron")
		}
		command(t, program.name, asks...).fails("connection refused")
		p := start(t, program.name, append(program.args, program.listen, address)...)
		s := &service{t: t}
		s.until(program.name+" has started", p.said("msg=started"))
		command(t, program.name, asks...).succeeds("ok")
		if program.name == "worker" {
			s.until("the worker is ready", func() (bool, string) {
				o := command(t, program.name, append(asks, "--ready")...)
				return o.code == 0, o.text
			})
		}
	}
	o := command(t, "worker", "healthcheck")
	if o.code != 2 {
		t.Errorf("a worker that listens nowhere: %d, %s", o.code, o.text)
	}
	o = command(t, "api", "--secret-key-file", filepath.Join(folder, "none"))
	if o.code != 2 {
		t.Errorf("a key file that is not there: %d, %s", o.code, o.text)
	}
	o.said("--secret-key-file: there is no file " + filepath.Join(folder, "none"))
}
