package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"schedule-server/pkg/job"
)

// cached keeps what was read for a while, the longer the more it cost, and reads
// it anew for one caller at a time. Others get what there is meanwhile, and wait
// only where there is nothing.
type cached[T any] struct {
	// fresh is how long a value counts as the present at least; it is share times
	// as long as reading it took, if that is more.
	fresh time.Duration
	share int
	read  func(ctx context.Context) (T, error)
	turn  chan struct{}

	mu    sync.Mutex
	value T
	known bool
	until time.Time
}

func newCached[T any](fresh time.Duration, share int, read func(ctx context.Context) (T, error)) *cached[T] {
	return &cached[T]{fresh: fresh, share: share, read: read, turn: make(chan struct{}, 1)}
}

// stale is how long past its time a value is still given to who need not wait.
const stale = 30 * time.Second

// get gives the value. The error is that of reading it.
func (c *cached[T]) get(ctx context.Context) (T, error) {
	value, known, current := c.look()
	if current {
		return value, nil
	}
	if known {
		select {
		case c.turn <- struct{}{}:
		default:
			return value, nil // somebody is reading it
		}
	} else {
		select {
		case c.turn <- struct{}{}:
		case <-ctx.Done():
			return value, ctx.Err()
		}
	}
	defer func() { <-c.turn }()
	if value, _, current = c.look(); current {
		return value, nil // somebody else was faster
	}
	start := time.Now() // a distance, as all of this
	value, err := c.read(ctx)
	if err != nil {
		return value, err
	}
	c.keep(value, time.Since(start))
	return value, nil
}

func (c *cached[T]) look() (value T, known, current bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	return c.value, c.known && now.Before(c.until.Add(stale)), c.known && now.Before(c.until)
}

func (c *cached[T]) keep(value T, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value, c.known = value, true
	c.until = time.Now().Add(max(c.fresh, time.Duration(c.share)*took))
}

// statsFresh is how long statistics are answered again; statsShare times as long
// as they took, if that is more.
const (
	statsFresh = time.Second
	statsShare = 20
)

// Stats is the state of the service in numbers.
type Stats struct {
	At   job.Instant `json:"at"`
	Jobs JobStats    `json:"jobs"`
	Runs RunStats    `json:"runs"`
	// DueNextHour counts the jobs that are due within the next hour.
	DueNextHour int64 `json:"due_next_hour"`
	// OldestDue is when the job that beat has waited for the longest fell due. Nil: none is due. It is for metrics alone.
	OldestDue *job.Instant `json:"-"`
	// Failing counts the jobs whose last run failed.
	Failing int64 `json:"failing"`
	// Incidents counts the open incidents by kind.
	Incidents map[string]int64 `json:"incidents"`
	// Queues, Beats and Workers are null when Redis does not answer.
	Queues  []job.QueueStat `json:"queues"`
	Beats   *int            `json:"beats"`
	Workers *int            `json:"workers"`
	Lag     lagStats        `json:"lag"`
	// Hosts are those whose calls are held back, at most 100; null when Redis does not answer.
	Hosts []job.HeldHost `json:"hosts"`
	// Warnings are what people who look after the service should know.
	Warnings []job.Warning `json:"warnings"`
}

// JobStats counts jobs by status.
type JobStats struct {
	Total     int64 `json:"total"`
	Active    int64 `json:"active"`
	Paused    int64 `json:"paused"`
	Completed int64 `json:"completed"`
}

