package live

import (
	"context"
	"fmt"
	"testing"

	"schedule-server/pkg/job"
)

// source is a Source that a test feeds.
type source struct {
	take  func(id string, news []job.News)
	lost  func()
	ready chan struct{}
}

func (s *source) Changes(ctx context.Context, take func(string, []job.News), lost func()) error {
	s.take, s.lost = take, lost
	close(s.ready)
	<-ctx.Done()
	return nil
}

// newFeed is a feed that runs until the test ends, or until stop is called.
func newFeed(t *testing.T) (f *Feed, s *source, stop func()) {
	t.Helper()
	s = &source{ready: make(chan struct{})}
	f = NewFeed(s)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	<-s.ready
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return f, s, cancel
}

func news(n int) []job.News {
	list := make([]job.News, n)
	for i := range list {
		list[i] = job.News{Run: &job.RunChange{ID: fmt.Sprint(i), JobID: "j"}}
	}
	return list
}

// ids reads all that is there, and names it.
func ids(w *Watcher) string {
	text := ""
	for {
		events, _ := w.Next(2)
		if len(events) == 0 {
			return text
		}
		for _, e := range events {
			if e.Kind == KindReset {
				text += "reset@"
			}
			text += e.ID + " "
		}
	}
}

func TestWatchersReadInOrder(t *testing.T) {
	f, s, _ := newFeed(t)
	one := f.Watch("")
	s.take("1-0", news(3))
	two := f.Watch("")
	_, more := two.Next(1)
	s.take("2-0", []job.News{{Job: &job.JobChange{ID: "j"}}, {}, {Many: &job.ManyChanges{Runs: 2}}})
	<-more
	if got := ids(one); got != "1-0/0 1-0/1 1-0/2 2-0/0 2-0/2 " {
		t.Errorf("the first read %s", got)
	}
	if got := ids(two); got != "2-0/0 2-0/2 " || two.Place() != "2-0/2" {
		t.Errorf("the second read %s and stands at %s", got, two.Place())
	}
	for after, want := range map[string]string{
		"1-0/1": "1-0/2 2-0/0 2-0/2 ", "2-0/2": "", "0-1/0": "reset@2-0/2 ", "x": "reset@2-0/2 ",
	} {
		if got := ids(f.Watch(after)); got != want {
			t.Errorf("after %s came %s, want %s", after, got, want)
		}
	}
}

func TestWatcherThatFallsBehindIsReset(t *testing.T) {
	f, s, _ := newFeed(t)
	w := f.Watch("")
	s.take("1-0", news(10))
	events, _ := w.Next(5)
	s.take("2-0", news(kept-5))
	if got, _ := w.Next(1); len(events) != 5 || got[0].ID != "1-0/5" {
		t.Errorf("what is still kept is not read: %v", got)
	}
	s.take("3-0", news(2))
	s.take("4-0", news(1))
	if got := ids(w); got != "reset@4-0/0 " {
		t.Errorf("got %s", got)
	}
	s.take("5-0", news(1))
	if got := ids(w); got != "5-0/0 " {
		t.Errorf("after the reset came %s", got)
	}
}

func TestALossResetsEveryWatcher(t *testing.T) {
	f, s, _ := newFeed(t)
	s.take("1-0", news(1))
	w := f.Watch("")
	_, more := w.Next(1)
	s.lost()
	<-more
	if got := ids(w); got != "reset@ " {
		t.Errorf("got %s", got)
	}
	s.take("2-0", news(1))
	if got := ids(w); got != "2-0/0 " {
		t.Errorf("got %s", got)
	}
}

func TestTheEndIsHeardAtOnce(t *testing.T) {
	f, _, stop := newFeed(t)
	heard := make(chan struct{})
	f.AfterEnd(func() { close(heard) })
	stop()
	<-f.Ended()
	<-heard
}

// Several processes tell of one run, each at its own pace: no event comes after one of a later stage.
func TestNoEventOfARunComesAfterItsEnd(t *testing.T) {
	f, s, _ := newFeed(t)
	w := f.Watch("")
	run := func(id string, state job.State) job.News {
		return job.News{Run: &job.RunChange{ID: id, JobID: "j", State: state}}
	}
	s.take("1-0", []job.News{run("a", job.StateSucceeded), run("b", job.StateRunning), run("a", job.StateQueued)})
	s.take("2-0", []job.News{run("b", job.StateQueued), run("b", job.StateRetrying), run("a", job.StateRunning), run("b", job.StateRunning)})
	s.take("3-0", []job.News{run("b", job.StateFailed), run("b", job.StateRetrying), run("c", job.StateWaiting), run("c", job.StateQueued)})
	if got, want := ids(w), "1-0/0 1-0/1 2-0/1 2-0/3 3-0/0 3-0/2 3-0/3 "; got != want {
		t.Errorf("came %s, want %s", got, want)
	}
}

// What is remembered of runs is bounded, and covers the latest.
func TestTheOrderOfRunsIsBounded(t *testing.T) {
	var o order
	for i := range 3 * rememberedRuns {
		if !o.inOrder(&job.RunChange{ID: fmt.Sprint(i), State: job.StateSucceeded}) {
			t.Fatal("the first news of a run was left out")
		}
		if i > 0 && o.inOrder(&job.RunChange{ID: fmt.Sprint(max(0, i-rememberedRuns+1)), State: job.StateRunning}) {
			t.Fatalf("run %d is forgotten", i)
		}
	}
	if n := len(o.now) + len(o.before); n > 2*rememberedRuns {
		t.Errorf("%d runs are remembered", n)
	}
}
