package recorder

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"schedule-server/pkg/job"
	"schedule-server/pkg/publish"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// batches is a source that hands out each batch until it is taken.
type batches [][]job.Event

func (b batches) Results(ctx context.Context, _ string, handle func(context.Context, []job.Event) error) error {
	for _, batch := range b {
		for handle(ctx, batch) != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// tray keeps what is enqueued, or refuses it.
type tray struct {
	publish.Queue
	err   error
	tasks []job.Task
}

func (t *tray) Enqueue(_ context.Context, tasks []job.Task) error {
	if t.err == nil {
		t.tasks = append(t.tasks, tasks...)
	}
	return t.err
}

const start = job.Instant(1_795_406_400_000)

// newStore holds a job with one queued run and one that waits for it.
func newStore(t *testing.T) (s *store.Store, first, second string) {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "jobs.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	in, err := job.DecodeInput([]byte(`{"id":"a","schedule":{"type":"interval","every":"1h"},"request":{"url":"http://a.test/"}}`), "", &trigger.Parser{}, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateJob(t.Context(), &job.Job{Definition: in.Definition, Status: job.StatusActive, CreatedAt: start, UpdatedAt: start}); err != nil {
		t.Fatal(err)
	}
	add := func(id string, state job.State) string {
		_, err := s.StartRuns(t.Context(), "a", func(*job.Due) ([]job.Run, error) {
			return []job.Run{{ID: id, Trigger: job.TriggerManual, State: state, ScheduledAt: start, Queue: job.QueueDefault}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	return s, add(job.NewID(start), job.StateQueued), add(job.NewID(start+1), job.StateWaiting)
}

func succeeded(run string) []job.Event {
	return []job.Event{{RunID: run, At: start + 20, State: job.StateSucceeded, Reason: job.ReasonOK, N: 1,
		Attempt: &job.Attempt{N: 1, StartedAt: start + 10, DurationMS: 10, Reason: job.ReasonOK, Worker: "w"}}}
}

func TestRecorderWritesAndFreesWhatWaited(t *testing.T) {
	s, first, second := newStore(t)
	queue, metrics := &tray{}, prometheus.NewRegistry()
	r, err := New(batches{succeeded(first), succeeded(first)}, s, publish.New(queue, nil, nil), Options{Name: "r", Now: func() job.Instant { return start + 7 }, Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	run, err := s.GetRun(t.Context(), first)
	if err != nil || run.State != job.StateSucceeded || len(run.Attempts) != 1 {
		t.Errorf("the run is %+v, %v", run, err)
	}
	if len(queue.tasks) != 1 || queue.tasks[0].RunID != second {
		t.Errorf("enqueued %+v", queue.tasks)
	}
	if n := testutil.ToFloat64(r.ended.WithLabelValues("succeeded")); n != 1 {
		t.Errorf("%v runs are counted as ended", n)
	}
}

// A deadline goes by the clock of the recorder, whatever the workers' clocks say.
func TestRecorderTellsWhenItHeard(t *testing.T) {
	s, first, _ := newStore(t)
	begun := []job.Event{{RunID: first, At: 1, State: job.StateRunning, N: 1, Timeout: job.Duration(time.Minute)}}
	r, err := New(batches{begun}, s, publish.New(&tray{}, nil, nil), Options{Name: "r", Now: func() job.Instant { return start + 7 }})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	run, err := s.GetRun(t.Context(), first)
	if want := (start + 7).Add(time.Minute + job.NewsMargin); err != nil || run.ExpectedBy == nil || *run.ExpectedBy != want {
		t.Errorf("of the run %+v news is expected by another moment than %v: %v", run, want, err)
	}
}

// A job that a failure pauses is news, beside its run.
func TestRecorderTellsOfPausedJobs(t *testing.T) {
	s, first, _ := newStore(t)
	events := succeeded(first)
	last := &events[len(events)-1]
	last.State, last.Reason = job.StateFailed, job.StatusReason(410)
	var told []job.News // without incidents
	var ended []*job.Run
	r, err := New(batches{events, events}, s, publish.New(&tray{}, func(changes ...job.News) {
		told = append(told, slices.DeleteFunc(changes, func(n job.News) bool { return n.Incident != nil })...)
	},
		func(done *job.Recorded) { ended = append(ended, done.Ended...) }),
		Options{Name: "r", Now: func() job.Instant { return start + 7 }}) // the second time nothing ends any more
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(told); n != 2 || told[0].Run == nil || told[1].Job == nil || told[1].Job.ID != "a" || told[1].Job.Status != job.StatusPaused {
		t.Errorf("%d pieces of news: %+v", n, told)
	}
	if len(ended) != 1 || ended[0].ID != first || ended[0].State != job.StateFailed || len(ended[0].Attempts) != 1 {
		t.Errorf("the log was told of %+v", ended)
	}
}

// A queue that is away does not keep results from being acknowledged: they are recorded.
func TestRecorderGoesOnWithoutTheQueue(t *testing.T) {
	s, first, second := newStore(t)
	r, err := New(batches{succeeded(first)}, s, publish.New(&tray{err: errors.New("away")}, nil, nil), Options{Name: "r", Now: func() job.Instant { return start + 7 }})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	run, err := s.GetRun(t.Context(), second)
	if err != nil || run.State != job.StateQueued {
		t.Errorf("the run that waited is %+v, %v", run, err)
	}
}

// A database that is away keeps the batch unacknowledged, until the recorder is to stop.
func TestRecorderKeepsWhatItCannotWrite(t *testing.T) {
	s, first, _ := newStore(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := New(batches{succeeded(first)}, s, publish.New(&tray{}, nil, nil), Options{Name: "r", Now: func() job.Instant { return start + 7 }})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.record(t.Context(), succeeded(first)); job.CodeOf(err) != job.CodeUnavailable {
		t.Errorf("the batch would be acknowledged: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Errorf("the end is no error, got %v", err)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := New(nil, nil, nil, Options{}); err == nil {
		t.Error("it was made of nothing")
	}
}
