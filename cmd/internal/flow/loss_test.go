package flow

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/mattn/go-sqlite3"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
)

// often is how often the reconciler looks in these tests.
const often = 100 * time.Millisecond

// lossy is a plant whose Redis, or database, is tampered with.
type lossy struct {
	*plant
	client *redis.Client
	keys   chan string // of the calls that were made
	// answer is what the target does with a call, after it has counted it.
	answer atomic.Pointer[http.HandlerFunc]
}

// onEachRedis runs a test on a redis-server and on the embedded Redis.
func onEachRedis(t *testing.T, test func(t *testing.T, x *lossy)) {
	t.Parallel()
	t.Run("redis-server", func(t *testing.T) { test(t, newLossy(t, testserver.StartRedis(t).URL())) })
	t.Run("embedded", func(t *testing.T) {
		e, err := queue.NewEmbedded()
		must(t, err)
		t.Cleanup(e.Close)
		test(t, newLossy(t, e.URL()))
	})
}

func newLossy(t *testing.T, redisURL string) *lossy {
	t.Helper()
	o, err := redis.ParseURL(redisURL)
	must(t, err)
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	x := &lossy{client: redis.NewClient(o), keys: make(chan string, 100),
		plant: &plant{world: &world{t: t}, redisURL: redisURL, ahead: &atomic.Int64{}}}
	t.Cleanup(func() { must(t, x.client.Close()) })
	x.answers(ok)
	return x
}

func (x *lossy) answers(f http.HandlerFunc) { x.answer.Store(&f) }

// fire starts the plant, registers a job and lets it fall due.
func (x *lossy) fire(reconcile time.Duration) {
	x.t.Helper()
	tg := newTarget(x.t, func(rw http.ResponseWriter, r *http.Request) {
		x.keys <- r.Header.Get("Idempotency-Key")
		(*x.answer.Load())(rw, r)
	})
	x.start("sqlite://"+filepath.Join(x.t.TempDir(), "jobs.db"), reconcile)
	x.record()
	x.hourly(job.ConcurrencyForbid, tg.URL)
	x.forward(time.Hour)
	eventually(x.t, func() string {
		page, err := x.store.ListRuns(context.Background(), job.RunQuery{JobID: "a", Limit: 1})
		must(x.t, err)
		if len(page.Runs) == 0 {
			return "nothing has fallen due"
		}
		return ""
	})
}

// fails answers with an error that asks for a minute's wait.
func fails(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Retry-After", "60")
	rw.WriteHeader(http.StatusServiceUnavailable)
}

func (x *lossy) vanish(keys ...string) {
	x.t.Helper()
	must(x.t, x.client.Del(context.Background(), keys...).Err())
}

func (x *lossy) run() job.Run {
	x.t.Helper()
	page, err := x.store.ListRuns(context.Background(), job.RunQuery{JobID: "a", Limit: 1})
	must(x.t, err)
	if len(page.Runs) != 1 {
		x.t.Fatalf("there are %d runs", len(page.Runs))
	}
	return page.Runs[0]
}

// waits until the run waits for the attempt after its nth, in the database and in Redis.
func (x *lossy) waits(n int) (runID string) {
	x.t.Helper()
	eventually(x.t, func() string {
		run := x.run()
		runID = run.ID
		there, err := x.client.ZScore(context.Background(), retryKey, runID).Result()
		if run.State == job.StateRetrying && len(run.Attempts) == n && err == nil && there > 0 {
			return ""
		}
		return fmt.Sprintf("the run is %s after %d attempts, want the wait after %d (%v)", run.State, len(run.Attempts), n, err)
	})
	return runID
}

// comes lets the moment of the next attempt come, for asynq and for all clocks here.
func (x *lossy) comes(runID string) {
	x.t.Helper()
	must(x.t, x.client.ZAddXX(context.Background(), retryKey, redis.Z{Score: 1, Member: runID}).Err())
	x.forward(2 * time.Minute)
}

