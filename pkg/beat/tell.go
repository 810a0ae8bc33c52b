package beat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// Outbox is what the database knows of whom to tell what.
type Outbox interface {
	// NextDue is the earliest moment after the given one at which a job is due; nil: none.
	NextDue(ctx context.Context, after job.Instant) (*job.Instant, error)
	// Watch looks at watched jobs of which something may be wrong by now; more: there are others.
	Watch(ctx context.Context, now job.Instant) (changes []job.IncidentChange, more bool, err error)
	// Remind writes reminders that are due into the outbox.
	Remind(ctx context.Context, now job.Instant) error
	// ServiceTroubles opens incidents for the troubles, and closes those of the other known subjects.
	ServiceTroubles(ctx context.Context, known []string, troubles []notify.Trouble, now job.Instant) ([]job.IncidentChange, error)
	// Dispatch makes messages of what waits in the outbox.
	Dispatch(ctx context.Context, publicURL string, now job.Instant) ([]job.Task, error)
	// LateMessages are those of which there is no news in time.
	LateMessages(ctx context.Context, now job.Instant) ([]job.Task, error)
}

// Carrier takes messages to the workers, and knows who is there.
type Carrier interface {
	Queue
	// Settle waits until all results that are under way now have been recorded.
	Settle(ctx context.Context) error
	// Alive counts the beats and the workers.
	Alive(ctx context.Context) (beats, workers int, err error)
}

// TellerOptions tune a teller. Now is required.
type TellerOptions struct {
	Now    func() job.Instant
	Logger *slog.Logger
	// Announce takes the news of incidents, and must not block. Nil: nobody is told.
	Announce func(changes ...job.News)
	// PublicURL is for the links in messages. Empty: they have none.
	PublicURL string
	// HeartbeatURL is called every minute while all goes well. Empty: none is.
	HeartbeatURL string
}

const (
	// tellEvery is how often the outbox is looked into, checkEvery how often the service looks at itself.
	tellEvery  = 500 * time.Millisecond
	checkEvery = 5 * time.Second
	// troubleAfter is how long something is wrong before it counts.
	troubleAfter = 30 * time.Second
	// dueAtMost is how late the oldest due job may be.
	dueAtMost        = time.Minute
	heartbeatEvery   = time.Minute
	heartbeatTimeout = 10 * time.Second
)

// The troubles that a beat sees.
const (
	troubleWorker = "worker"
	troubleRedis  = "redis"
	troubleDue    = "due"
)

// Teller watches jobs and the service, and sends what is to be told. Any number may run side by side. Make it with NewTeller.
type Teller struct {
	outbox  Outbox
	carrier Carrier
	o       TellerOptions
	client  *http.Client
	// since is when each trouble was seen first.
	since map[string]job.Instant
	// checked and beaten are when the service was looked at, and its heart beat, last.
	checked, beaten job.Instant
}

// NewTeller makes a teller. The error says what is missing.
func NewTeller(outbox Outbox, carrier Carrier, o TellerOptions) (*Teller, error) {
	if outbox == nil || carrier == nil || o.Now == nil {
		return nil, errors.New("beat: outbox, carrier and Now are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Announce == nil {
		o.Announce = func(...job.News) {}
	}
	return &Teller{outbox: outbox, carrier: carrier, o: o, client: &http.Client{Timeout: heartbeatTimeout}, since: map[string]job.Instant{}}, nil
}

// Run tells until the context ends; a database or queue that is away is waited for. It returns nil.
func (t *Teller) Run(ctx context.Context) error {
	outage := newOutage(t.o.Logger, "nobody can be told of incidents")
	for {
		wait := outage.after(t.turn(ctx), tellEvery)
		if pause(ctx, wait) != nil {
			return nil
		}
	}
}

// turn does all that is due.
func (t *Teller) turn(ctx context.Context) error {
	now := t.o.Now()
	for more := true; more; {
		changes, again, err := t.outbox.Watch(ctx, now)
		if err != nil {
			return err
		}
		t.o.Announce(job.NewsOfIncidents(changes)...)
		more = again
	}
	look := now.Sub(t.checked) >= checkEvery || now < t.checked
	if look {
		t.checked = now
		if err := t.check(ctx, now); err != nil {
			return err
		}
	}
	if err := t.outbox.Remind(ctx, now); err != nil {
		return err
	}
	tasks, err := t.outbox.Dispatch(ctx, t.o.PublicURL, now)
	if err != nil {
		return err
	}
	if err := t.carrier.Enqueue(ctx, tasks); err != nil {
		return err // they are late messages soon
	}
	if !look {
		return nil
	}
	return t.deliverLate(ctx, now)
}

// deliverLate delivers anew what there is no news of, after all that was reported is recorded.
func (t *Teller) deliverLate(ctx context.Context, now job.Instant) error {
	if err := t.carrier.Settle(ctx); err != nil {
		return err
	}
	late, err := t.outbox.LateMessages(ctx, now)
	if err != nil {
		return err
	}
	return t.carrier.Enqueue(ctx, late)
}

// check looks at the service, and has its heart beat while it fires in time.
func (t *Teller) check(ctx context.Context, now job.Instant) error {
	bad := map[string]string{}
	_, workers, err := t.carrier.Alive(ctx)
	switch {
	case err != nil:
		bad[troubleRedis] = "Redis does not answer"
	case workers == 0:
		bad[troubleWorker] = "no worker is alive"
	}
	oldest, err := t.outbox.NextDue(ctx, math.MinInt64)
	if err != nil {
		return err
	}
	if oldest != nil && now.Sub(*oldest) > dueAtMost {
		bad[troubleDue] = fmt.Sprintf("the oldest due job has waited for %v", now.Sub(*oldest).Round(time.Second))
	}
	changes, err := t.outbox.ServiceTroubles(ctx, []string{troubleWorker, troubleRedis, troubleDue}, t.lasting(bad, now), now)
	if err != nil {
		return err
	}
	t.o.Announce(job.NewsOfIncidents(changes)...)
	if t.o.HeartbeatURL != "" && bad[troubleDue] == "" && bad[troubleRedis] == "" && (now.Sub(t.beaten) >= heartbeatEvery || now < t.beaten) {
		t.beaten = now
		t.heartbeat(ctx)
	}
	return nil
}

// lasting are the troubles that have lasted long enough to count.
func (t *Teller) lasting(bad map[string]string, now job.Instant) (troubles []notify.Trouble) {
	for _, subject := range []string{troubleWorker, troubleRedis, troubleDue} {
		note, isBad := bad[subject]
		if !isBad {
			delete(t.since, subject)
			continue
		}
		if _, known := t.since[subject]; !known {
			t.since[subject] = now
		}
		if now.Sub(t.since[subject]) >= troubleAfter {
			troubles = append(troubles, notify.Trouble{Subject: subject, Note: note})
		}
	}
	return troubles
}

// heartbeat tells who watches the service from outside that it is well.
func (t *Teller) heartbeat(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.o.HeartbeatURL, nil)
	if err == nil {
		var resp *http.Response
		if resp, err = t.client.Do(req); err == nil {
			err = resp.Body.Close()
			if resp.StatusCode >= 400 {
				err = fmt.Errorf("it answered %s", resp.Status)
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		t.o.Logger.Warn("the heartbeat URL was not reached", "error", err)
	}
}
