package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// channel makes a channel; its settings are never opened here.
func (b *bundle) channel(id string, kind notify.Type) {
	b.t.Helper()
	_, err := b.ChangeChannel(b.t.Context(), id, t0, func(*notify.Channel) (*notify.Channel, error) {
		return &notify.Channel{ID: id, Kind: kind, Enabled: true, Language: "en", Settings: notify.Settings{}, Sealed: "sealed"}, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) rules(rules ...notify.Rule) {
	b.t.Helper()
	if _, err := b.PutRules(b.t.Context(), &notify.Rules{Rules: rules}, 0, t0); err != nil {
		b.t.Fatal(err)
	}
}

// told are the ids of the notifications without that of the incident, in order.
func (b *bundle) told() (told []string) {
	b.t.Helper()
	page, err := b.ListNotifications(b.t.Context(), &notify.NotificationQuery{Limit: 500})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, n := range page.Notifications {
		told = append(told, n.JobID+" "+string(n.Kind)+" "+strings.TrimPrefix(n.ID, n.IncidentID+".")+" "+n.State)
	}
	slices.Sort(told)
	return told
}

// outcome records the end of a job's occurrence.
func (b *bundle) outcome(id string, at job.Instant, state job.State) {
	b.t.Helper()
	run := job.OccurrenceID(id, at)
	status := 200
	if state == job.StateFailed {
		status = 503
	}
	b.record(started(run, 1, at+5), ended(run, 1, at+20, state, status))
}

func (b *bundle) wantTold(when string, want ...string) {
	b.t.Helper()
	if got := b.told(); !slices.Equal(got, want) {
		b.t.Errorf("%s: told %q, want %q", when, got, want)
	}
}

func (b *bundle) dispatch(now job.Instant) []job.Task {
	b.t.Helper()
	tasks, err := b.Dispatch(b.t.Context(), "", now)
	if err != nil {
		b.t.Fatal(err)
	}
	return tasks
}

// testIncidents: a failure opens, a second counts, a success closes; each is told once, to those whom rules name.
func testIncidents(t *testing.T, b *bundle) {
	b.channel("ops", notify.WeCom)
	b.channel("boss", notify.Slack)
	b.rules(notify.Rule{ID: "all", Channels: []string{"ops"}}, notify.Rule{ID: "again", Channels: []string{"ops"}},
		notify.Rule{ID: "second", After: 2, Channels: []string{"boss"}}, notify.Rule{ID: "others", Filter: notify.Filter{Tags: []string{"x"}}, Channels: []string{"boss"}})
	b.create(newJob("a"))
	var moments []job.Instant
	for range 3 {
		at := *b.get("a").NextRunAt
		b.claimAll(at)
		moments = append(moments, at)
		state := job.StateFailed
		if len(moments) == 3 {
			state = job.StateSucceeded
		}
		b.outcome("a", at, state)
		b.outcome("a", at, state) // the same news again changes nothing
		switch len(moments) {
		case 1:
			b.wantTold("one failure", "a failing opened.ops pending")
		case 2:
			b.wantTold("two failures", "a failing opened.boss pending", "a failing opened.ops pending")
		}
	}
	b.wantTold("a success", "a failing closed.boss pending", "a failing closed.ops pending", "a failing opened.boss pending", "a failing opened.ops pending")
	page, err := b.ListIncidents(t.Context(), &notify.IncidentQuery{Limit: 10})
	if err != nil || len(page.Incidents) != 1 || page.Incidents[0].Count != 2 || page.Incidents[0].ClosedAt == nil {
		t.Errorf("incidents: %+v %v", page, err)
	}
	kinds, err := b.OpenKinds(t.Context(), []string{"a"})
	if err != nil || len(kinds) != 0 {
		t.Errorf("open: %v %v", kinds, err)
	}
}

// testNobodyTakesMessages: as long as what waits cannot be sent, looking for it does not take the lock that claims need.
func testNobodyTakesMessages(t *testing.T, b *bundle) {
	b.channel("ops", notify.Slack)
	b.rules(notify.Rule{ID: "all", Channels: []string{"ops"}})
	b.create(newJob("a"))
	at := *b.get("a").NextRunAt
	b.claimAll(at)
	b.outcome("a", at, job.StateFailed)
	looks := func(when string, now job.Instant) {
		t.Helper()
		err := b.write(t.Context(), "hold the lock", func(*sqlx.Tx) error {
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			tasks, err := b.Dispatch(ctx, "", now)
			if len(tasks) > 0 {
				t.Errorf("%s: %d messages", when, len(tasks))
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	enable := func(yes bool) {
		_, err := b.ChangeChannel(t.Context(), "ops", t0, func(c *notify.Channel) (*notify.Channel, error) {
			c.Enabled = yes
			return c, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	enable(false)
	looks("a disabled channel", at.Add(time.Minute))
	enable(true)
	if n := len(b.dispatch(at.Add(time.Minute))); n != 1 {
		t.Fatalf("%d messages once it is enabled, want what waited", n)
	}
	at = *b.get("a").NextRunAt
	b.claimAll(at)
	b.outcome("a", at, job.StateFailed)
	looks("a channel whose message is under way", at.Add(time.Hour))
}

// testStorm: a thousand failures are one message, and no limit is exceeded while it is under way or the channel is down.
func testStorm(t *testing.T, b *bundle) {
	const jobs = 300
	b.channel("ops", notify.DingTalk)
	b.rules(notify.Rule{ID: "all", Channels: []string{"ops"}})
	for i := range jobs {
		b.create(newJob(fmt.Sprintf("j%03d", i)))
	}
	at := *b.get("j000").NextRunAt
	b.claimAll(at)
	for i := range jobs {
		b.outcome(fmt.Sprintf("j%03d", i), at, job.StateFailed)
	}
	if got := len(b.told()); got != jobs {
		t.Fatalf("%d are told of, want %d", got, jobs)
	}
	now := at.Add(time.Minute)
	tasks := b.dispatch(now)
	if len(tasks) != 1 {
		t.Fatalf("%d messages", len(tasks))
	}
	var m notify.Message
	if err := json.Unmarshal([]byte(tasks[0].Notice.Message), &m); err != nil || !strings.HasPrefix(m.Title(), fmt.Sprintf("✗ %d jobs failing: ", jobs)) ||
		!strings.HasSuffix(m.Title(), fmt.Sprintf("and %d more", jobs-8)) {
		t.Errorf("%v %s", err, m.Title())
	}
	b.change("j000", func(j *job.Job) { j.Policy.Notify.Rules = job.NotifyNone })
	id := tasks[0].RunID
	fails := ended(id, 1, now+20, job.StateRetrying, 503)
	b.record(started(id, 1, now+5), fails)
	for i := range 60 { // the channel is down for ten minutes
		now = now.Add(10 * time.Second)
		if more := b.dispatch(now); len(more) > 0 {
			t.Fatalf("round %d: a second message is under way", i)
		}
	}
	if late, err := b.LateMessages(t.Context(), now.Add(time.Hour)); err != nil || len(late) != 1 || late[0].RunID != id || len(late[0].Made) != 1 {
		t.Errorf("late: %+v %v", late, err)
	}
	third := ended(id, 3, now+30, job.StateRetrying, 503)
	b.record(started(id, 3, now+25), third)
	if open, _ := b.CountIncidents(t.Context()); open["service"] != 1 {
		t.Errorf("a channel that is down is not seen: %v", open)
	}
	b.record(started(id, 4, now+40), ended(id, 4, now+50, job.StateSucceeded, 200))
	if open, _ := b.CountIncidents(t.Context()); open["service"] != 0 {
		t.Errorf("a channel that works again counts as down: %v", open)
	}
	for _, one := range b.told() {
		if strings.HasSuffix(one, " pending") || strings.HasSuffix(one, " queued") {
			t.Fatalf("not accounted for: %s", one)
		}
	}
	if len(b.dispatch(now.Add(time.Minute))) != 0 {
		t.Error("something is told twice")
	}
}

// testWatch: what did not happen is told when it should have.
func testWatch(t *testing.T, b *bundle) {
	within := job.Duration(10 * time.Minute)
	b.channel("ops", notify.Slack)
	b.rules(notify.Rule{ID: "all", Channels: []string{"ops"}})
	b.create(newJob("plain"), newJob("a", func(j *job.Job) { j.Policy.Expect = job.Expect{StartWithin: &within, SuccessEvery: &within} }))
	watch := func(now job.Instant) int {
		t.Helper()
		changes, _, err := b.Watch(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		return len(changes)
	}
	due := *b.get("a").NextRunAt
	if n := watch(max(due, b.get("a").CreatedAt)); n != 0 {
		t.Errorf("%d incidents before anything is wrong", n)
	}
	if next, err := b.nextWatch(t.Context()); err != nil || next == nil || *next > due.Add(time.Duration(within))+1 {
		t.Errorf("looked at again at %v %v", next, err)
	}
	if n := watch(due.Add(11 * time.Minute)); n != 2 { // no beat has claimed it
		t.Errorf("%d incidents, want late and silent", n)
	}
	b.wantTold("not begun", "a late opened.ops pending", "a silent opened.ops pending")
	b.claimAll(due)
	b.record(started(job.OccurrenceID("a", due), 1, due.Add(12*time.Minute)))
	b.wantTold("begun", "a late closed.ops pending", "a late opened.ops pending", "a silent opened.ops pending")
	if _, err := b.DeleteJob(t.Context(), "a", 0, due.Add(13*time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.wantTold("deleted", "a late closed.ops pending", "a late opened.ops pending", "a silent closed.ops pending", "a silent opened.ops pending")
}

func testPruneTold(t *testing.T, b *bundle) {
	b.channel("ops", notify.Slack)
	b.rules(notify.Rule{ID: "all", Channels: []string{"ops"}})
	b.create(newJob("over"), newJob("open"))
	at := *b.get("over").NextRunAt
	b.claimAll(at)
	b.outcome("over", at, job.StateFailed)
	b.outcome("open", at, job.StateFailed)
	at = *b.get("over").NextRunAt
	b.claimAll(at)
	b.outcome("over", at, job.StateSucceeded)
	for _, task := range b.dispatch(at.Add(time.Hour)) {
		b.record(started(task.RunID, 1, at), ended(task.RunID, 1, at+9, job.StateSucceeded, 200))
	}
	pruner := b.NewPruner()
	b.chore(pruner.Told, at.Add(keepTold-time.Hour), "")
	if got := len(b.told()); got != 3 {
		t.Errorf("%d are left before their time is over, want 3", got)
	}
	b.chore(pruner.Told, at.Add(keepTold+2*time.Hour), "")
	page, err := b.ListIncidents(t.Context(), &notify.IncidentQuery{Limit: 10})
	if err != nil || len(page.Incidents) != 1 || page.Incidents[0].JobID != "open" {
		t.Errorf("left: %+v %v", page, err)
	}
	b.wantTold("the open one is kept", "open failing opened.ops sent")
}
