package e2e

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"schedule-server/internal/testserver"
)

// TestFirstKey makes the first key by the command line, with servers that run and with one that only then may start.
func TestFirstKey(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) { firstKey(t, database, testserver.StartRedis(t).URL()) })
}

func firstKey(t *testing.T, database, redis string) {
	api := func(listen string) (*process, string) {
		return start(t, "api", "--listen", listen, "--database-url", database, "--redis-url", redis), "http://" + listen
	}
	one, first := api(freeAddress(t))
	two, second := api(freeAddress(t))
	s := &service{t: t, url: first}
	status := func(url, key string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "GET", url+"/api/v1/jobs", nil)
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			request.Header.Set("Authorization", "Bearer "+key)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0
		}
		response.Body.Close()
		return response.StatusCode
	}
	for _, url := range []string{first, second} {
		s.until(url+" is open", func() (bool, string) { return status(url, "") == 200, "" })
	}
	public := strings.Replace(freeAddress(t), "127.0.0.1", "0.0.0.0", 1)
	refused, _ := api(public)
	<-refused.Done
	if code := refused.Cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(refused.Log.String(), "there is no API key") {
		t.Errorf("an open server that all can reach ended with %d:\n%s", code, refused.Log)
	}

	command := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), one.Cmd.Path, append(args, "--database-url", database)...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	key := strings.TrimSuffix(command("keys", "create", "--name", "me", "--scope", "admin"), "\n")
	if !regexp.MustCompile(`^sk_[0-9A-Za-z]{48}$`).MatchString(key) {
		t.Fatalf("the key is printed as %q", key)
	}
	if list := command("keys", "list"); !strings.Contains(list, key[3:13]) || !strings.Contains(list, "admin") || strings.Contains(list, key) {
		t.Errorf("the list is %s", list)
	}
	for _, url := range []string{first, second} {
		s.until(url+" asks for a key", func() (bool, string) { return status(url, "") == 401, "" })
		if got := status(url, key); got != 200 {
			t.Errorf("%s with the key: %d", url, got)
		}
	}
	three, _ := api(public)
	third := "http://" + strings.Replace(public, "0.0.0.0", "127.0.0.1", 1)
	s.until("the server that all can reach runs", func() (bool, string) { return status(third, key) == 200, "" })
	if got := status(third, ""); got != 401 {
		t.Errorf("it answers %d without a key", got)
	}
	other := strings.TrimSpace(command("keys", "create", "--name", "other", "--scope", "admin"))
	command("keys", "delete", key[3:13])
	for _, url := range []string{first, second, third} {
		s.until(url+" refuses the deleted key", func() (bool, string) { return status(url, key) == 401, "" })
		if got := status(url, other); got != 200 {
			t.Errorf("%s with the other key: %d", url, got)
		}
	}
	if err := exec.CommandContext(t.Context(), one.Cmd.Path, "keys", "delete", other[3:13], "--database-url", database).Run(); err == nil {
		t.Error("the last key was deleted")
	}
	for _, p := range []*process{one, two, three} {
		p.stop(t)
	}
}

// A standalone on loopback calls this machine only until there is a key: from then on others may reach it through a proxy.
func TestTheFirstKeyClosesTheOwnNetwork(t *testing.T) {
	t.Parallel()
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(target.Close)
	address := freeAddress(t)
	p := start(t, "standalone", "--listen", address, "--data-dir", t.TempDir())
	s := &service{t: t, url: "http://" + address}
	s.ready()
	s.must("POST", "/api/v1/jobs", object{"id": "a", "schedule": object{"type": "cron", "expression": "0 0 1 1 *"},
		"policy": object{"retry": object{"max_attempts": 1}}, "request": object{"url": target.URL}}, nil)
	s.must("POST", "/api/v1/jobs/a/run", object{"force": true}, nil)
	if runs := s.settled("a"); runs[0].State != "succeeded" {
		t.Fatalf("without a key the run is %s, %s", runs[0].State, runs[0].Reason)
	}
	var made struct{ Key string }
	s.must("POST", "/api/v1/keys", object{"name": "me", "scope": "admin"}, &made)
	s.key = made.Key
	s.until("the log says that the own network is closed", p.said("--allow-targets loopback,private"))
	s.must("POST", "/api/v1/jobs/a/run", object{"force": true}, nil)
	if runs := s.settled("a"); runs[0].State != "failed" || runs[0].Reason != "blocked_target" {
		t.Errorf("with a key the run is %s, %s", runs[0].State, runs[0].Reason)
	}
	p.stop(t)
}
