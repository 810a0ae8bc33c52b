package e2e

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sealing is a service whose job needs a secret and a credential of its own.
type sealing struct {
	*service
	t    *testing.T
	data string
	p    *process
	seen chan http.Header
	tg   *httptest.Server
}

func newSealing(t *testing.T) *sealing {
	t.Helper()
	x := &sealing{t: t, data: filepath.Join(t.TempDir(), "data"), seen: make(chan http.Header, 100)}
	x.tg = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { x.seen <- r.Header }))
	t.Cleanup(x.tg.Close)
	x.start()
	x.must("PUT", "/api/v1/secrets/HEADER", object{"value": "from a secret"}, nil)
	x.must("POST", "/api/v1/jobs", object{"id": "a", "schedule": object{"type": "cron", "expression": "0 0 1 1 *"}, "policy": object{"retry": object{"max_attempts": 1}},
		"request": object{"url": x.tg.URL, "headers": object{"X-Secret": "{{ secret.HEADER }}"}, "auth": object{"type": "bearer", "token": "its own"}}}, nil)
	return x
}

// start starts the service, with more flags.
func (x *sealing) start(more ...string) {
	x.t.Helper()
	address := freeAddress(x.t)
	x.p = start(x.t, "standalone", append([]string{"--listen", address, "--data-dir", x.data}, more...)...)
	x.service = &service{t: x.t, url: "http://" + address}
	x.ready()
}

// stop stops it, and checks whether it warned of secrets that do not open.
func (x *sealing) stop(warned ...string) {
	x.t.Helper()
	for _, text := range warned {
		x.until("the log says "+text, x.p.said(text))
	}
	x.p.stop(x.t)
	if text := x.p.Log.String(); len(warned) == 0 && strings.Contains(text, "cannot_be_opened") {
		x.t.Errorf("it warned of secrets:\n%s", text)
	}
}

// called runs the job and checks that the target saw the secrets.
func (x *sealing) called() {
	x.t.Helper()
	x.must("POST", "/api/v1/jobs/a/run", object{"force": true}, nil)
	if runs := x.settled("a"); runs[0].State != "succeeded" {
		x.t.Fatalf("the run is %s, %s", runs[0].State, runs[0].Reason)
	}
	if h := <-x.seen; h.Get("Authorization") != "Bearer its own" || h.Get("X-Secret") != "from a secret" {
		x.t.Errorf("the target saw %v", h)
	}
}

// notCalled runs the job and checks that it failed for want of a secret.
func (x *sealing) notCalled() {
	x.t.Helper()
	x.must("POST", "/api/v1/jobs/a/run", object{"force": true}, nil)
	if runs := x.settled("a"); runs[0].State != "failed" || runs[0].Reason != "secret_unavailable" {
		x.t.Fatalf("the run is %s, %s", runs[0].State, runs[0].Reason)
	}
}

func (x *sealing) keyFile() string { return filepath.Join(x.data, "secret.key") }

// readFile is the text of a file.
func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A database that came without its key gets no new one, which would look as if all were well.
func TestADatabaseWithoutItsKey(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	x.called()
	x.stop()
	key := readFile(t, x.keyFile())
	if err := os.Remove(x.keyFile()); err != nil {
		t.Fatal(err)
	}

	x.start()
	x.notCalled()
	if status, answer := x.call("PUT", "/api/v1/secrets/OTHER", object{"value": "another"}); status != 503 {
		t.Errorf("a secret without a key: %d %s", status, answer)
	}
	x.stop("level=WARN", "cannot_be_opened=2 of=2", "No new key was made", x.keyFile())
	if _, err := os.Stat(x.keyFile()); !os.IsNotExist(err) {
		t.Errorf("a key was made: %v", err)
	}

	// Another key, in the file or given, opens nothing either.
	other := strings.Repeat("another key ", 4)
	writeFile(t, x.keyFile(), other)
	x.start()
	x.notCalled()
	x.stop("level=WARN", "cannot_be_opened=2 of=2", "Add the key that sealed them to "+x.keyFile())
	x.start("--secret-key", other)
	x.stop("level=WARN", "cannot_be_opened=2 of=2", "--secret-key")

	// The advice holds: behind a comma the key opens what is there.
	writeFile(t, x.keyFile(), other+","+key)
	x.start()
	x.called()
	x.stop()

	// To go on without it, all is set anew.
	writeFile(t, x.keyFile(), other)
	x.start()
	x.must("PUT", "/api/v1/secrets/HEADER", object{"value": "from a secret"}, nil)
	x.must("PATCH", "/api/v1/jobs/a", object{"request": object{"auth": object{"type": "bearer", "token": "its own"}}}, nil)
	x.called()
	x.stop("cannot_be_opened=2 of=2")
	x.start()
	x.called()
	x.stop()
}