// RunStats counts the runs that are open now and the occurrences of the last 24 hours that have ended.
type RunStats struct {
	Waiting   int64 `json:"waiting"`
	Queued    int64 `json:"queued"`
	Running   int64 `json:"running"`
	Retrying  int64 `json:"retrying"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Skipped   int64 `json:"skipped"`
	Missed    int64 `json:"missed"`
	Canceled  int64 `json:"canceled"`
}

// lagStats tells how long recent runs started after their moment.
type lagStats struct {
	// P50MS and P95MS are null when there was no run lately.
	P50MS *int64 `json:"p50_ms"`
	P95MS *int64 `json:"p95_ms"`
	// Runs is how many they are told from.
	Runs int `json:"runs"`
}

// statsReader gathers the statistics from its neighbours.
type statsReader struct {
	now    func() job.Instant
	fleet  Fleet
	stored *cached[*job.Stats]
	queues *cached[fleetStats]
	// idle warns of work that nobody does.
	idle *cached[[]job.Warning]
	// incidents counts the open ones by kind.
	incidents *cached[map[string]int64]
}

// Fleet tells what Redis knows of queues, workers and hosts.
type Fleet interface {
	// Stats tells the state of the queues.
	Stats(ctx context.Context) ([]job.QueueStat, error)
	// HeldHosts tells the hosts whose calls are held back.
	HeldHosts(ctx context.Context) ([]job.HeldHost, error)
	// Alive counts the beats and the workers that gave a sign of life lately.
	Alive(ctx context.Context) (beats, workers int, err error)
	// CheckResults is an error when what workers report has not been recorded for a while.
	CheckResults(ctx context.Context) error
	// Warnings are what people should know of Redis.
	Warnings() []job.Warning
}

// fleetWait bounds one look at Redis.
const fleetWait = 2 * time.Second

// fleetStats is what Redis knows.
type fleetStats struct {
	queues         []job.QueueStat
	beats, workers int
	hosts          []job.HeldHost
}

// statsHosts is how many held hosts are shown.
const statsHosts = 100

func newStatsReader(store Store, fleet Fleet, now func() job.Instant) *statsReader {
	r := &statsReader{now: now, fleet: fleet}
	r.stored = newCached(statsFresh, statsShare, func(ctx context.Context) (*job.Stats, error) {
		return store.Stats(ctx, now())
	})
	r.incidents = newCached(statsFresh, statsShare, func(ctx context.Context) (map[string]int64, error) { return store.CountIncidents(ctx) })
	r.queues = newCached(statsFresh, statsShare, func(ctx context.Context) (fleetStats, error) {
		ctx, stop := context.WithTimeout(ctx, fleetWait)
		defer stop()
		queues, err := fleet.Stats(ctx)
		if err != nil {
			return fleetStats{}, err
		}
		hosts, err := fleet.HeldHosts(ctx)
		if err != nil {
			return fleetStats{}, err
		}
		hosts = append([]job.HeldHost{}, hosts[:min(len(hosts), statsHosts)]...)
		beats, workers, err := fleet.Alive(ctx)
		return fleetStats{queues, beats, workers, hosts}, err
	})
	r.idle = newCached(statsFresh, statsShare, func(ctx context.Context) ([]job.Warning, error) {
		ctx, stop := context.WithTimeout(ctx, fleetWait)
		defer stop()
		return idleWarnings(store.CheckDue(ctx, now()), fleet.CheckResults(ctx)), nil
	})
	return r
}

// idleWarnings warns of jobs that are not fired and results that are not recorded. What could not be asked is said elsewhere.
func idleWarnings(due, results error) (warnings []job.Warning) {
	if errors.Is(due, job.ErrStalled) {
		text := job.DetailOf(due)
		warnings = append(warnings, job.Warning{Code: "not_fired",
			Message:   "No beat fires what is due: " + text + ". See /readyz of the beats.",
			MessageZH: "到期任务没有被触发：" + text + "。请查看各 beat 的 /readyz。"})
	}
	if errors.Is(results, job.ErrStalled) {
		text := job.DetailOf(results)
		warnings = append(warnings, job.Warning{Code: "not_recorded",
			Message:   "No beat records what workers report: " + text + ". See /readyz of the beats.",
			MessageZH: "执行结果没有被记录：" + text + "。请查看各 beat 的 /readyz。"})
	}
	return warnings
}

// Stats answers the statistics. The error is that of the database; where Redis is
// away, what it knows is left out.
func (s *Service) Stats(ctx context.Context) (*Stats, error) { return s.stats.read(ctx) }

func (r *statsReader) read(ctx context.Context) (*Stats, error) {
	stored, err := r.stored.get(ctx)
	if err != nil {
		return nil, err
	}
	answer := &Stats{
		At: r.now(), DueNextHour: stored.DueSoon, OldestDue: stored.OldestDue, Failing: stored.Failing,
		Jobs: JobStats{
			Total:  stored.Active + stored.Paused + stored.Completed,
			Active: stored.Active, Paused: stored.Paused, Completed: stored.Completed,
		},
		Runs: RunStats{
			Waiting: stored.Open[job.StateWaiting], Queued: stored.Open[job.StateQueued],
			Running: stored.Open[job.StateRunning], Retrying: stored.Open[job.StateRetrying],
			Succeeded: stored.Ended[job.StateSucceeded], Failed: stored.Ended[job.StateFailed],
			Skipped: stored.Ended[job.StateSkipped], Missed: stored.Ended[job.StateMissed],
			Canceled: stored.Ended[job.StateCanceled],
		},
		Lag: lagOf(stored.Lags), Warnings: []job.Warning{},
	}
	if answer.Incidents, err = r.incidents.get(ctx); err != nil {
		return nil, err
	}
	if r.fleet == nil {
		return answer, nil
	}
	answer.Warnings = append(answer.Warnings, r.fleet.Warnings()...)
	if idle, err := r.idle.get(ctx); err == nil {
		answer.Warnings = append(answer.Warnings, idle...)
	}
	if fleet, err := r.queues.get(ctx); err == nil {
		answer.Hosts = fleet.hosts
		answer.Queues, answer.Beats, answer.Workers = fleet.queues, &fleet.beats, &fleet.workers
	}
	return answer, nil
}

// lagOf takes the lags in ascending order.
func lagOf(lags []int64) lagStats {
	lag := lagStats{Runs: len(lags)}
	if n := len(lags); n > 0 {
		p50, p95 := lags[(n-1)*50/100], lags[(n-1)*95/100]
		lag.P50MS, lag.P95MS = &p50, &p95
	}
	return lag
}
