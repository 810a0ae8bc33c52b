package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// riverCall is the job of River that calls the target.
type riverCall struct {
	ID string `json:"id"`
}

// Kind names it.
func (riverCall) Kind() string { return "call" }

// riverWorker makes its call.
type riverWorker struct {
	river.WorkerDefaults[riverCall]
	*caller
}

// Work makes the call.
func (w *riverWorker) Work(_ context.Context, j *river.Job[riverCall]) error {
	return w.call(j.Args.ID)
}

// once is a schedule of one moment, and then of none for long.
type once time.Time

// Next is that moment.
func (o once) Next(after time.Time) time.Time {
	if at := time.Time(o); after.Before(at) {
		return at
	}
	return after.Add(24 * time.Hour)
}

// runRiver is a River client with n periodic jobs and River's defaults, but for the concurrency.
func runRiver(o *order) error {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, o.postgres+"&pool_max_conns=16")
	if err != nil {
		return err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	jobs := make([]*river.PeriodicJob, o.n)
	for i := range jobs {
		call := riverCall{ID: peerJob(i)}
		jobs[i] = river.NewPeriodicJob(once(o.due), func() (river.JobArgs, *river.InsertOpts) { return call, nil }, nil)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{caller: newCaller(o)})
	client, err := river.NewClient(driver, &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: atOnce}},
		Workers: workers, PeriodicJobs: jobs, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	// Only the leader fires periodic jobs.
	for leaders := 0; leaders == 0; time.Sleep(20 * time.Millisecond) {
		if err := pool.QueryRow(ctx, "SELECT count(*) FROM river_leader").Scan(&leaders); err != nil {
			return fmt.Errorf("look for the leader: %w", err)
		}
	}
	return readyUntilKilled()
}
