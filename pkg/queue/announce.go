package queue

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

const (
	// changesMax is about how many entries of news are kept for who comes back.
	changesMax = 1000
	// announceEvery is how long news is gathered before it is told, announceWait
	// how long telling it may take.
	announceEvery = 100 * time.Millisecond
	announceWait  = 2 * time.Second
	// announceWithin is how old news may be that is told one by one: later, others have told what came after it.
	announceWithin = 5 * time.Second
	// announceRuns and announceJobs are how many runs and jobs are told of one by
	// one in that time; the others are only counted.
	announceRuns = 50
	announceJobs = 200
)

// Announcer tells all API processes what changed. It never holds up who tells it
// something: news is gathered, the latest of each run and job, and sent by Run.
// What is too much to be told, or cannot be told while Redis is away, is counted.
type Announcer struct {
	b    *Broker
	wake chan struct{}

	mu   sync.Mutex
	runs gathered
	jobs gathered
	// since is when the oldest of that was gathered; the wall clock, because the process may have slept.
	since time.Time
}

// gathered is news of one kind, the latest of each id, in the order of the first.
type gathered struct {
	places map[string]int
	list   []job.News
	// others counts what is not in the list.
	others int
	most   int
}

func (g *gathered) add(id string, c job.News) {
	if at, known := g.places[id]; known {
		if before := g.list[at].Run; before == nil || !before.State.Final() || c.Run.State.Final() {
			g.list[at] = c
		}
		return
	}
	if len(g.list) >= g.most {
		g.others++
		return
	}
	if g.places == nil {
		g.places = make(map[string]int, g.most)
	}
	g.places[id] = len(g.list)
	g.list = append(g.list, c)
}

// take empties it.
func (g *gathered) take() (list []job.News, others int) {
	list, others = g.list, g.others
	g.list, g.others = nil, 0
	clear(g.places)
	return list, others
}

// NewAnnouncer makes an announcer; nothing is sent before Run.
func (b *Broker) NewAnnouncer() *Announcer {
	return &Announcer{b: b, wake: make(chan struct{}, 1), runs: gathered{most: announceRuns}, jobs: gathered{most: announceJobs}}
}

// Announce takes news in and returns at once.
func (a *Announcer) Announce(changes ...job.News) {
	if len(changes) == 0 {
		return
	}
	a.mu.Lock()
	if a.since.IsZero() {
		a.since = time.Now().Round(0)
	}
	for _, c := range changes {
		switch {
		case c.Run != nil:
			a.runs.add(c.Run.ID, c)
		case c.Job != nil:
			a.jobs.add(c.Job.ID, c)
		case c.Many != nil:
			a.runs.others += c.Many.Runs
			a.jobs.others += c.Many.Jobs
		}
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run sends what was announced until the context ends, and then what is left. It returns nil.
func (a *Announcer) Run(ctx context.Context) error {
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
			defer stop()
			_ = a.send(last) // the page asks again anyhow
			return nil
		case <-a.wake:
		}
		if ctx.Err() != nil {
			continue // what is left goes with the last
		}
		wait := announceEvery
		if a.send(context.WithoutCancel(ctx)) != nil { // news that is under way at the end is not turned into a number
			wait += backoff(failures)
			failures++
		} else {
			failures = 0
		}
		pause(ctx, wait)
	}
}

// send tells what was gathered, as one entry.
func (a *Announcer) send(ctx context.Context) error {
	a.mu.Lock()
	changes, runs := a.runs.take()
	jobs, others := a.jobs.take()
	late := !a.since.IsZero() && time.Now().Round(0).Sub(a.since) >= announceWithin
	a.since = time.Time{}
	a.mu.Unlock()
	changes = append(changes, jobs...)
	if late {
		many := lost(changes).Many
		changes, runs, others = nil, runs+many.Runs, others+many.Jobs
	}
	if runs+others > 0 {
		changes = append(changes, job.News{Many: &job.ManyChanges{Runs: runs, Jobs: others}})
	}
	if len(changes) == 0 {
		return nil
	}
	text, err := json.Marshal(changes)
	if err != nil {
		a.b.log.Error("news cannot be encoded", "error", err)
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, announceWait)
	defer stop()
	err = a.b.client.XAdd(ctx, &redis.XAddArgs{
		Stream: a.b.key(keyChanges), MaxLen: changesMax, Approx: true, Values: []any{fieldFormat, formatJSON, fieldChanges, text},
	}).Err()
	if err != nil {
		a.b.outage.failed(err)
		a.Announce(lost(changes))
	}
	return err
}

// lost counts news that could not be told.
func lost(changes []job.News) job.News {
	var many job.ManyChanges
	for _, c := range changes {
		switch {
		case c.Run != nil:
			many.Runs++
		case c.Job != nil:
			many.Jobs++
		case c.Many != nil:
			many.Runs += c.Many.Runs
			many.Jobs += c.Many.Jobs
		}
	}
	return job.News{Many: &many}
}
