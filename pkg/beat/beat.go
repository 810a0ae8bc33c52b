// Package beat owns the firing of schedules: it waits for the next due job,
// claims what is due, decides each occurrence by its job's policy and hands the
// runs to the queue; and it reconciles the history with the queue, so that what
// one of them lost is delivered all the same. It keeps no schedule in memory and
// makes no call itself. Any number of beats may run side by side.
package beat

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// Store is the schedule: the database's index on what is due.
type Store interface {
	// NextDue is the earliest moment after the given one at which a job is due; nil: none.
	NextDue(ctx context.Context, after job.Instant) (*job.Instant, error)
	// Claim takes due jobs in one transaction, asks decide what to do with each, and writes it.
	Claim(ctx context.Context, c job.Claim, decide func([]job.Due) []job.Verdict) (job.Claimed, error)
}

// Queue takes runs to the workers.
type Queue interface {
	// Enqueue delivers the tasks; a task that is already there is no error. After
	// an error the same tasks may be given again.
	Enqueue(ctx context.Context, tasks []job.Task) error
}

// Signals are what beat hears from the other processes.
type Signals interface {
	// Wakes carries a value after jobs changed; it closes when the context ends.
	Wakes(ctx context.Context) <-chan struct{}
	// Settle waits until all results that are under way now have been recorded.
	Settle(ctx context.Context) error
	// BeatAlive tells the others, for some seconds, that a beat is there.
	BeatAlive(ctx context.Context) error
	// CheckClock is an error while the clock of this process must not be gone by.
	CheckClock(ctx context.Context) error
}

// RunLog is told of runs that came to an end here. It must not block.
type RunLog interface {
	// Claimed is told of runs that ended with the claim that made them.
	Claimed(runs []*job.Run)
	// Recorded is told of runs that the reconciler ended.
	Recorded(done *job.Recorded)
}

// noRunLog says nothing.
type noRunLog struct{}

func (noRunLog) Claimed([]*job.Run)     {}
func (noRunLog) Recorded(*job.Recorded) {}

// Options tune a beat. The zero value of each but Now is usable.
type Options struct {
	// Now reads the clock.
	Now func() job.Instant
	// Logger takes what operators should know. Nil: nothing is logged.
	Logger *slog.Logger
	// Metrics takes the beat's counters. Nil: they are counted and not shown.
	Metrics prometheus.Registerer
	// Announce takes the news of what a claim did, and must not block. Nil: nobody is told.
	Announce func(changes ...job.News)
	// Log takes what is to be said of runs. Nil: nothing is.
	Log RunLog
	// Calendars are those that schedules may name. Nil: the built-in ones.
	Calendars *trigger.Calendars
	// ChunkSize is how many jobs one transaction claims. Zero: 1,000.
	ChunkSize int
	// Reconcile is how often open runs are compared with the queue, and how long a run
	// may be without news before it is. Zero: 3s.
	Reconcile time.Duration
}

const (
	defaultChunk = 1000
	// firstChunk is how many jobs the first transaction claims at most: the workers begin
	// with these while the next ones, each of four times as many, are claimed.
	firstChunk = 100
	// safetyNet bounds every wait: should a wake-up be lost, a change is seen this much later.
	safetyNet = time.Second
	// aliveEvery is how often a beat says that it is there.
	aliveEvery = 3 * time.Second
	minBackoff = 50 * time.Millisecond
	maxBackoff = 2 * time.Second
	// enqueueWithin is how old the knowledge may be that a run is to be enqueued. It
	// is less than the queue remembers a task that has ended: later, a run that
	// somebody else delivered meanwhile would be called again.
	enqueueWithin = 4 * time.Minute
)

// Beat fires schedules. Make it with New.
type Beat struct {
	store   Store
	queue   Queue
	signals Signals
	now     func() job.Instant
	logger  *slog.Logger
	metrics *metrics
	chunk   int
	parser  trigger.Parser
	// announce tells the pages what changed.
	announce func(changes ...job.News)
	runLog   RunLog

	// settledAt is the moment up to which every reported result is recorded.
	settledAt atomic.Int64
	settling  atomic.Bool
	settled   chan struct{}
	reconcile time.Duration
	// cancels tells the reconciler that there may be runs to cancel.
	cancels chan struct{}
	// pulse tells whether what is due is claimed and enqueued.
	pulse *job.Pulse
}

// New makes a beat. The error says which dependency is missing.
func New(store Store, queue Queue, signals Signals, o Options) (*Beat, error) {
	if store == nil || queue == nil || signals == nil || o.Now == nil {
		return nil, errors.New("beat: store, queue, signals and Now are required")
	}
	b := &Beat{
		store: store, queue: queue, signals: signals, now: o.Now,
		logger: o.Logger, chunk: o.ChunkSize, metrics: newMetrics(o.Metrics),
		settled: make(chan struct{}, 1), cancels: make(chan struct{}, 1),
		pulse: job.NewPulse(nil),
	}
	b.parser.Calendars = o.Calendars
	if b.logger == nil {
		b.logger = slog.New(slog.DiscardHandler)
	}
	if b.announce = o.Announce; b.announce == nil {
		b.announce = func(...job.News) {}
	}
	if b.runLog = o.Log; b.runLog == nil {
		b.runLog = noRunLog{}
	}
	if b.chunk <= 0 {
		b.chunk = defaultChunk
	}
	if b.reconcile = o.Reconcile; b.reconcile <= 0 {
		b.reconcile = defaultReconcile
	}
	return b, nil
}

