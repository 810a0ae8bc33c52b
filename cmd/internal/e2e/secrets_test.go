package e2e

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// TestANewSecretKey goes over to a new key as docs/running.md says, on both databases.
func TestANewSecretKey(t *testing.T) {
	onEachDatabase(t, newSecretKey)
}

func newSecretKey(t *testing.T, database string) {
	seen := make(chan http.Header, 10)
	target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header }))
	defer target.Close()
	address := freeAddress(t)
	const first, second = "the first of two passphrases", "the second of two passphrases"
	run := func(keys string) *process {
		return start(t, "standalone", "--listen", address, "--database-url", database, "--secret-key", keys)
	}
	p := run(first)
	s := &service{t: t, url: "http://" + address}
	s.ready()
	s.must("PUT", "/api/v1/secrets/HEADER", object{"value": "from a secret"}, nil)
	s.must("POST", "/api/v1/jobs", object{"id": "a", "schedule": object{"type": "cron", "expression": "0 0 1 1 *"},
		"request": object{"url": target.URL, "headers": object{"X-Secret": "{{ secret.HEADER }}"}, "auth": object{"type": "bearer", "token": "its own"}}}, nil)
	called := func(when string) {
		t.Helper()
		s.must("POST", "/api/v1/jobs/a/run", object{"force": true}, nil)
		if runs := s.settled("a"); runs[0].State != "succeeded" {
			t.Fatalf("%s: the run is %s, %s", when, runs[0].State, runs[0].Reason)
		}
		if h := <-seen; h.Get("Authorization") != "Bearer its own" || h.Get("X-Secret") != "from a secret" {
			t.Errorf("%s: the target saw %v", when, h)
		}
	}
	called("under the first key")
	p.stop(t)

	p = run(second + "," + first)
	s.ready()
	called("under both")
	reseal := func(keys string) (string, error) {
		out, err := exec.CommandContext(t.Context(), p.Cmd.Path, "reseal", "--database-url", database, "--secret-key", keys).CombinedOutput()
		return string(out), err
	}
	if out, err := reseal("a passphrase of somebody else"); err == nil || !strings.Contains(out, "2 secrets could not be opened") || !strings.Contains(out, "secret/HEADER") {
		t.Errorf("with a wrong key: %v\n%s", err, out)
	}
	if out, err := reseal(second + "," + first); err != nil || !strings.Contains(out, "sealed anew 2, were under the first key already 0, left as they were 0") {
		t.Errorf("%v\n%s", err, out)
	}
	called("sealed anew")
	p.stop(t)

	p = run(second)
	s.ready()
	called("under the second key")
	p.stop(t)
}
