package job

import "schedule-server/pkg/trigger"

// Buckets are stretches of time of equal length, one after the other.
type Buckets struct {
	// From is where the first begins.
	From Instant
	// Width is how long each is, in milliseconds, at least 1.
	Width int64
	// N is how many there are, at least 1.
	N int
}

// End is the moment at which the last one ends; it belongs to none.
func (b Buckets) End() Instant { return b.From + Instant(b.Width*int64(b.N)) }

// OutcomeCount is how many occurrences of one bucket ended in one state.
type OutcomeCount struct {
	// Bucket counts from 0.
	Bucket int   `db:"bucket"`
	State  State `db:"state"`
	Runs   int64 `db:"runs"`
}

// Plans are the schedules that active jobs follow.
type Plans struct {
	// Groups are the schedules, those that are equal together.
	Groups []PlanGroup
	// OneIn is 1 when all active jobs were looked at, or how many each of those stands for.
	OneIn int64
}

// PlanGroup is a schedule and how many jobs follow it.
type PlanGroup struct {
	Schedule trigger.Spec
	// JobID is the id of one of them, which is all where the schedule depends on it.
	JobID string
	Jobs  int64
}

// Stats is the state of the service in numbers, as the database has it.
type Stats struct {
	// Active, Paused and Completed count the jobs of each status.
	Active, Paused, Completed int64
	// DueSoon counts the jobs that are due within the next hour.
	DueSoon int64
	// OldestDue is when the job that beat has waited for the longest fell due. Nil: none is due.
	OldestDue *Instant
	// Failing counts the jobs whose last run failed.
	Failing int64
	// Open counts the runs that have not ended, by state.
	Open map[State]int64
	// Ended counts the occurrences of the last 24 hours that have ended, by state.
	Ended map[State]int64
	// Lags are the lags of recent scheduled runs, in milliseconds, in ascending order.
	Lags []int64
}

// Warning is something that people who look after the service should know.
type Warning = trigger.Warning

// QueueStat is the state of one queue, in tasks.
type QueueStat struct {
	Queue Queue `json:"queue"`
	// Pending wait for a worker, Active are being delivered, Scheduled and Retry
	// wait for their time, Archived were given up, Completed are remembered for a while.
	Pending   int `json:"pending"`
	Active    int `json:"active"`
	Scheduled int `json:"scheduled"`
	Retry     int `json:"retry"`
	Archived  int `json:"archived"`
	Completed int `json:"completed"`
	// LatencyMS is how long the oldest pending task has waited, in milliseconds. Zero: none waits.
	LatencyMS int64 `json:"latency_ms"`
	// Paused says that somebody stopped the queue by hand in the monitor.
	Paused bool `json:"paused"`
}
