package api

import (
	"context"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/service"
)

func TestServiceEndpoints(t *testing.T) {
	w := newWorld(t, worldOptions{})
	if a := w.call("GET", "/healthz", "").is(200); a.body != `{"status":"ok"}`+"\n" {
		t.Error(a.body)
	}
	var r readiness
	w.call("GET", "/readyz", "").is(200).into(&r)
	if want := (map[string]string{"database": "ok", "redis": "ok", "beat": "none alive", "worker": "none alive"}); r.Status != "ok" || !maps.Equal(r.Checks, want) {
		t.Errorf("%+v", r)
	}
	w.call("GET", "/readyz?full=false", "").is(200)
	w.call("GET", "/readyz?full", "").is(503).into(&r)
	want := map[string]string{
		"database": "ok", "redis": "ok", "beat": "none alive", "worker": "none alive", "schedule": "ok", "results": "ok", "channels": "ok",
	}
	if r.Status != "unavailable" || !maps.Equal(r.Checks, want) {
		t.Errorf("%+v", r)
	}
	w.call("POST", "/api/v1/jobs", cronJob).is(201)
	w.call("GET", "/api/v1/jobs/a", "").is(200)
	w.call("GET", "/nothing", "").is(404)
	metrics := w.call("GET", "/metrics", "").is(200).body
	for _, want := range []string{
		`schedule_http_requests_total{method="GET",route="/api/v1/jobs/:id",status="200"} 1`,
		`schedule_http_requests_total{method="GET",route="unmatched",status="404"} 1`,
		`schedule_http_request_duration_seconds_count{method="POST",route="/api/v1/jobs"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	w.call("GET", "/scheduler/get_jobs", "").is(200)
	if a := w.call("GET", "/scheduler/nothing", "").is(404); a.body != `{"detail":"Not Found"}` {
		t.Errorf("the original's API answers %s", a.body)
	}
}

// TestReady sees a beat and a worker come up.
func TestReady(t *testing.T) {
	w := newWorld(t, worldOptions{})
	must(t, w.broker.BeatAlive(t.Context()))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	workers := w.broker.NewWorkers(idle{}, queue.WorkerOptions{Concurrency: 1, ShutdownTimeout: time.Second})
	go func() { ended <- workers.Run(ctx) }()
	eventually(t, "ready", func() bool { return w.call("GET", "/readyz?full", "").status == 200 })
	stop()
	must(t, <-ended)
}

// What is due and is not fired, and what was reported and is not recorded, is said by /readyz?full and to the page.
func TestReadyMeansItFires(t *testing.T) {
	w := newWorld(t, worldOptions{})
	says := func(check, want string) {
		t.Helper()
		var r readiness
		w.call("GET", "/readyz?full", "").is(503).into(&r)
		if r.Checks[check] != want {
			t.Errorf("%s is %q, want %q", check, r.Checks[check], want)
		}
	}
	w.call("POST", "/api/v1/jobs", `{"id":"due","schedule":{"type":"interval","every":"10s"},"request":{"url":"http://example.com/"}}`).is(201)
	w.pass(12 * time.Second)
	says("schedule", "ok")
	w.pass(30 * time.Second)
	says("schedule", "due jobs have not been fired for 32s")
	w.call("GET", "/readyz", "").is(200)
	var got statsAnswer
	w.call("GET", "/api/v1/stats", "").is(200).into(&got)
	if len(got.Warnings) != 1 || got.Warnings[0].Code != "not_fired" || got.Warnings[0].MessageZH == "" {
		t.Errorf("the page is told %+v", got.Warnings)
	}
}

// What another role of this process lacks makes the process unready.
func TestRolesOfThisProcessCount(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.server.deps.Roles = map[string]func(context.Context) error{
		"schedule": func(context.Context) error {
			return job.Errorf(job.CodeUnavailable, "failing for 7s: redis refuses to work (NOPERM)")
		},
		"results": func(context.Context) error { return nil },
	}
	var r readiness
	w.call("GET", "/readyz", "").is(503).into(&r)
	if r.Checks["schedule"] != "failing for 7s: redis refuses to work (NOPERM)" || r.Checks["results"] != "ok" {
		t.Errorf("%+v", r)
	}
}

type idle struct{}

func (idle) Deliver(context.Context, *job.Task) (job.Outcome, error) { return job.Outcome{}, nil }

func TestPages(t *testing.T) {
	for _, base := range []string{"", "/cron/v2"} {
		t.Run("base "+base, func(t *testing.T) {
			w := newWorld(t, worldOptions{basePath: base, monitor: true})
			w.call("POST", "/api/v1/jobs", cronJob).is(201)
			for path, want := range map[string]string{
				"/":                          "<title>the page</title>",
				"/docs":                      "swagger-ui-bundle.js",
				"/docs/start.js":             "SwaggerUIBundle(",
				"/docs/swagger-ui-bundle.js": "SwaggerUI",
				"/docs/swagger-ui.css":       ".swagger-ui",
				"/docs/favicon-32x32.png":    "PNG",
				"/openapi.json":              `"version":"1.2.3"`,
				"/monitoring":                "Asynq",
				"/monitoring/api/queues":     "queues",
				"/monitoring/queues/default": "Asynq",
				"/scheduler/get_jobs":        `"total":1`,
				"/api/v1/jobs":               `"total":1`,
				"/metrics":                   "schedule_http_requests_total",
			} {
				a := w.call("GET", path, "").is(200)
				if !strings.Contains(a.body, want) {
					t.Errorf("%s does not hold %q", path, want)
				}
				policy := a.header.Values("Content-Security-Policy")
				if len(policy) != 1 || !strings.Contains(policy[0], "frame-ancestors") || len(a.header.Values("X-Content-Type-Options")) != 1 {
					t.Errorf("%s: %v", path, a.header)
				}
				for _, other := range []string{"http:", "https:", "*", "script-src 'unsafe-inline'"} {
					if strings.Contains(policy[0], other) {
						t.Errorf("%s: the policy %q allows %s", path, policy[0], other)
					}
				}
			}
			a := w.call("GET", "/docs/", "").is(308)
			if got := a.header.Get("Location"); got != base+"/docs" {
				t.Errorf("Location %q", got)
			}
			if location := w.call("PUT", "/api/v1/jobs/b", strings.Replace(cronJob, `"id":"a",`, "", 1)).is(201).header.Get("Location"); location != base+"/api/v1/jobs/b" {
				t.Errorf("Location %q", location)
			}
			if base != "" {
				w.url = strings.TrimSuffix(w.url, base)
				w.call("GET", base, "").is(308)
				w.call("GET", "/api/v1/jobs", "").problem(404, "not_found")
				w.call("GET", "/", "").problem(404, "not_found")
			}
		})
	}
}

func TestOptions(t *testing.T) {
	w := newWorld(t, worldOptions{})
	deps := w.deps()
	for _, base := range []string{"cron", "/cron/", "//", "/a:b", "/a*", "/a b", "/a?"} {
		if _, err := New(deps, Options{BasePath: base}); err == nil || !strings.Contains(err.Error(), "--base-path") {
			t.Errorf("base path %q: %v", base, err)
		}
	}
	if _, err := New(Deps{}, Options{}); err == nil {
		t.Error("a server without neighbours")
	}
	taken := strings.TrimPrefix(w.url, "http://")
	s, err := New(deps, Options{Listen: taken})
	must(t, err)
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), taken) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a port in use: %v", err)
	}
}

// TestShutdown lets a request that is under way end, and takes no further one.
func TestShutdown(t *testing.T) {
	t.Parallel()
	slow := &holding{entered: make(chan struct{}), release: make(chan struct{})}
	w := newWorld(t, worldOptions{jobs: func(s service.Store) service.Store { slow.Store = s; return slow }})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server, err := New(w.deps(),
		Options{Listener: listener, ShutdownTimeout: 10 * time.Second})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	w.url = "http://" + listener.Addr().String()
	answered := make(chan int, 1)
	go func() {
		response, err := w.client.Get(w.url + "/api/v1/jobs/none")
		if err != nil {
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	<-slow.entered
	stop()
	eventually(t, "no new connection is taken", func() bool {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(slow.release)
	if status := <-answered; status != 404 {
		t.Errorf("the request under way was answered with %d", status)
	}
	must(t, <-ended)
}

// TestStopAtOnce ends a server whose context ended before it served.
func TestStopAtOnce(t *testing.T) {
	w := newWorld(t, worldOptions{})
	server, err := New(w.deps(), Options{Listen: "127.0.0.1:0"})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	must(t, server.Run(ctx))
}

type holding struct {
	service.Store
	entered, release chan struct{}
}

func (h *holding) GetJob(ctx context.Context, id string) (*job.Job, error) {
	close(h.entered)
	<-h.release
	return h.Store.GetJob(ctx, id)
}

// TestMetrics_State wants the metrics of the whole service to follow it, and the others to stay when the database goes away.
func TestMetrics_State(t *testing.T) {
	w := newWorld(t, worldOptions{})
	const oldest, depth = "schedule_oldest_due_seconds 0\n", "schedule_queue_depth{queue=\"default\"} 0\n"
	metrics := w.call("GET", "/metrics", "").is(200).body
	for _, want := range []string{oldest, depth} {
		if !strings.Contains(metrics, want) {
			t.Errorf("with nothing to do the metrics lack %s", want)
		}
	}

	late := newWorld(t, worldOptions{})
	late.call("POST", "/api/v1/jobs", `{"id":"a","schedule":{"type":"interval","every":"10s"},"request":{"url":"https://m.example/"}}`).is(201)
	var made job.Job
	late.call("GET", "/api/v1/jobs/a", "").is(200).into(&made)
	late.call("POST", "/api/v1/jobs/a/run", `{}`).is(202)
	late.now.Store(int64(made.NextRunAt.Add(90 * time.Second))) // no beat claims it
	metrics = late.call("GET", "/metrics", "").is(200).body
	for _, want := range []string{"schedule_oldest_due_seconds 90\n", "schedule_queue_depth{queue=\"default\"} 1\n"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("with a late job the metrics lack %s", want)
		}
	}

	gone := newStateMetrics(func(context.Context) (*service.Stats, error) { return nil, job.Errorf(job.CodeUnavailable, "away") })
	registry := prometheus.NewRegistry()
	registry.MustRegister(gone)
	if families, err := registry.Gather(); err != nil || len(families) != 0 {
		t.Errorf("without a database they tell %v, %v", families, err)
	}
}
