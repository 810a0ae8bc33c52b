package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// statsFresh is how long statistics are answered again; statsShare times as long
// as they took, if that is more.
const (
	statsFresh = time.Second
	statsShare = 20
)

// stats is the state of the service in numbers.
type stats struct {
	At   job.Instant `json:"at"`
	Jobs jobStats    `json:"jobs"`
	Runs runStats    `json:"runs"`
	// DueNextHour counts the jobs that are due within the next hour.
	DueNextHour int64 `json:"due_next_hour"`
	// Failing counts the jobs whose last run failed.
	Failing int64 `json:"failing"`
	// Queues, Beats and Workers are null when Redis does not answer.
	Queues  []job.QueueStat `json:"queues"`
	Beats   *int            `json:"beats"`
	Workers *int            `json:"workers"`
	Lag     lagStats        `json:"lag"`
	// Hosts are those whose calls are held back, at most 100; null when Redis does not answer.
	Hosts []job.HeldHost `json:"hosts"`
	// Warnings are what people who look after the service should know.
	Warnings []job.Warning `json:"warnings"`
	Version  string        `json:"version"`
}

type jobStats struct {
	Total     int64 `json:"total"`
	Active    int64 `json:"active"`
	Paused    int64 `json:"paused"`
	Completed int64 `json:"completed"`
}

// runStats counts the runs that are open now and the occurrences of the last 24 hours that have ended.
type runStats struct {
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
	deps    Deps
	version string
	stored  *cached[*job.Stats]
	queues  *cached[fleetStats]
}

// fleetStats is what Redis knows.
type fleetStats struct {
	queues         []job.QueueStat
	beats, workers int
	hosts          []job.HeldHost
}

// statsHosts is how many held hosts are shown.
const statsHosts = 100

func newStatsReader(d Deps, version string) *statsReader {
	r := &statsReader{deps: d, version: version}
	r.stored = newCached(statsFresh, statsShare, func(ctx context.Context) (*job.Stats, error) {
		return d.Overview.Stats(ctx, d.Now())
	})
	r.queues = newCached(statsFresh, statsShare, func(ctx context.Context) (fleetStats, error) {
		ctx, stop := context.WithTimeout(ctx, checkWait)
		defer stop()
		queues, err := d.Queues(ctx)
		if err != nil {
			return fleetStats{}, err
		}
		hosts, err := d.HeldHosts(ctx)
		if err != nil {
			return fleetStats{}, err
		}
		hosts = append([]job.HeldHost{}, hosts[:min(len(hosts), statsHosts)]...)
		beats, workers, err := d.Health.Alive(ctx)
		return fleetStats{queues, beats, workers, hosts}, err
	})
	return r
}

func (s *Server) getStats(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	answer, err := s.stats.read(c.UserContext())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-cache")
	return c.JSON(answer)
}

// read answers the statistics. The error is that of the database; where Redis is
// away, what it knows is left out.
func (r *statsReader) read(ctx context.Context) (*stats, error) {
	stored, err := r.stored.get(ctx)
	if err != nil {
		return nil, err
	}
	answer := &stats{
		At: r.deps.Now(), DueNextHour: stored.DueSoon, Failing: stored.Failing, Version: r.version,
		Jobs: jobStats{
			Total:  stored.Active + stored.Paused + stored.Completed,
			Active: stored.Active, Paused: stored.Paused, Completed: stored.Completed,
		},
		Runs: runStats{
			Waiting: stored.Open[job.StateWaiting], Queued: stored.Open[job.StateQueued],
			Running: stored.Open[job.StateRunning], Retrying: stored.Open[job.StateRetrying],
			Succeeded: stored.Ended[job.StateSucceeded], Failed: stored.Ended[job.StateFailed],
			Skipped: stored.Ended[job.StateSkipped], Missed: stored.Ended[job.StateMissed],
			Canceled: stored.Ended[job.StateCanceled],
		},
		Lag: lagOf(stored.Lags), Warnings: []job.Warning{},
	}
	if r.deps.Warnings != nil {
		answer.Warnings = r.deps.Warnings()
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
