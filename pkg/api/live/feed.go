// Package live owns the news that pages watch: one reader for the whole process
// takes them in, and any number of watchers read them from one ring in memory,
// each at its own pace. It knows no HTTP.
package live

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"

	"schedule-server/pkg/job"
)

// Source is where news comes from.
type Source interface {
	// Changes hands over news, each batch with an id, until the context ends. Lost
	// is called when some may be missing.
	Changes(ctx context.Context, handle func(id string, changes []job.News), lost func()) error
}

// Kind is what an event is about.
type Kind string

// The kinds of events.
const (
	KindRun      Kind = "run"      // a job.RunChange
	KindJob      Kind = "job"      // a job.JobChange
	KindIncident Kind = "incident" // a job.IncidentChange
	KindMany     Kind = "many"     // a job.ManyChanges
	KindReset    Kind = "reset"    // events are missing: what is shown must be read anew
)

// Event is one piece of news as it goes to the watchers.
type Event struct {
	// ID names the event in all processes.
	ID   string
	Kind Kind
	// JobID is the job it is about; empty for KindMany.
	JobID string
	// Data is the JSON of the news.
	Data []byte
}

// kept is how many events are kept for watchers that are behind or come back.
const kept = 4096

// Feed holds the latest news. Make it with NewFeed.
type Feed struct {
	source Source

	mu sync.Mutex
	// ring holds the events first to next-1; the one numbered n lies at n % kept.
	ring        [kept]Event
	first, next uint64
	// order leaves out news of runs that come too late. Only take uses it.
	order order
	// changed is closed, and made anew, when an event was added.
	changed chan struct{}
	// ended is done when the feed ends.
	ended context.Context
	end   context.CancelFunc
}

// NewFeed makes a feed; it is empty until Run reads the source.
func NewFeed(source Source) *Feed {
	f := &Feed{source: source, changed: make(chan struct{})}
	f.ended, f.end = context.WithCancel(context.Background())
	return f
}

// Run takes in news until the context ends, which ends every watcher at once. It
// may be called once. The error is that of a source that gave up.
func (f *Feed) Run(ctx context.Context) error {
	defer f.end()
	defer context.AfterFunc(ctx, f.end)() // the source may take a while to return
	err := f.source.Changes(ctx, f.take, f.lose)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Ended is closed when the feed has ended.
func (f *Feed) Ended() <-chan struct{} { return f.ended.Done() }

// AfterEnd runs what is given when the feed ends, unless stop is called before.
func (f *Feed) AfterEnd(run func()) (stop func() bool) { return context.AfterFunc(f.ended, run) }

// take adds a batch of news.
func (f *Feed) take(id string, changes []job.News) {
	events := make([]Event, 0, len(changes))
	for i, c := range changes {
		if c.Run != nil && !f.order.inOrder(c.Run) {
			continue // its number goes unused: in all processes an event has the same id
		}
		event, err := eventOf(c)
		if err != nil {
			continue // a version that knows other news announced it
		}
		event.ID = id + "/" + strconv.Itoa(i)
		events = append(events, event)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, event := range events {
		f.ring[f.next%kept] = event
		f.next++
		f.first = max(f.first, f.next-min(f.next, kept))
	}
	f.tell()
}

// lose forgets what was kept, so that every watcher learns that something is missing.
func (f *Feed) lose() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	f.first = f.next
	f.tell()
}

func (f *Feed) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func eventOf(c job.News) (Event, error) {
	var e Event
	var news any
	switch {
	case c.Run != nil:
		e.Kind, e.JobID, news = KindRun, c.Run.JobID, c.Run
	case c.Job != nil:
		e.Kind, e.JobID, news = KindJob, c.Job.ID, c.Job
	case c.Incident != nil:
		e.Kind, e.JobID, news = KindIncident, c.Incident.JobID, c.Incident
	case c.Many != nil:
		e.Kind, news = KindMany, c.Many
	default:
		return e, job.Errorf(job.CodeInternal, "news about nothing")
	}
	var err error
	e.Data, err = json.Marshal(news)
	return e, err
}

// rememberedRuns is how many runs are remembered at least: more than are told of
// in the seconds by which the news of one process can be behind that of another.
const rememberedRuns = 32 << 10

// order knows how far runs have come. The processes tell their news each at its own pace, so
// that one may tell that a run was queued after another told that it has ended.
type order struct {
	// now and before are how far runs have come; before is forgotten when now is full.
	now, before map[string]int
}

// inOrder reports whether news of a run comes in its turn: a run that has begun is not queued any more, and one that has ended has not.
func (o *order) inOrder(c *job.RunChange) bool {
	stage := stageOf(c.State)
	known, found := o.now[c.ID]
	if !found {
		known = o.before[c.ID]
	}
	if stage < known {
		return false
	}
	if !found && len(o.now) >= rememberedRuns {
		o.before, o.now = o.now, nil
	}
	if o.now == nil {
		o.now = map[string]int{}
	}
	o.now[c.ID] = stage
	return true
}

// stageOf is how far a run has come: it never goes back.
func stageOf(state job.State) int {
	switch {
	case state.Final():
		return 3
	case state == job.StateRunning, state == job.StateRetrying:
		return 2
	case state == job.StateQueued:
		return 1
	}
	return 0
}

// Watcher reads the events of a feed in their order. It is used by one goroutine.
type Watcher struct {
	feed *Feed
	// at is the number of the next event.
	at uint64
	// missed: a reset is due.
	missed bool
}

// Watch makes a watcher of what comes after the event of an id; empty: of all
// that is yet to come. Where that event is not kept any more its first event is a reset.
func (f *Feed) Watch(afterID string) *Watcher {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := &Watcher{feed: f, at: f.next}
	if afterID == "" {
		return w
	}
	for n := f.next; n > f.first; n-- {
		if f.ring[(n-1)%kept].ID == afterID {
			w.at = n
			return w
		}
	}
	w.missed = true
	return w
}

// Place is the id of the last event that was read, or that came before the first
// one; empty when it is not known any more.
func (w *Watcher) Place() string {
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	return w.feed.idBefore(w.at)
}

func (f *Feed) idBefore(n uint64) string {
	if n <= f.first {
		return ""
	}
	return f.ring[(n-1)%kept].ID
}

// Next reads the events that are there, at most most of them, and says what is
// closed when more come. To a watcher that has fallen behind what is kept it
// gives a reset, and goes on with what is yet to come.
func (w *Watcher) Next(most int) (events []Event, more <-chan struct{}) {
	f := w.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.at < f.first || w.missed {
		w.at, w.missed = f.next, false
		return []Event{{ID: f.idBefore(f.next), Kind: KindReset, Data: []byte("{}")}}, f.changed
	}
	for ; w.at < f.next && len(events) < most; w.at++ {
		events = append(events, f.ring[w.at%kept])
	}
	return events, f.changed
}
