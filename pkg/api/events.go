package api

import (
	"bufio"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

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
	// maxStreams bounds the readers of one process.
	maxStreams = 2000
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
			if kind != live.KindRun && kind != live.KindJob {
				params.fault("types", "invalid", "types is run, job or run,job")
				break
			}
			f.kinds = append(f.kinds, kind)
		}
	}
	if err := params.check(); err != nil {
		return err
	}
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		return job.Errorf(job.CodeUnavailable, "%d readers are watching already; try again later", maxStreams)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // nginx would gather the events
	if c.Method() == fiber.MethodHead {
		s.streams.Add(-1)
		return nil
	}
	st := &stream{
		wait: s.writeWait, heartbeat: s.heartbeat, feed: s.feed, watcher: s.feed.Watch(c.Get("Last-Event-ID")), filter: f, conn: c.Context().Conn(),
	}
	c.Context().SetConnectionClose() // its deadline is spent
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer s.streams.Add(-1)
		st.run(w)
	})
	return nil
}

// stream writes events to one reader.
type stream struct {
	feed    *live.Feed
	watcher *live.Watcher
	filter  filter
	conn    net.Conn
	// wait is how long the reader may take to make room.
	wait time.Duration
	// heartbeat is how long it may be silent.
	heartbeat time.Duration
	text      []byte
}

// run writes until the reader is gone, or too slow, or the server stops.
func (st *stream) run(w *bufio.Writer) {
	st.text = append(st.text, "retry: 2000\n"...)
	st.beat()
	defer st.feed.AfterEnd(func() { _ = st.conn.SetWriteDeadline(time.Now().Add(lastWait)) })() // a broken connection needs none
	timer := time.NewTimer(st.heartbeat)
	defer timer.Stop()
	for {
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
