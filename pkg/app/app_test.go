package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var discard = slog.New(slog.DiscardHandler)

// diary notes who stopped, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) part(name string, started chan<- string) func(context.Context) error {
	return func(ctx context.Context) error {
		started <- name
		<-ctx.Done()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.lines = append(d.lines, name)
		return nil
	}
}

func TestGroupStopsInReverseOrder(t *testing.T) {
	var d diary
	started := make(chan string, 3)
	g := NewGroup(discard, time.Minute)
	for _, name := range []string{"recorder", "worker", "beat"} {
		g.Add(name, d.part(name, started))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	for range 3 {
		<-started
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := strings.Join(d.lines, " "); got != "beat worker recorder" {
		t.Errorf("stopped in the order %s", got)
	}
}

func TestGroupStopsWhenAPartFails(t *testing.T) {
	var d diary
	started := make(chan string, 1)
	broken := errors.New("broken")
	g := NewGroup(discard, time.Minute)
	g.Add("recorder", d.part("recorder", started))
	g.Add("api", func(context.Context) error { <-started; return broken })
	err := g.Run(t.Context())
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "api: ") {
		t.Errorf("got %v", err)
	}
	if len(d.lines) != 1 {
		t.Error("the other part was not stopped")
	}
}

func TestGroupNamesWhatDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		g := NewGroup(discard, time.Second)
		g.Add("stuck", func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Run(ctx); err == nil || !strings.Contains(err.Error(), "stuck did not stop within 6s") {
			t.Errorf("got %v", err)
		}
	})
}

// A part that cuts off at the timeout what is under way has time to hand it back.
func TestGroupWaitsForWhatIsHandedBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(discard, 3*time.Second)
		g.Add("worker", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(4 * time.Second)
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestHTTPCheck(t *testing.T) {
	tests := []struct {
		http HTTP
		want string
	}{
		{HTTP{Listen: "127.0.0.1:8000"}, ""},
		{HTTP{Listen: "[::1]:8000"}, ""},
		{HTTP{Listen: "localhost:8000"}, ""},
		{HTTP{Listen: "0.0.0.0:8000"}, "--insecure-no-auth"},
		{HTTP{Listen: ":8000"}, "other machines can reach"},
		{HTTP{Listen: "192.0.2.1:8000"}, "other machines can reach"},
		{HTTP{Listen: ":8000", InsecureNoAuth: true}, ""},
		{HTTP{Listen: "8000"}, "not an address"},
	}
	for _, test := range tests {
		err := errors.Join(test.http.Check(), test.http.CheckKeys(false))
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%+v: %v", test.http, err)
		}
		if err := test.http.CheckKeys(true); err != nil {
			t.Errorf("%+v with a key: %v", test.http, err)
		}
	}
}

func TestFlagsReadTheEnvironment(t *testing.T) {
	t.Setenv("DATABASE_URL", "postgres://db/x")
	t.Setenv("ALLOW_TARGETS", "private,10.0.0.0/8")
	t.Setenv("LOG_LEVEL", "debug")
	var f struct {
		Log
		Database
		Delivery
		Lifetime
	}
	parser := testProgram().parser(&f)
	if _, err := parser.Parse([]string{"--concurrency", "7"}); err != nil {
		t.Fatal(err)
	}
	if f.Database.URL() != "postgres://db/x" || len(f.AllowTargets) != 2 || f.LogLevel != slog.LevelDebug || f.Concurrency != 7 || f.ShutdownTimeout != 30*time.Second {
		t.Errorf("got %+v", f)
	}
	if _, err := parser.Parse([]string{"--concurrency", "0"}); err == nil || !strings.Contains(err.Error(), "--concurrency") {
		t.Errorf("got %v", err)
	}
}

func TestDefaultDatabaseIsInTheDataFolder(t *testing.T) {
	d := Database{Data: Data{DataDir: "/var/lib/x"}}
	if d.URL() != "sqlite:///var/lib/x/schedule.db" {
		t.Errorf("got %s", d.URL())
	}
}

func TestServeOps(t *testing.T) {
	away := errors.New("redis does not answer")
	checks := map[string]Check{
		"database": func(context.Context) error { return nil },
		"redis":    func(context.Context) error { return away },
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "some_total", Help: "x"}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	ops, err := ListenOps("127.0.0.1:0", checks, metrics)
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- ops.Run(ctx) }()
	address := strings.TrimPrefix(ops.Shown()[1].(string), "http://")

	if status, _ := get(t, address, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	status, body := get(t, address, "/readyz")
	var ready struct {
		Status string
		Checks map[string]string
	}
	if err := json.Unmarshal([]byte(body), &ready); err != nil {
		t.Fatal(err)
	}
	if status != http.StatusServiceUnavailable || ready.Status != "unavailable" || ready.Checks["redis"] != away.Error() || ready.Checks["database"] != "ok" {
		t.Errorf("/readyz: %d %s", status, body)
	}
	away = nil
	if status, body := get(t, address, "/readyz"); status != http.StatusOK || !strings.Contains(body, `"status":"ok"`) {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _ := get(t, address, "/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("/debug/pprof/ on the address of probes: %d", status)
	}
	if _, body := get(t, address, "/metrics"); !strings.Contains(body, "some_total 0") {
		t.Errorf("/metrics: %s", body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestServeOpsNamesAnAddressInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = ListenOps(listener.Addr().String(), nil, prometheus.NewRegistry())
	if err == nil || !strings.Contains(err.Error(), "--ops-listen: cannot listen on "+listener.Addr().String()) {
		t.Errorf("got %v", err)
	}
	if fault, unusable := flagOf(err); fault == nil || unusable {
		t.Errorf("the address is taken for an unusable one: %v", err)
	}
}

func TestProfilesHaveAnAddressOfTheirOwn(t *testing.T) {
	profiles, err := ListenPprof("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- profiles.Run(ctx) }()
	address := strings.TrimPrefix(profiles.Shown()[1].(string), "http://")
	if status, body := get(t, address, "/debug/pprof/"); status != http.StatusOK || !strings.Contains(body, "goroutine") {
		t.Errorf("/debug/pprof/: %d %s", status, body)
	}
	if status, _ := get(t, address, "/metrics"); status != http.StatusNotFound {
		t.Errorf("/metrics on the address of profiles: %d", status)
	}
	if _, err := ListenPprof(address); err == nil || !strings.Contains(err.Error(), "--pprof-listen: cannot listen on "+address) {
		t.Errorf("an address in use: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOpsMayBeOff(t *testing.T) {
	ops, err := ListenOps("", nil, prometheus.NewRegistry())
	if err != nil || ops.Shown() != nil {
		t.Fatalf("%v, %v", ops, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ops.Run(ctx); err != nil {
		t.Error(err)
	}
}

func get(t *testing.T, address, path string) (int, string) {
	t.Helper()
	response, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
