package flow

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/beat"
	"schedule-server/pkg/job"
	"schedule-server/pkg/publish"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/recorder"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
	"schedule-server/pkg/worker"
)

// plant is the whole service without its API in one process, on a database and a
// Redis, with a clock that can be set forward.
type plant struct {
	*world
	redisURL string
	store    *store.Store
	// record starts to record what is reported, and gives what stops it.
	record func() (stop func())
	// stop ends all but the workers.
	stop func()
	// rounds counts the reconciler's looks at runs of which nothing was heard.
	rounds *atomic.Int64
	ahead  *atomic.Int64 // of the real clock, in milliseconds
}

// newPlant has a Redis and a SQLite of its own.
func newPlant(t *testing.T) *plant {
	t.Helper()
	redis := testserver.StartRedis(t)
	p := &plant{world: &world{t: t, redis: redis}, redisURL: redis.URL(), ahead: &atomic.Int64{}}
	p.start("sqlite://"+filepath.Join(t.TempDir(), "jobs.db"), 0)
	return p
}

// start begins to fire and to reconcile, every so often, by a database.
func (p *plant) start(database string, reconcile time.Duration) {
	t := p.t
	t.Helper()
	s, err := store.Open(t.Context(), database, store.Options{})
	must(t, err)
	p.store, p.broker, p.rounds = s, p.connect("test:0"), &atomic.Int64{}
	r, err := recorder.New(p.broker, s, publish.New(p.broker, nil, nil), recorder.Options{Name: "test:0", Now: p.now})
	must(t, err)
	b, err := beat.New(s, p.broker, p.broker, beat.Options{Now: p.now, Reconcile: reconcile})
	must(t, err)
	p.record = func() func() { return p.background(r.Run) }
	stops := []func(){
		p.background(b.NewReconciler(s, s, s, counted{p.broker, p.rounds}).Run),
		p.background(b.Run),
	}
	p.stop = sync.OnceFunc(func() {
		for _, stop := range stops {
			stop()
		}
		must(t, s.Close())
	})
	t.Cleanup(p.stop)
}

// counted is a broker whose looks at runs are counted.
type counted struct {
	*queue.Broker
	rounds *atomic.Int64
}

func (c counted) Find(ctx context.Context, runs []job.OpenRun, thorough bool) ([]job.Remains, error) {
	defer c.rounds.Add(1)
	return c.Broker.Find(ctx, runs, thorough)
}

func (p *plant) now() job.Instant { return now() + job.Instant(p.ahead.Load()) }

func (p *plant) forward(d time.Duration) { p.ahead.Add(d.Milliseconds()) }

func (p *plant) connect(name string) *queue.Broker {
	p.t.Helper()
	b, err := queue.Open(queue.Options{URL: p.redisURL, Now: p.now, Name: name})
	must(p.t, err)
	p.t.Cleanup(func() { must(p.t, b.Close()) })
	return b
}

// call starts a worker whose targets may complete their runs later.
func (p *plant) call() (stop func()) {
	p.t.Helper()
	keys, err := job.ParseKeys(strings.Repeat("k", 43) + "=")
	must(p.t, err)
	b := p.connect("test:1")
	w, err := worker.New(b, worker.Options{
		Now: p.now, Name: "test:1", Allow: []string{"loopback"}, Shared: b, PublicURL: "https://cron.example.com", Keys: keys,
	})
	must(p.t, err)
	p.t.Cleanup(w.Close)
	return p.background(b.NewWorkers(w, queue.WorkerOptions{Concurrency: 4, ShutdownTimeout: time.Second}).Run)
}

// hourly registers a job that falls due an hour from now, and then every hour.
func (p *plant) hourly(policy job.Concurrency, url string) {
	p.t.Helper()
	parser := &trigger.Parser{}
	text := fmt.Sprintf(`{"id":"a","schedule":{"type":"interval","every":"1h"},"request":{"url":%q},"policy":{"concurrency_policy":%q,
		"retry":{"max_attempts":3,"max_backoff":"1h"}}}`, url, policy)
	in, err := job.DecodeInput([]byte(text), "", parser, p.now())
	must(p.t, err)
	j := &job.Job{Definition: in.Definition, Status: job.StatusActive, CreatedAt: p.now(), UpdatedAt: p.now()}
	compiled, err := j.Compile(parser)
	must(p.t, err)
	j.Plan(compiled, p.now())
	must(p.t, p.store.CreateJob(context.Background(), j))
}