// An API without the right key says so too.
func TestAnAPIWithoutTheKey(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	for _, test := range []struct{ args, want []string }{
		{nil, []string{"this process was given no key"}},
		{[]string{"--secret-key", "a key of somebody else"}, []string{"does not open secrets"}},
	} {
		api := start(t, "api", append([]string{"--listen", freeAddress(t), "--data-dir", x.data}, test.args...)...)
		for _, text := range append(test.want, "level=WARN", "cannot_be_opened=2 of=2", "--secret-key") {
			x.until("the API says "+text, api.said(text))
		}
		api.stop(t)
	}
	x.stop()
}

// Credentials that a file brings in are sealed with the key that the server has, in its file.
func TestImportedCredentials(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	file := filepath.Join(t.TempDir(), "jobs.json")
	writeFile(t, file, `{"jobs": [{"id": "b", "schedule": {"type": "interval", "every": "1h"}, "request": {"url": "`+x.tg.URL+`", "auth": {"type": "bearer", "token": "imported"}}}]}`)
	command(t, "standalone", "import", file, "--data-dir", x.data).succeeds("1 created")
	if strings.Contains(readFile(t, filepath.Join(x.data, "schedule.db")), "imported") {
		t.Error("the credential lies in the database as it was written")
	}
	x.must("POST", "/api/v1/jobs/b/run", object{"force": true}, nil)
	if runs := x.settled("b"); runs[0].State != "succeeded" {
		t.Fatalf("the run is %s, %s", runs[0].State, runs[0].Reason)
	}
	if h := <-x.seen; h.Get("Authorization") != "Bearer imported" {
		t.Errorf("the target saw %v", h)
	}
	x.stop()
}

// A standalone goes over to a new key by one command, and by hand.
func TestANewKeyFile(t *testing.T) {
	t.Parallel()
	x := newSealing(t)
	old := readFile(t, x.keyFile())
	rekey := func() outcome { return command(t, "standalone", "reseal", "--new-key", "--data-dir", x.data) }
	rekey().fails("pid", x.data)
	if readFile(t, x.keyFile()) != old {
		t.Error("the key was changed under a server")
	}
	x.stop()
	command(t, "standalone", "reseal", "--data-dir", x.data).succeeds("sealed anew 0, were under the first key already 2")
	rekey().succeeds("sealed anew 2, were under the first key already 0, left as they were 0", "secret.key.replaced-")
	current := readFile(t, x.keyFile())
	kept, err := filepath.Glob(x.keyFile() + ".replaced-*")
	if err != nil || len(kept) != 1 || readFile(t, kept[0]) != old || current == old || strings.Contains(current, ",") {
		t.Errorf("the keys are %q in %v, and %q; %v", current, kept, old, err)
	}
	x.start()
	x.called()
	x.stop()

	// By hand, as one does with several processes: a new key in front, seal anew, the old one away.
	writeFile(t, x.keyFile(), "a passphrase of a person,"+current)
	x.start()
	x.called()
	command(t, "standalone", "reseal", "--data-dir", x.data).succeeds("sealed anew 2")
	x.called()
	x.stop()
	writeFile(t, x.keyFile(), "a passphrase of a person")
	x.start()
	x.called()
	x.stop()

	// A key that is given is nobody's to replace; one that opens nothing does not lose the one that might.
	command(t, "standalone", "reseal", "--new-key", "--data-dir", x.data, "--secret-key", "a passphrase of a person").fails("--secret-key")
	command(t, "standalone", "reseal", "--new-key", "--data-dir", x.data, "--redis-url", "redis://127.0.0.1:1").fails("--new-key")
	command(t, "standalone", "reseal", "--new-key", "--data-dir", t.TempDir()).fails("there is no key to be replaced")
	writeFile(t, x.keyFile(), "a passphrase of somebody else")
	rekey().fails("2 secrets could not be opened", "holds the new key and the old one")
	if keys := readFile(t, x.keyFile()); !strings.HasSuffix(strings.TrimSpace(keys), ",a passphrase of somebody else") {
		t.Errorf("the keys are %q", keys)
	}
	command(t, "standalone", "reseal", "--data-dir", t.TempDir()).fails("there is no key", "secret.key")
}
