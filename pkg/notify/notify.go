// Package notify owns who is told what: the kinds of incidents, the rules that
// say which channels hear of them, the texts, and the presets of the services
// that messages go to. It is pure: it reads no clock, no database and no network.
//
// A reader's path: notify.go → rules.go → text.go → presets.go → call.go.
package notify

import (
	"slices"

	"schedule-server/pkg/job"
)

// Kind says in what way a job, or the service, is not as it should be.
type Kind string

// The kinds of incidents.
const (
	KindFailing      Kind = "failing"       // a run failed
	KindMissed       Kind = "missed"        // an occurrence was missed or skipped
	KindLate         Kind = "late"          // the first call did not begin in time
	KindOverdue      Kind = "overdue"       // there was no success in time
	KindSilent       Kind = "silent"        // there was no success for too long
	KindPaused       Kind = "paused"        // the service paused the job, or it has been paused for too long
	KindCalendarEnds Kind = "calendar_ends" // a calendar in use has no more days
	KindService      Kind = "service"       // the service itself is not well
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{KindFailing, KindMissed, KindLate, KindOverdue, KindSilent, KindPaused, KindCalendarEnds, KindService}
}

// Known reports whether there is such a kind.
func (k Kind) Known() bool { return slices.Contains(Kinds(), k) }

// Transition is what a notification tells of an incident.
type Transition string

// The transitions.
const (
	Opened   Transition = "opened"
	Reminder Transition = "reminder"
	Closed   Transition = "closed"
)

// Incident is a time in which a job, or the service, was not as it should be.
type Incident struct {
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// JobID is empty for an incident of the service.
	JobID string `json:"job_id"`
	// Subject is what of the service it is about: "worker", "due", or "channel:" and an id. Empty for one of a job.
	Subject  string       `json:"subject,omitempty"`
	OpenedAt job.Instant  `json:"opened_at"`
	ClosedAt *job.Instant `json:"closed_at"`
	// Count is how often it has happened while the incident was open.
	Count int64 `json:"count"`
	// Note says in words what is known beyond the kind.
	Note string `json:"note"`
	// RunID is the latest run that it is about. Empty: it is about none.
	RunID string `json:"run_id"`
	// AcknowledgedUntil: until then nobody is reminded. Nil: it is not acknowledged.
	AcknowledgedUntil *job.Instant `json:"acknowledged_until"`
	AcknowledgedBy    string       `json:"acknowledged_by"`
	AcknowledgedNote  string       `json:"acknowledged_note"`
}

// About is a job as a message shows it.
type About struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	URL  string   `json:"url"`
	Tags []string `json:"tags"`
	// TimeZone is the zone of its schedule.
	TimeZone string `json:"time_zone,omitempty"`
}

// RunAbout is a run as a message shows it.
type RunAbout struct {
	ID          string      `json:"id"`
	ScheduledAt job.Instant `json:"scheduled_at"`
	State       job.State   `json:"state"`
	Reason      job.Reason  `json:"reason"`
	StatusCode  *int        `json:"status_code"`
	Attempts    int         `json:"attempts"`
	DurationMS  *int64      `json:"duration_ms,omitempty"`
	LagMS       *int64      `json:"lag_ms,omitempty"`
	// Answer is the beginning of the target's answer.
	Answer string `json:"answer,omitempty"`
}

// maxAnswer is how much of an answer a message shows, in bytes.
const maxAnswer = 500

// AboutRun is what a message shows of a run.
func AboutRun(r *job.Run) *RunAbout {
	about := &RunAbout{ID: r.ID, ScheduledAt: r.ScheduledAt, State: r.State, Reason: r.Reason, Attempts: len(r.Attempts),
		DurationMS: r.DurationMS, LagMS: r.LagMS}
	if n := len(r.Attempts); n > 0 {
		about.StatusCode = r.Attempts[n-1].StatusCode
	}
	if r.Response != nil && r.Response.BodyEncoding != "base64" {
		about.Answer = cut(plain(r.Response.Body), maxAnswer)
	}
	return about
}

// Notice is one notification: one transition of one incident, for one channel.
type Notice struct {
	// ID stands for (incident, transition, channel).
	ID         string     `json:"id"`
	Incident   Incident   `json:"incident"`
	Transition Transition `json:"transition"`
	// At is when the transition happened.
	At  job.Instant `json:"at"`
	Job *About      `json:"job"`
	Run *RunAbout   `json:"run"`
	// Count is how often it had happened by then.
	Count int64 `json:"count"`
}

// Message is what one channel is sent at once.
type Message struct {
	// ID is the Idempotency-Key: it stays over all attempts.
	ID string `json:"id"`
	// SentAt is when the message was made.
	SentAt job.Instant `json:"sent_at"`
	// Language is "en" or "zh".
	Language string `json:"language"`
	// Template is what each notice is written by; empty: the usual text.
	Template string `json:"template,omitempty"`
	// PublicURL is where the page is. Empty: messages have no links.
	PublicURL string   `json:"public_url,omitempty"`
	Notices   []Notice `json:"notices"`
	// Test says that somebody tries the channel.
	Test bool `json:"test,omitempty"`
}

// IncidentQuery asks for incidents. Empty members set no condition.
type IncidentQuery struct {
	// State is open or closed.
	State string
	JobID string
	Kind  Kind
	// Since bounds OpenedAt, inclusive.
	Since *job.Instant
	Limit int
	// Cursor is the NextCursor of the page before.
	Cursor string
}

// IncidentPage is a page of incidents, newest first.
type IncidentPage struct {
	Incidents []Incident
	// NextCursor is empty on the last page.
	NextCursor string
}

// Notification is the account of one notification.
type Notification struct {
	ID         string     `json:"id"`
	IncidentID string     `json:"incident_id"`
	JobID      string     `json:"job_id"`
	Kind       Kind       `json:"kind"`
	Transition Transition `json:"transition"`
	Channel    string     `json:"channel"`
	// State is pending, queued, sent or failed.
	State     string      `json:"state"`
	CreatedAt job.Instant `json:"created_at"`
	// HoldUntil is the end of the quiet hours that it waits for; CreatedAt when there are none.
	HoldUntil  job.Instant  `json:"hold_until"`
	FinishedAt *job.Instant `json:"finished_at"`
	// MessageID is the message that it went with; nil: it has not gone.
	MessageID *string       `json:"message_id"`
	Attempts  []job.Attempt `json:"attempts"`
	// Answer is what the other side said last; nil: it has said nothing.
	Answer *job.Response `json:"answer"`
	// Text is its headline.
	Text string `json:"text"`
}

// NotificationQuery asks for notifications. Empty members set no condition.
type NotificationQuery struct {
	State, JobID, Incident, Channel string
	Limit                           int
	Cursor                          string
}

// NotificationPage is a page of notifications, newest first.
type NotificationPage struct {
	Notifications []Notification
	// NextCursor is empty on the last page.
	NextCursor string
}

// Trouble is what is not well about the service.
type Trouble struct {
	// Subject is what it is about, "worker".
	Subject string
	Note    string
}