// story waits until the job's runs, the oldest first, have these states and reasons.
func (p *plant) story(want ...string) {
	p.t.Helper()
	eventually(p.t, func() string {
		page, err := p.store.ListRuns(context.Background(), job.RunQuery{JobID: "a", Limit: 100})
		must(p.t, err)
		var got []string
		for _, r := range slices.Backward(page.Runs) {
			got = append(got, strings.TrimSpace(string(r.State)+" "+string(r.Reason)))
		}
		if slices.Equal(got, want) {
			return ""
		}
		return fmt.Sprintf("the runs are %q, want %q", got, want)
	})
}

// A call whose result was lost with all of Redis is made again under the same key: nobody can know that it ended
// well. The run has one account, and the next occurrence is called as well.
func TestAResultThatIsLostJamsNoJob(t *testing.T) {
	t.Parallel()
	for _, policy := range []job.Concurrency{job.ConcurrencyForbid, job.ConcurrencyQueue} {
		t.Run(string(policy), func(t *testing.T) {
			p := newPlant(t)
			keys := make(chan string, 10)
			tg := newTarget(t, func(_ http.ResponseWriter, r *http.Request) { keys <- r.Header.Get("Idempotency-Key") })
			p.call()
			p.hourly(policy, tg.URL)
			p.forward(time.Hour)
			eventually(t, func() string {
				if n := p.redis.Must(t, "XLEN", "{schedule}:results"); n != int64(2) {
					return fmt.Sprintf("%v events are reported, not the start and the end", n)
				}
				return ""
			})
			p.story("queued")
			p.redis.Must(t, "FLUSHALL")
			p.record()
			p.forward(time.Minute)
			p.story("succeeded ok")
			p.forward(59 * time.Minute)
			p.story("succeeded ok", "succeeded ok")
			if first, again, next := <-keys, <-keys, <-keys; first != again || next == first || len(keys) > 0 {
				t.Errorf("called are %s, %s, %s and %d more", first, again, next, len(keys))
			}
		})
	}
}

// A run whose task vanished is delivered again, and the next occurrence finds it ended.
func TestAVanishedTaskJamsNoJob(t *testing.T) {
	t.Parallel()
	for _, policy := range []job.Concurrency{job.ConcurrencyForbid, job.ConcurrencyQueue} {
		t.Run(string(policy), func(t *testing.T) {
			p := newPlant(t)
			p.record()
			tg := newTarget(t, func(http.ResponseWriter, *http.Request) {})
			p.hourly(policy, tg.URL)
			p.forward(time.Hour)
			p.story("queued")
			p.redis.Must(t, "FLUSHALL")
			p.call()
			p.forward(time.Minute)
			p.story("succeeded ok")
			p.forward(59 * time.Minute)
			p.story("succeeded ok", "succeeded ok")
			if calls, _, _ := tg.seen(); calls != 2 {
				t.Errorf("%d calls were made", calls)
			}
		})
	}
}

// A run whose target never completes it ends at the moment it was given, and no later occurrence is held up.
func TestACompletionThatNeverComesJamsNoJob(t *testing.T) {
	t.Parallel()
	meanwhile := map[job.Concurrency]struct{ during, after []string }{
		job.ConcurrencyForbid: {
			[]string{"running", "skipped overlap"},
			[]string{"failed completion_timeout", "skipped overlap"},
		},
		job.ConcurrencyQueue: {
			[]string{"running", "waiting"},
			[]string{"failed completion_timeout", "succeeded ok"},
		},
	}
	for policy, want := range meanwhile {
		t.Run(string(policy), func(t *testing.T) {
			p := newPlant(t)
			p.record()
			var calls atomic.Int64
			tg := newTarget(t, func(rw http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) == 1 {
					rw.Header().Set("X-Schedule-Wait", "90m")
					rw.WriteHeader(http.StatusAccepted)
				}
			})
			p.call()
			p.hourly(policy, tg.URL)
			p.forward(time.Hour)
			p.story("running")
			p.waits()
			p.redis.Must(t, "FLUSHALL") // its deadline is in the database
			p.forward(time.Hour)
			p.story(want.during...)
			p.forward(31 * time.Minute)
			p.story(want.after...)
			p.forward(29 * time.Minute)
			p.story(append(want.after, "succeeded ok")...)
		})
	}
}

// waits until the target's answer, which asks for time, is recorded.
func (p *plant) waits() {
	p.t.Helper()
	eventually(p.t, func() string {
		page, err := p.store.ListRuns(context.Background(), job.RunQuery{JobID: "a", Limit: 1})
		must(p.t, err)
		if page.Runs[0].WaitUntil() != nil {
			return ""
		}
		return fmt.Sprintf("the run is %+v", page.Runs[0])
	})
}