// Run fires schedules until the context ends; it never gives up on a neighbour
// that is away. It returns nil.
func (b *Beat) Run(ctx context.Context) error {
	var side sync.WaitGroup
	defer side.Wait()
	side.Go(func() { b.stayAlive(ctx) })

	wakes := b.signals.Wakes(ctx)
	outage := newOutage(b.logger, "the schedule cannot be read or fired")
	for ctx.Err() == nil {
		wait, err := b.turn(ctx, &side)
		if ctx.Err() != nil {
			break
		}
		b.pulse.Done(err)
		wait = outage.after(err, wait)
		if wakes, err = b.sleep(ctx, wait, wakes); err != nil {
			break
		}
	}
	return nil
}

// Check is why what is due is not being claimed and enqueued; nil when it is.
func (b *Beat) Check(context.Context) error { return b.pulse.Beating() }

// turn fires what is due and says how long nothing else will be.
func (b *Beat) turn(ctx context.Context, side *sync.WaitGroup) (time.Duration, error) {
	if err := b.signals.CheckClock(ctx); err != nil {
		return 0, err // it would fire too early, or too late
	}
	now := b.now()
	deferred, err := b.fire(ctx, now)
	if err != nil {
		return 0, err
	}
	if deferred > 0 {
		b.settle(ctx, side)
	}
	next, err := b.store.NextDue(ctx, now)
	if err != nil || next == nil {
		return safetyNet, err
	}
	return min(safetyNet, max(0, time.Duration(*next-b.now())*time.Millisecond)), nil
}

// fire claims all jobs due at the moment, chunk by chunk, and enqueues their
// runs. It says how many were left for after the results under way are recorded.
func (b *Beat) fire(ctx context.Context, now job.Instant) (deferred int, err error) {
	decide := decider{parser: &b.parser, now: now, settledAt: job.Instant(b.settledAt.Load())}
	if decide.settledAt > now { // the clock was set back: that moment is to come
		decide.settledAt = 0
	}
	var verdicts []job.Verdict
	claim := job.Claim{Now: now, Limit: min(firstChunk, b.chunk)}
	for {
		claimed, err := b.store.Claim(ctx, claim, func(due []job.Due) []job.Verdict {
			verdicts = decide.all(due)
			return verdicts
		})
		if err != nil {
			return deferred, err
		}
		b.metrics.claimed(claimed, now)
		b.runLog.Claimed(endedBy(verdicts))
		// The pages are told before the workers hear of the runs, and tell more of them.
		b.announce(append(job.NewsOfVerdicts(verdicts), job.NewsOfIncidents(claimed.Incidents)...)...)
		if claimed.Replaced > 0 {
			signal(b.cancels)
		}
		if err := b.enqueue(ctx, claimed.Tasks); err != nil {
			return deferred, err
		}
		b.pulse.Moved()
		deferred += claimed.Deferred
		if claimed.Seen < claim.Limit {
			return deferred, nil
		}
		claim.After, claim.Limit = claimed.Last, min(4*claim.Limit, b.chunk)
	}
}

// endedBy lists the runs that ended with the claim that made them.
func endedBy(verdicts []job.Verdict) (ended []*job.Run) {
	for i := range verdicts {
		for k := range verdicts[i].Runs {
			if run := &verdicts[i].Runs[k]; !verdicts[i].Defer && run.State.Final() {
				ended = append(ended, run)
			}
		}
	}
	return ended
}

// enqueue hands committed runs to the queue, for as long as it takes: while the
// queue is away nothing more is claimed, so that what falls due meanwhile is
// judged by its misfire policy and not piled up. After a long time it only waits
// for the queue, and leaves the runs to the reconciler, which asks before it delivers.
func (b *Beat) enqueue(ctx context.Context, tasks []job.Task) error {
	if len(tasks) == 0 {
		return nil
	}
	outage := newOutage(b.logger, "claimed runs cannot be enqueued")
	fresh, stop := context.WithTimeout(ctx, enqueueWithin)
	defer stop()
	for {
		var err error
		if fresh.Err() == nil {
			err = b.queue.Enqueue(fresh, tasks)
		} else {
			err = b.signals.BeatAlive(ctx)
		}
		wait := outage.after(err, 0)
		if err == nil {
			return nil
		}
		b.pulse.Done(err)
		if err := pause(ctx, wait); err != nil {
			return err // the reconciler of the next start delivers them
		}
	}
}

// settle waits beside the firing loop until the results that are under way are
// recorded. Then it is known whether the runs that stand in the way of a
// deferred occurrence have really not ended.
func (b *Beat) settle(ctx context.Context, side *sync.WaitGroup) {
	if !b.settling.CompareAndSwap(false, true) {
		return
	}
	side.Go(func() {
		defer b.settling.Store(false)
		at := b.now()
		if err := b.signals.Settle(ctx); err != nil {
			return // the loop comes back within the safety net and tries again
		}
		b.settledAt.Store(int64(at))
		signal(b.settled)
	})
}

// signal wakes whoever listens; several signals are one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sleep waits for the next due job, for a change, or for the results to be
// recorded. The error is the context's.
func (b *Beat) sleep(ctx context.Context, wait time.Duration, wakes <-chan struct{}) (<-chan struct{}, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.settled:
	case _, open := <-wakes:
		if !open {
			wakes = nil // the safety net remains
		}
		signal(b.cancels) // the change may have been a deletion that an API began and did not end
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return wakes, nil
}

func (b *Beat) stayAlive(ctx context.Context) {
	for {
		// A queue that is away makes the beat count as absent: that is the truth.
		_ = b.signals.BeatAlive(ctx)
		if pause(ctx, aliveEvery) != nil {
			return
		}
	}
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
