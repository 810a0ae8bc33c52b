package job

import "time"

// Claim asks for jobs that beat must look at, in the order of (DueAt, ID).
type Claim struct {
	// Now bounds DueAt, inclusive.
	Now Instant
	// After leaves out what comes at or before it in that order. Zero: nothing.
	After ClaimKey
	// Limit is how many jobs are looked at, at least 1.
	Limit int
}

// ClaimKey is a place in the order in which due jobs are claimed.
type ClaimKey struct {
	DueAt Instant
	ID    string
}

// Verdict is what a claim does with one due job.
type Verdict struct {
	// Defer leaves the job as it is, to be claimed a moment later; nothing else of the verdict counts then.
	Defer bool
	// Replace cancels the job's open runs, with reason ReasonReplaced.
	Replace bool
	// Runs are the accounts to insert. One whose id exists already is left out.
	Runs []Run
	// Job is the job with its new status and plan; its definition and version do not change.
	Job Job
}

// Claimed is what one claim did.
type Claimed struct {
	// Tasks are the runs to deliver, by the definitions they were claimed with.
	Tasks []Task
	// Replaced counts the open runs that are to be canceled for others.
	Replaced int
	// Seen counts the due jobs that were looked at, Deferred those of them left alone.
	Seen, Deferred int
	// Last is the place of the last one seen.
	Last ClaimKey
	// Incidents are those that the claim opened or closed.
	Incidents []IncidentChange
}

// Recorded is what a batch of events did.
type Recorded struct {
	// Changed are the runs whose account changed.
	Changed []Run
	// Ended are those of them that had not ended before.
	Ended []*Run
	// Tasks are runs that waited for one of those, and are to be delivered now.
	Tasks []Task
	// Paused are the jobs that the failure of one of those paused.
	Paused []Job
	// Incidents are those that were opened, counted again or closed.
	Incidents []IncidentChange
}

// News is the news of what was recorded.
func (r *Recorded) News() []News {
	changes := NewsOf(r.Changed)
	for i := range r.Paused {
		changes = append(changes, r.Paused[i].News())
	}
	return append(changes, NewsOfIncidents(r.Incidents)...)
}

const (
	// NearAttempt is how far away a retry may be for its worker to wait for it. A later one goes back to the queue.
	NearAttempt = 2 * time.Second
	// MaxReturnDelay is how late the queue may bring back what it keeps: it counts in whole seconds, rounded up,
	// and looks twice a second.
	MaxReturnDelay = 1500 * time.Millisecond
)

// Outcome is how a delivery ended, for the queue.
type Outcome struct {
	// RetryAt is when the next attempt starts; nil: the run has ended.
	RetryAt *Instant
	// HeldUntil is when the delivery asks again for a call that was not made, for its host's sake; nil: it was made.
	HeldUntil *Instant
	// Made are all attempts of the run so far.
	Made []Attempt
}
