package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"schedule-server/internal/testserver"
)

// object is a JSON object.
type object map[string]any

// layout is a way to run the service.
type layout struct {
	name                string
	postgres            bool
	redis, oneProcess   bool
	beats, workers      int
	concurrencyOfWorker int
}

// The layouts that users run: all in one process; three roles over SQLite; over PostgreSQL.
var (
	standalone      = layout{name: "standalone", oneProcess: true}
	standaloneRedis = layout{name: "standalone, redis-server", oneProcess: true, redis: true}
	overSQLite      = layout{name: "api, beat, worker, SQLite", redis: true, beats: 1, workers: 1}
	overPostgres    = layout{name: "api, beat, worker, PostgreSQL", redis: true, beats: 1, workers: 1, postgres: true}
)

// service is a running service.
type service struct {
	b        *testing.B
	layout   layout
	url      string
	db       *database
	redis    *testserver.Redis
	postgres *testserver.Postgres
	pids     map[string]int
	// listeners are where roles serve their profiles.
	listeners map[string]string
	stops     []func()
}

// neighbours starts what the layout needs, and makes the schema.
func neighbours(b *testing.B, l layout) *service {
	b.Helper()
	s := &service{b: b, layout: l, pids: map[string]int{}, listeners: map[string]string{}}
	if l.redis {
		// As a user would run it: everything is on disk within a second.
		s.redis = testserver.StartRedis(b, "--appendfsync", "everysec")
		s.pids["redis"] = s.redis.PID()
	}
	url := newSQLite(b)
	if l.postgres {
		s.postgres = testserver.StartPostgres(b, "-c", "fsync=on", "-c", "shared_buffers=1GB", "-c", "max_wal_size=8GB")
		url = s.postgres.CreateDatabase(b, "schedule")
	}
	s.db = openDatabase(b, url)
	s.url = fmt.Sprintf("http://127.0.0.1:%d", testserver.FreePort(b))
	return s
}

// newService starts the service and waits until it is ready.
func newService(b *testing.B, l layout) *service {
	b.Helper()
	s := neighbours(b, l)
	s.start()
	return s
}

// start starts the roles of the layout.
func (s *service) start() {
	s.b.Helper()
	if s.layout.oneProcess {
		s.run("standalone", append(s.storage(), "--listen", s.url[len("http://"):])...)
	} else {
		s.startAPI()
		for range s.layout.beats {
			s.run("beat", append(s.storage(), s.ops("beat")...)...)
		}
		for range s.layout.workers {
			s.startWorker()
		}
	}
	s.ready()
}

func (s *service) startAPI() {
	s.run("api", append(s.storage(), "--listen", s.url[len("http://"):])...)
}

func (s *service) startWorker() {
	args := []string{"--redis-url", s.redis.URL(), "--allow-targets", "loopback"}
	if n := s.layout.concurrencyOfWorker; n > 0 {
		args = append(args, "--concurrency", fmt.Sprint(n))
	}
	s.run("worker", append(args, s.ops("worker")...)...)
}

// storage are the flags that say where data lies.
func (s *service) storage() []string {
	args := []string{"--database-url", s.db.url}
	if s.redis != nil {
		args = append(args, "--redis-url", s.redis.URL())
	}
	return args
}

// ops gives a role a listener for its profile, where one is asked for.
func (s *service) ops(role string) []string {
	if *profiles == "" {
		return nil
	}
	address := fmt.Sprintf("127.0.0.1:%d", testserver.FreePort(s.b))
	s.listeners[role] = address
	return []string{"--pprof-listen", address}
}

// profile writes profiles of the next seconds, and returns a wait for their end.
func (s *service) profile(seconds int) (wait func()) {
	if err := os.MkdirAll(*profiles, 0o700); *profiles != "" && err != nil {
		s.b.Fatal(err)
	}
	var group sync.WaitGroup
	for role, address := range s.listeners {
		group.Go(func() {
			response, err := client.Get(fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", address, seconds))
			if err != nil {
				s.b.Error(err)
				return
			}
			defer response.Body.Close()
			profile, err := io.ReadAll(response.Body)
			if err != nil {
				s.b.Error(err)
				return
			}
			s.write(role+".pprof", profile)
		})
	}
	return func() {
		group.Wait()
		if s.redis != nil && *profiles != "" {
			s.write("redis-commands.txt", fmt.Append(nil, s.redis.Must(s.b, "INFO", "commandstats")))
		}
	}
}

// write writes a file beside the profiles.
func (s *service) write(name string, data []byte) {
	if err := os.WriteFile(filepath.Join(*profiles, name), data, 0o600); err != nil {
		s.b.Error(err)
	}
}

// run starts one program until the benchmark ends.
func (s *service) run(role string, args ...string) *testserver.Program {
	s.b.Helper()
	p := programs.Start(s.b, role, args...)
	s.pids[role] = p.Cmd.Process.Pid
	s.stops = append(s.stops, p.Kill)
	s.b.Cleanup(func() {
		if s.b.Failed() {
			s.b.Logf("%s said:\n%s", role, p.Log.Tail(4000))
		}
	})
	return p
}

// stop ends the roles.
func (s *service) stop() {
	for _, stop := range s.stops {
		stop()
	}
	s.stops = nil
}

// call makes a call of the API.
func (s *service) call(method, path string, body any) (int, []byte) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, []byte(err.Error())
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequest(method, s.url+path, reader)
	if err != nil {
		return 0, []byte(err.Error())
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return response.StatusCode, answer
}

// client calls APIs, and keeps its connections.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// must makes a call of the API that has to succeed.
func (s *service) must(method, path string, body any) []byte {
	s.b.Helper()
	status, answer := s.call(method, path, body)
	if status < 200 || status > 299 {
		s.b.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

// ready waits until all parts of the service are there.
func (s *service) ready() {
	s.b.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		status, answer := s.call("GET", "/readyz?full", nil)
		if status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			s.b.Fatalf("not ready: %s", answer)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// create makes one job that calls the target. Its URL holds its id.
func (s *service) create(id string, schedule object, t *target) {
	s.b.Helper()
	s.must("POST", "/api/v1/jobs", object{"id": id, "schedule": schedule, "request": object{"url": t.URL + "/?job=" + id}})
}

// backlog is how many tasks and reports are under way in Redis.
func (s *service) backlog() int {
	if s.redis == nil {
		return 0
	}
	pending, _ := s.redis.Must(s.b, "LLEN", "asynq:{default}:pending").(int64)
	reports, _ := s.redis.Must(s.b, "XLEN", "{schedule}:results").(int64)
	return int(pending + reports)
}