// called checks that the run was called so often, always under its key, and that its attempts are numbered.
func (x *lossy) called(n, attempts int) {
	x.t.Helper()
	run := x.run()
	if len(x.keys) != n {
		x.t.Errorf("called %d times, want %d", len(x.keys), n)
	}
	for len(x.keys) > 0 {
		if key := <-x.keys; key != run.ID {
			x.t.Errorf("called under the key %s, want %s", key, run.ID)
		}
	}
	var numbers []int
	for i := range run.Attempts {
		numbers = append(numbers, run.Attempts[i].N)
	}
	want := make([]int, attempts)
	for i := range want {
		want[i] = i + 1
	}
	if fmt.Sprint(numbers) != fmt.Sprint(want) {
		x.t.Errorf("the attempts are numbered %v, want %v", numbers, want)
	}
}

const (
	taskKey    = "asynq:{default}:t:"
	pendingKey = "asynq:{default}:pending"
	activeKey  = "asynq:{default}:active"
	leaseKey   = "asynq:{default}:lease"
	retryKey   = "asynq:{default}:retry"
)

// A task's hash vanishes during the wait for a retry, and asynq's forwarder makes a part of it anew.
func TestAHashThatVanishesInABackoffJamsNoJob(t *testing.T) {
	onEachRedis(t, func(_ *testing.T, x *lossy) {
		x.answers(fails)
		x.call()
		x.fire(often)
		id := x.waits(1)
		x.answers(ok)
		x.vanish(taskKey + id)
		x.comes(id)
		x.story("succeeded ok")
		x.called(2, 2)
	})
}

// The set of those that wait for a retry vanishes.
func TestARetrySetThatVanishesJamsNoJob(t *testing.T) {
	onEachRedis(t, func(_ *testing.T, x *lossy) {
		x.answers(fails)
		x.call()
		x.fire(often)
		id := x.waits(1)
		x.answers(ok)
		x.vanish(retryKey)
		x.comes(id)
		x.story("succeeded ok")
		x.called(2, 2)
	})
}

// The list of those that wait for a worker vanishes while there is none.
func TestAPendingListThatVanishesJamsNoJob(t *testing.T) {
	onEachRedis(t, func(_ *testing.T, x *lossy) {
		x.fire(often)
		eventually(x.t, func() string {
			if n := x.client.LLen(context.Background(), pendingKey).Val(); n != 1 {
				return fmt.Sprintf("%d tasks wait", n)
			}
			return ""
		})
		x.vanish(pendingKey)
		x.forward(time.Minute)
		x.call()
		x.story("succeeded ok")
		x.called(1, 1)
	})
}

// Whatever of this service's own keys, or of those with a time to live, vanishes in each wait: there are
// never more attempts than the job allows, and no number comes twice.
func TestKeysThatVanishInEachBackoffMakeNoAttemptsMore(t *testing.T) {
	for name, also := range map[string]bool{"ours and those that expire": false, "all of them": true} {
		t.Run(name, func(t *testing.T) {
			onEachRedis(t, func(_ *testing.T, x *lossy) {
				ctx := context.Background()
				x.answers(fails)
				x.call()
				x.fire(often)
				for n := 1; n < 3; n++ {
					id := x.waits(n)
					keys, err := x.client.Keys(ctx, "*").Result()
					must(x.t, err)
					for _, key := range keys {
						if also || strings.HasPrefix(key, "{schedule}:") && !strings.Contains(key, "workers") || x.client.TTL(ctx, key).Val() > 0 {
							x.vanish(key)
						}
					}
					x.comes(id)
				}
				x.story("failed status_503")
				x.called(3, 3)
			})
		})
	}
}

