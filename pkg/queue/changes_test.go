package queue

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"schedule-server/pkg/job"
)

// heard collects news.
type heard struct {
	mu   sync.Mutex
	ids  []string
	news []job.News
	lost int
}

func (h *heard) take(id string, news []job.News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids, h.news = append(h.ids, id), append(h.news, news...)
}

func (h *heard) lose() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost++
}

// count says how many runs and jobs were told of, and how many were only counted.
func (h *heard) count() (told, counted int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.news {
		if n.Many == nil {
			told++
		} else {
			counted += n.Many.Runs + n.Many.Jobs
		}
	}
	return told, counted
}

func (h *heard) losses() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost
}

// listen reads the news until the test, or stop, ends it.
func listen(t *testing.T, b *Broker) (h *heard, stop func()) {
	h = &heard{}
	stop = run(t, func(ctx context.Context) error { return b.Changes(ctx, h.take, h.lose) })
	return h, stop
}

func runNews(id string, state job.State) job.News {
	return job.News{Run: &job.RunChange{ID: id, State: state}}
}

func TestNewsReachesEveryReader(t *testing.T) {
	x := newBench(t)
	before := x.b.NewAnnouncer()
	before.Announce(runNews("early", job.StateQueued))
	stop := run(t, before.Run)
	stop() // sends what is left
	a := x.b.NewAnnouncer()
	run(t, a.Run)
	one, _ := listen(t, x.b)
	two, _ := listen(t, x.open("host:2"))
	a.Announce(runNews("r", job.StateQueued), job.DeletionOf("j"))
	for _, h := range []*heard{one, two} {
		eventually(t, "the news is there", func() bool { told, _ := h.count(); return told == 3 })
		if h.news[0].Run.ID != "early" || h.news[1].Run.ID != "r" || !h.news[2].Job.Deleted || earlier(h.ids[1], h.ids[0]) {
			t.Errorf("got %+v under %v", h.news, h.ids)
		}
	}
	if one.ids[1] != two.ids[1] {
		t.Errorf("the same news has the ids %s and %s", one.ids[1], two.ids[1])
	}
}

// TestNewsIsBounded announces more than is told one by one.
func TestNewsIsBounded(t *testing.T) {
	x := newBench(t)
	h, _ := listen(t, x.b)
	a := x.b.NewAnnouncer()
	for i := range 10_000 {
		a.Announce(runNews(fmt.Sprint("run-", i), job.StateQueued), runNews(fmt.Sprint("run-", i), job.StateSucceeded))
		a.Announce(job.DeletionOf(fmt.Sprint("job-", i)))
	}
	a.Announce(runNews("run-3", job.StateRunning)) // old news of a run that has ended
	run(t, a.Run)
	eventually(t, "all are told or counted", func() bool { told, counted := h.count(); return told > 0 && counted > 0 })
	told, counted := h.count()
	// A run is told of once, the two changes of one that is not are counted apart.
	if told != announceRuns+announceJobs || counted != 2*(10_000-announceRuns)+10_000-announceJobs {
		t.Errorf("%d told, %d counted", told, counted)
	}
	for _, n := range h.news {
		if n.Run != nil && n.Run.State != job.StateSucceeded {
			t.Errorf("%s is told to be %s", n.Run.ID, n.Run.State)
		}
	}
	length, err := x.b.client.XLen(x.ctx, x.b.key(keyChanges)).Result()
	noError(t, err)
	if length != 1 {
		t.Errorf("the stream has %d entries", length)
	}
}

// TestNewsWhileRedisIsAway: what cannot be told is counted when Redis is back, and
// a reader learns that something is missing when the stream is gone.
func TestNewsWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	h, _ := listen(t, x.b)
	a := x.b.NewAnnouncer()
	run(t, a.Run)
	a.Announce(runNews("before", job.StateQueued))
	eventually(t, "the first news", func() bool { told, _ := h.count(); return told == 1 })
	x.server.command("FLUSHALL")
	eventually(t, "the loss is noticed", func() bool { return h.losses() == 1 })
	x.server.kill()
	a.Announce(runNews("meanwhile", job.StateQueued))
	eventually(t, "somebody notices", func() bool { return x.log.count("cannot reach Redis") > 0 })
	x.server.start()
	a.Announce(runNews("after", job.StateQueued))
	eventually(t, "all are told or counted", func() bool {
		told, counted := h.count()
		return told+counted == 3
	})
}

// TestNewsOfOtherVersions is passed over.
func TestNewsOfOtherVersions(t *testing.T) {
	x := newBench(t)
	h, _ := listen(t, x.b)
	x.server.command("XADD", x.b.key(keyChanges), "*", fieldFormat, "2", fieldChanges, "[{}]")
	x.server.command("XADD", x.b.key(keyChanges), "*", fieldFormat, "1", fieldChanges, "nonsense")
	x.server.command("XADD", x.b.key(keyChanges), "*", "other", "1")
	x.server.command("XADD", x.b.key(keyChanges), "*", fieldFormat, "1", fieldChanges, `[{"weather":{}},{"job":{"id":"j"}}]`)
	eventually(t, "what can be read is there", func() bool { return len(h.seen()) == 2 })
	if news := h.seen(); news[0] != (job.News{}) || news[1].Job.ID != "j" {
		t.Errorf("got %+v", news)
	}
}

func (h *heard) seen() []job.News {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.news
}

// News that a process could not tell for long, because it was stopped, is only counted: others have told what came after it.
func TestOldNewsIsOnlyCounted(t *testing.T) {
	x := newBench(t)
	h, _ := listen(t, x.b)
	a := x.b.NewAnnouncer()
	a.Announce(runNews("old", job.StateQueued), job.DeletionOf("j"))
	a.since = a.since.Add(-announceWithin)
	run(t, a.Run)
	eventually(t, "it is counted", func() bool { told, counted := h.count(); return told == 0 && counted == 2 })
	a.Announce(runNews("new", job.StateQueued))
	eventually(t, "what is new is told", func() bool { told, _ := h.count(); return told == 1 })
}
