package api

import (
	"bufio"
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/api/live"
	"schedule-server/pkg/job"
)

const (
	// heartbeat is how often a silent stream shows that it is alive, and finds out
	// that its reader is gone.
	heartbeat = 15 * time.Second
	// writeWait is how long a reader may take to make room before it is dropped.
	writeWait = 10 * time.Second
	// lastWait is how long it may take when the server stops.
	lastWait = 500 * time.Millisecond
	// recheck is how often a stream asks whether its reader is still let in: it ends that soon after its key or login.
	recheck = 2 * time.Second
	// maxStreams bounds the readers of one process, maxKeyStreams those with one key, logins with it included.
	maxStreams    = 2000
	maxKeyStreams = 100
	// eventBatch is how many events are written at once.
	eventBatch = 128
)

// filter picks events. Its zero value picks all of them.
type filter struct {
	jobID string
	kinds []live.Kind
}

// takes reports whether the reader wants the event. News without a job, and the
// one that something is missing, concern everybody.
func (f *filter) takes(e *live.Event) bool {
	if e.Kind == live.KindReset || e.Kind == live.KindMany {
		return true
	}
	return (f.jobID == "" || e.JobID == f.jobID) && (len(f.kinds) == 0 || slices.Contains(f.kinds, e.Kind))
}

func (s *Server) streamEvents(c *fiber.Ctx) error {
	params := readQuery(c)
	f := filter{jobID: params.text("job")}
	if types := params.text("types"); types != "" {
		for _, word := range strings.Split(types, ",") {
			kind := live.Kind(word)
			if kind != live.KindRun && kind != live.KindJob && kind != live.KindIncident {
				params.fault("types", "invalid", "types is some of run, job and incident, with commas between them")
				break
			}
			f.kinds = append(f.kinds, kind)
		}
	}
	if err := params.check(); err != nil {
		return err
	}
	leave, err := s.streams.enter(guestOf(c).Key)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // nginx would gather the events
	if c.Method() == fiber.MethodHead {
		leave()
		return nil
	}
	st := &stream{
		admitted: s.stillAdmitted(c), recheck: s.recheck,
		wait: s.writeWait, heartbeat: s.heartbeat, feed: s.feed, watcher: s.feed.Watch(c.Get("Last-Event-ID")), filter: f, conn: c.Context().Conn(),
	}
	c.Context().SetConnectionClose() // its deadline is spent
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer leave()
		st.run(w)
	})
	return nil
}

// stillAdmitted makes the question whether the caller of a stream would be let in again. While the database does not
// answer, that is taken for a yes.
func (s *Server) stillAdmitted(c *fiber.Ctx) func() bool {
	key, session, from := bearer(c), c.Cookies(s.cookieName(c)), s.address(c)
	return func() bool {
		ctx, stop := context.WithTimeout(context.Background(), requestTimeout)
		defer stop()
		guest, err := s.enterAs(ctx, key, session, from)
		if code := job.CodeOf(err); err != nil {
			return code != job.CodeUnauthorized && code != job.CodeRateLimited
		}
		return guest.Scope.Allows(access.Read)
	}
}

// streamCount counts the readers of events. Its zero value counts none. It is safe for concurrent use.
type streamCount struct {
	mu    sync.Mutex
	all   int
	byKey map[string]int
}

// enter counts one more reader with a key, which is nil on an open server, until leave is called. The error is
// job.CodeUnavailable when the process has too many, job.CodeRateLimited when the key has.
func (n *streamCount) enter(key *access.Key) (leave func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all >= maxStreams {
		return nil, job.Errorf(job.CodeUnavailable, "%d readers are watching already; try again later", maxStreams)
	}
	id := ""
	if key != nil {
		if id = key.ID; n.byKey[id] >= maxKeyStreams {
			return nil, job.Errorf(job.CodeRateLimited, "%d readers with this key are watching already: end some of them", maxKeyStreams)
		}
	}
	if n.byKey == nil {
		n.byKey = map[string]int{}
	}
	n.all++
	n.byKey[id]++
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.all--
		if n.byKey[id]--; n.byKey[id] == 0 {
			delete(n.byKey, id)
		}
	}, nil
}

// count is how many readers there are.
func (n *streamCount) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all
}

// stream writes events to one reader.
type stream struct {
	feed    *live.Feed
	watcher *live.Watcher
	filter  filter
	conn    net.Conn
	// admitted reports whether its reader is still let in; asked every recheck.
	admitted func() bool
	recheck  time.Duration
	// wait is how long the reader may take to make room.
	wait time.Duration
	// heartbeat is how long it may be silent.
	heartbeat time.Duration
	text      []byte
}

// run writes until the reader is gone, too slow, or no longer let in, or the server stops.
func (st *stream) run(w *bufio.Writer) {
	st.text = append(st.text, "retry: 2000\n"...)
	st.beat()
	defer st.feed.AfterEnd(func() { _ = st.conn.SetWriteDeadline(time.Now().Add(lastWait)) })() // a broken connection needs none
	timer := time.NewTimer(st.heartbeat)
	defer timer.Stop()
	check := time.NewTicker(st.recheck)
	defer check.Stop()
	for {
		select {
		case <-check.C:
			if !st.admitted() {
				return
			}
		default:
		}
		events, more := st.watcher.Next(eventBatch)
		for i := range events {
			if st.filter.takes(&events[i]) {
				st.add(&events[i])
			}
		}
		if len(st.text) > 0 {
			if st.flush(w) != nil {
				return
			}
			timer.Reset(st.heartbeat)
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-more:
		case <-timer.C:
			st.beat()
		case <-check.C:
			if !st.admitted() {
				return
			}
		case <-st.feed.Ended():
			return
		}
	}
}

// flush sends what was gathered.
func (st *stream) flush(w *bufio.Writer) error {
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.wait)); err != nil {
		return err
	}
	_, err := w.Write(st.text)
	st.text = st.text[:0]
	if err != nil {
		return err
	}
	return w.Flush()
}

func (st *stream) add(e *live.Event) {
	st.id(e.ID)
	st.text = append(st.text, "event: "...)
	st.text = append(st.text, e.Kind...)
	st.text = append(st.text, "\ndata: "...)
	st.text = append(st.text, e.Data...)
	st.text = append(st.text, "\n\n"...)
}

// beat is a comment, and the place from which the reader goes on when it comes
// back, though no event that it wants was there.
func (st *stream) beat() {
	st.text = append(st.text, ": alive\n"...)
	st.id(st.watcher.Place())
	st.text = append(st.text, '\n')
}

func (st *stream) id(id string) {
	if id != "" {
		st.text = append(st.text, "id: "...)
		st.text = append(st.text, id...)
		st.text = append(st.text, '\n')
	}
}
