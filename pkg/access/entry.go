package access

import (
	"encoding/json"

	"schedule-server/pkg/job"
)

// What the audit log tells of. A line is written in the transaction of the change itself.
const (
	ActionCreateJob   = "job.create"
	ActionUpdateJob   = "job.update"
	ActionPauseJob    = "job.pause"
	ActionResumeJob   = "job.resume"
	ActionDeleteJob   = "job.delete"
	ActionRunJob      = "job.run"
	ActionBackfillJob = "job.backfill"
	ActionCancelRun   = "run.cancel"
	ActionCreateKey   = "key.create"
	ActionDeleteKey   = "key.delete"
	ActionPutSecret   = "secret.put"
	ActionDelSecret   = "secret.delete"
	ActionPutCalendar = "calendar.put"
	ActionDelCalendar = "calendar.delete"
	ActionPutChannel  = "channel.put"
	ActionDelChannel  = "channel.delete"
	ActionTestChannel = "channel.test"
	ActionPutRules    = "rules.put"
	ActionAckIncident = "incident.acknowledge"
	ActionTellAgain   = "notification.retry"
	ActionLogin       = "session.create"
	ActionLogout      = "session.delete"
	ActionTestRequest = "request.test"
	ActionMonitor     = "monitoring" // a button of the queue monitor
)

// Entry is one line of the audit log.
type Entry struct {
	// ID grows from entry to entry, with gaps.
	ID    int64       `json:"id"`
	At    job.Instant `json:"at"`
	Actor Actor       `json:"actor"`
	// Address and RequestID are those of the call; empty: there was none.
	Address   string `json:"address"`
	RequestID string `json:"request_id"`
	Action    string `json:"action"`
	// Target is the id of what was changed.
	Target string `json:"target"`
	// Diff is what became of it, without credentials.
	Diff []Change `json:"diff"`
	// Truncated says that the diff was longer.
	Truncated bool `json:"truncated"`
}

// NewEntry is a line about what an actor does.
func NewEntry(at job.Instant, by Actor, action, target string, diff Diff) Entry {
	return Entry{At: at, Actor: by, Address: by.Address, RequestID: by.RequestID, Action: action, Target: target,
		Diff: diff.Changes, Truncated: diff.Truncated}
}

// Change is one field that changed.
type Change struct {
	// Field is its path, "schedule.expression".
	Field string `json:"field"`
	// Before and After are its values as JSON; null where there was or is none.
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// EntryQuery asks for lines of the audit log. Empty members set no condition.
type EntryQuery struct {
	// Actor is the id or the name of a key, or Anonymous, Automatic or CommandLine.
	Actor  string
	Action string
	Target string
	// Since and Until bound At, both inclusive.
	Since, Until *job.Instant
	// Limit is how many lines a page holds, 1 to 500.
	Limit int
	// Cursor is the NextCursor of the page before.
	Cursor string
}

// EntryPage is a page of the audit log, newest first.
type EntryPage struct {
	Entries []Entry
	// NextCursor leads to the next page. Empty: this is the last.
	NextCursor string
}
