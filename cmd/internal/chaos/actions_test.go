package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// actor uses the API while everything breaks, and notes what it did to each job and when.
type actor struct {
	client *client
	target string
	random *rand.Rand
	jobs   []*subject
	done   map[string]int
	faults []string // answers that nobody should get
}

// registerAll creates all jobs.
func (a *actor) registerAll(ctx context.Context) {
	for _, s := range a.jobs {
		a.create(ctx, s)
	}
}

// run acts until the context ends; an action begun is ended, however long that takes.
func (a *actor) run(ctx context.Context) {
	whole := context.WithoutCancel(ctx)
	for ctx.Err() == nil {
		pause(ctx, 100*time.Millisecond+time.Duration(a.random.IntN(500))*time.Millisecond)
		s := a.jobs[a.random.IntN(len(a.jobs))]
		if s.kind == "date" || s.busyTill > nowMS() || ctx.Err() != nil {
			continue
		}
		a.act(whole, s, a.random.IntN(100))
	}
}

func (a *actor) act(ctx context.Context, s *subject, dice int) {
	switch {
	case !s.exists:
		a.create(ctx, s)
	case dice < 15:
		a.runNow(ctx, s)
	case dice < 25:
		a.remove(ctx, s)
	case !s.active:
		a.resume(ctx, s)
	case dice < 45:
		a.pause(ctx, s, nil)
	case dice < 60:
		until := time.Now().Add(2*time.Second + time.Duration(a.random.IntN(2000))*time.Millisecond).Truncate(time.Millisecond)
		a.pause(ctx, s, &until)
	case dice < 75:
		a.reschedule(ctx, s)
	default:
		a.readdress(ctx, s)
	}
}

// ask makes a call until its answer is clear, and counts it. One of the given
// statuses must come, or, after an unclear try, one of the others.
func (a *actor) ask(ctx context.Context, name, method, path string, body any, want, orAfterAll int) (answer, bool) {
	got := a.client.clear(ctx, method, path, body)
	a.done[name]++
	if got.status == want || got.unsure && got.status == orAfterAll {
		return got, true
	}
	a.faults = append(a.faults, fmt.Sprintf("%s %s: %d %s", method, path, got.status, got.body))
	return got, false
}

func (a *actor) path(s *subject) string { return "/api/v1/jobs/" + url.PathEscape(s.id) }

func (a *actor) create(ctx context.Context, s *subject) {
	s.gen++
	got, ok := a.ask(ctx, "create", "POST", "/api/v1/jobs", s.definition(a.target), http.StatusCreated, http.StatusConflict)
	if !ok {
		return
	}
	if got.status == http.StatusConflict {
		till := got.till
		got = a.client.clear(ctx, "GET", a.path(s), nil)
		got.from, got.till = s.lastTry(got.from), till
	}
	s.exists = true
	s.readAnchor(got.body)
	w := window{got.from, got.till}
	s.requests = append(s.requests, change{w, s.gen})
	s.begin(w)
}

// lastTry is the earliest moment at which a job that was found to exist can have begun: its deletion's.
func (s *subject) lastTry(otherwise int64) int64 {
	if n := len(s.deletes); n > 0 {
		return s.deletes[n-1].from
	}
	return otherwise - time.Minute.Milliseconds()
}

func (s *subject) readAnchor(body []byte) {
	var job struct {
		Schedule struct{ Anchor time.Time }
	}
	if json.Unmarshal(body, &job) == nil {
		s.anchor = job.Schedule.Anchor.UnixMilli()
	}
}

func (a *actor) remove(ctx context.Context, s *subject) {
	got, ok := a.ask(ctx, "delete", "DELETE", a.path(s), nil, http.StatusNoContent, http.StatusNotFound)
	if !ok {
		return
	}
	w := window{got.from, got.till}
	s.end(w)
	s.deletes = append(s.deletes, w)
	s.exists = false
}

func (a *actor) pause(ctx context.Context, s *subject, until *time.Time) {
	body := object{"reason": "chaos"}
	if until != nil {
		body["until"] = until.UTC().Format(time.RFC3339Nano)
	}
	got := a.client.clear(ctx, "POST", a.path(s)+"/pause", body)
	if until != nil && got.status == http.StatusUnprocessableEntity {
		// The end has passed before anybody answered: whether it was ever paused is not known.
		from := got.from
		got = a.client.clear(ctx, "POST", a.path(s)+"/pause", object{"reason": "chaos"})
		got.from, until = from, nil
	}
	a.done["pause"]++
	if got.status != http.StatusOK {
		a.faults = append(a.faults, fmt.Sprintf("pause %s: %d %s", s.id, got.status, got.body))
		return
	}
	s.end(window{got.from, got.till})
	if until != nil {
		s.busyTill = until.UnixMilli() + 500
		// An occurrence at the very end of the pause runs.
		s.begin(window{until.UnixMilli(), until.UnixMilli() - 1})
	}
}

func (a *actor) resume(ctx context.Context, s *subject) {
	if got, ok := a.ask(ctx, "resume", "POST", a.path(s)+"/resume", nil, http.StatusOK, http.StatusOK); ok {
		s.begin(window{got.from, got.till})
	}
}

// reschedule turns every second into every other second, and back.
func (a *actor) reschedule(ctx context.Context, s *subject) {
	s.seconds = 3 - s.seconds
	patch := s.definition(a.target)["schedule"].(object)
	delete(patch, "type")
	got, ok := a.ask(ctx, "edit schedule", "PATCH", a.path(s), object{"schedule": patch}, http.StatusOK, http.StatusOK)
	if !ok {
		return
	}
	s.readAnchor(got.body)
	since := window{got.from, got.till}
	s.end(since)
	s.begin(since)
}

// readdress changes the request and leaves the schedule as it is.
func (a *actor) readdress(ctx context.Context, s *subject) {
	s.gen++
	if got, ok := a.ask(ctx, "edit request", "PATCH", a.path(s), object{"request": s.request(a.target)}, http.StatusOK, http.StatusOK); ok {
		s.requests = append(s.requests, change{window{got.from, got.till}, s.gen})
	}
}

func (a *actor) runNow(ctx context.Context, s *subject) {
	got := a.client.once(ctx, "POST", a.path(s)+"/run", object{"force": true})
	a.done["run by hand"]++
	var run struct{ ID string }
	switch {
	case got.status == http.StatusAccepted && json.Unmarshal(got.body, &run) == nil && run.ID != "":
		s.manual[run.ID] = true
	case got.status == 0 || got.status >= 500:
		s.unsure++
	default:
		a.faults = append(a.faults, fmt.Sprintf("run %s: %d %s", s.id, got.status, got.body))
	}
}

// pauseAll ends the storm: from here on nothing falls due.
func (a *actor) pauseAll(ctx context.Context) {
	for _, s := range a.jobs {
		if s.exists && s.active && s.kind != "date" {
			a.pause(ctx, s, nil)
		}
	}
}