// Redis loses everything while a call is under way and its worker lives: the call is not made a second time.
func TestAFlushDuringACallRepeatsNothing(t *testing.T) {
	onEachRedis(t, func(_ *testing.T, x *lossy) {
		release := make(chan struct{})
		x.answers(func(http.ResponseWriter, *http.Request) { <-release })
		x.call()
		x.call()                // who delivers a run does not begin it a second time; another would
		x.fire(3 * time.Second) // longer than a worker takes to say again what it has in its hands
		x.story("running")
		must(x.t, x.client.FlushAll(context.Background()).Err())
		x.forward(20 * time.Second)
		from := x.rounds.Load()
		eventually(x.t, func() string {
			if n := x.rounds.Load() - from; n < 3 {
				return fmt.Sprintf("the reconciler has looked %d times", n)
			}
			return ""
		})
		close(release)
		x.story("succeeded ok")
		x.called(1, 1)
	})
}

// A worker took a task and is never heard of, though all that asynq keeps of it is there: past the deadline the run is delivered anew.
func TestARunThatIsTakenAndNeverBegunIsDeliveredAnew(t *testing.T) {
	onEachRedis(t, func(_ *testing.T, x *lossy) {
		ctx := context.Background()
		x.fire(often)
		var id string
		eventually(x.t, func() string {
			var err error
			id, err = x.client.LMove(ctx, pendingKey, activeKey, "RIGHT", "LEFT").Result()
			if err != nil {
				return err.Error()
			}
			return ""
		})
		must(x.t, x.client.HSet(ctx, taskKey+id, "state", "active", "taker", "nobody").Err())
		must(x.t, x.client.ZAdd(ctx, leaseKey, redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: id}).Err())
		x.call()
		x.forward(job.QueueTime - time.Minute)
		eventually(x.t, func() string {
			if n := x.rounds.Load(); n < 10 {
				return fmt.Sprintf("the reconciler has looked %d times", n)
			}
			return ""
		})
		x.story("queued")
		x.forward(2 * time.Minute)
		x.story("succeeded ok")
		x.called(1, 1)
	})
}

// The database goes back to what it was before a call, beside the same Redis, which remembers that
// the call was made: it is made again under the same key, and at once.
func TestADatabaseThatIsSetBackJamsNoJob(t *testing.T) {
	t.Parallel()
	for name, databases := range map[string]func(t *testing.T) (database string, copied func() string){
		"sqlite": sqliteCopies, "postgres": postgresCopies,
	} {
		t.Run(name, func(t *testing.T) {
			x := newLossy(t, testserver.StartRedis(t).URL())
			database, copied := databases(t)
			tg := newTarget(t, func(_ http.ResponseWriter, r *http.Request) { x.keys <- r.Header.Get("Idempotency-Key") })
			x.start(database, often)
			x.hourly(job.ConcurrencyForbid, tg.URL)
			x.forward(time.Hour)
			x.story("queued")
			x.stop()
			earlier := copied()

			x.start(database, often)
			stop := x.record()
			x.call()
			x.story("succeeded ok")
			stop()
			x.stop()

			x.start(earlier, often)
			x.record()
			x.story("succeeded ok")
			x.called(2, 1)
			x.forward(time.Hour)
			x.story("succeeded ok", "succeeded ok")
		})
	}
}

func sqliteCopies(t *testing.T) (database string, copied func() string) {
	folder := t.TempDir()
	file, earlier := filepath.Join(folder, "jobs.db"), filepath.Join(folder, "earlier.db")
	return "sqlite://" + file, func() string {
		db, err := sql.Open("sqlite3", file)
		must(t, err)
		defer db.Close()
		_, err = db.Exec("VACUUM INTO ?", earlier)
		must(t, err)
		if _, err := os.Stat(earlier); err != nil {
			t.Fatal(err)
		}
		return "sqlite://" + earlier
	}
}

func postgresCopies(t *testing.T) (database string, copied func() string) {
	server := testserver.StartPostgres(t)
	database = server.CreateDatabase(t, "jobs")
	return database, func() string {
		conn, err := pgx.Connect(context.Background(), server.URL("postgres"))
		must(t, err)
		defer conn.Close(context.Background())
		_, err = conn.Exec(context.Background(), "CREATE DATABASE earlier TEMPLATE jobs")
		must(t, err)
		return server.URL("earlier")
	}
}
