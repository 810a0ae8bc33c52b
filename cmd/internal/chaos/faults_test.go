package chaos

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/mattn/go-sqlite3"
	"github.com/redis/go-redis/v9"
)

// fault is what was broken, from its beginning until it was mended.
type fault struct {
	kind       string // "kill -9 worker"
	who        string
	from, till int64
}

// faultLog is the list of faults.
type faultLog struct {
	mu   sync.Mutex
	list []fault
	bad  []string // what went wrong that nobody broke
}

func (l *faultLog) add(f fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, f)
}

func (l *faultLog) amiss(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad = append(l.bad, what)
}

// agitator breaks one thing after another. Several of them may overlap, each
// with things of its own choice.
type agitator struct {
	w      *world
	random *rand.Rand
}

// run breaks things until the context ends, and mends what it broke.
func (a *agitator) run(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, time.Duration(200+a.random.IntN(1500))*time.Millisecond)
		if ctx.Err() != nil {
			return
		}
		a.w.checkAlive()
		a.breakOne(ctx)
	}
}

func (a *agitator) upTo(most time.Duration) time.Duration {
	return time.Duration(a.random.Int64N(int64(most)))
}

func (a *agitator) breakOne(ctx context.Context) {
	switch dice := a.random.IntN(100); {
	case dice < 24:
		a.killRole(ctx, a.any("beat", "worker", "worker", "api"))
	case dice < 36:
		a.stopRole(ctx, a.any("beat", "worker"), 300*time.Millisecond+a.upTo(2700*time.Millisecond))
	case dice < 48:
		a.restartRole(ctx, a.any("beat", "worker", "api"))
	case dice < 76:
		a.breakRedis(ctx, dice)
	default:
		a.breakDatabase(ctx, dice)
	}
}

func (a *agitator) any(kinds ...string) *role {
	some := a.w.of(kinds[a.random.IntN(len(kinds))])
	return some[a.random.IntN(len(some))]
}

func (a *agitator) killRole(ctx context.Context, r *role) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := fault{kind: "kill -9 " + r.kind, who: r.name, from: nowMS()}
	r.program.Kill()
	pause(ctx, a.upTo(2*time.Second))
	r.program = r.start()
	f.till = nowMS()
	a.w.faults.add(f)
}

func (a *agitator) stopRole(ctx context.Context, r *role, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := fault{kind: "SIGSTOP " + r.kind, who: r.name, from: nowMS()}
	if wait > 30*time.Second {
		f.kind += " > 30 s"
	}
	r.program.Suspend()
	pause(ctx, wait)
	r.program.Resume()
	f.till = nowMS()
	a.w.faults.add(f)
}

func (a *agitator) restartRole(ctx context.Context, r *role) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := fault{kind: "SIGTERM " + r.kind, who: r.name, from: nowMS()}
	if !r.stop(context.WithoutCancel(ctx)) {
		a.w.faults.amiss(r.name + " did not stop within 45 s of SIGTERM:\n" + r.program.Log.Tail(2000))
		r.program.Kill()
	}
	r.program = r.start()
	f.till = nowMS()
	a.w.faults.add(f)
}

func (a *agitator) breakRedis(ctx context.Context, dice int) {
	a.w.redisMu.Lock()
	defer a.w.redisMu.Unlock()
	f := fault{who: "redis", from: nowMS()}
	switch {
	case dice < 58:
		f.kind = "SIGSTOP redis"
		a.w.redis.Suspend()
		pause(ctx, 300*time.Millisecond+a.upTo(2700*time.Millisecond))
		a.w.redis.Resume()
	case dice < 68:
		f.kind = "kill -9 redis"
		a.w.redis.Kill()
		pause(ctx, a.upTo(2*time.Second))
		a.w.redis.Start()
	default:
		f.kind = "FLUSHALL"
		a.w.flush()
	}
	f.till = nowMS()
	a.w.faults.add(f)
}

// flush empties Redis.
func (w *world) flush() {
	options, err := redis.ParseURL(w.redis.URL())
	if err == nil {
		client := redis.NewClient(options)
		defer client.Close()
		err = client.FlushAll(context.Background()).Err()
	}
	if err != nil {
		w.faults.amiss("FLUSHALL: " + err.Error())
	}
}

func (a *agitator) breakDatabase(ctx context.Context, dice int) {
	a.w.databaseMu.Lock()
	defer a.w.databaseMu.Unlock()
	f := fault{who: a.w.kind, from: nowMS()}
	var err error
	switch {
	case a.w.kind == "sqlite":
		f.kind = "lock sqlite"
		err = lockSQLite(ctx, a.w.file, 500*time.Millisecond+a.upTo(3500*time.Millisecond))
	case dice < 82:
		f.kind = "kill -9 postgres"
		a.w.postgres.Kill()
		pause(ctx, a.upTo(2*time.Second))
		a.w.postgres.Start()
	case dice < 90:
		f.kind = "restart postgres"
		a.w.postgres.Stop()
		pause(ctx, a.upTo(2*time.Second))
		a.w.postgres.Start()
	default:
		f.kind = "cut postgres connections"
		err = cutConnections(ctx, a.w.postgres.URL("postgres"))
	}
	if err != nil && ctx.Err() == nil {
		a.w.faults.amiss(f.kind + ": " + err.Error())
	}
	f.till = nowMS()
	a.w.faults.add(f)
}

// lockSQLite keeps everybody else from writing, as a backup or a person with a shell does.
func lockSQLite(ctx context.Context, file string, wait time.Duration) error {
	db, err := sql.Open("sqlite3", "file:"+file+"?_txlock=immediate&_busy_timeout=10000")
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	pause(ctx, wait)
	return tx.Rollback()
}

func cutConnections(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'schedule'")
	return err
}

// checkAlive looks for processes that ended by themselves, and starts them again.
func (w *world) checkAlive() {
	for _, r := range w.roles {
		if !r.mu.TryLock() {
			continue // somebody is breaking it
		}
		if r.died() {
			w.faults.amiss(r.name + " ended by itself:\n" + r.program.Log.Tail(2000))
			r.program = r.start()
		}
		r.mu.Unlock()
	}
}
