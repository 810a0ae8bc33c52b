package job

// JobQuery picks and orders jobs. The zero value picks all of them by id.
type JobQuery struct {
	// Text is looked for in id, name, URL and tags, without regard to case. Empty: any.
	Text string
	// IDContains is looked for in the id, with regard to case. Empty: any.
	IDContains string
	// Unfinished leaves completed jobs out.
	Unfinished bool
	// Tags must all be there.
	Tags []string
	// Type is the schedule's type, Status the job's, LastState that of its last run, Host the target's. Empty: any.
	Type      string
	Status    Status
	LastState State
	Host      string
	// DueSince and DueUntil bound NextRunAt, both inclusive. Nil: no bound.
	DueSince, DueUntil *Instant
	// Incident is the kind of an open incident of the job. Empty: whether it has one or not.
	Incident string
	// Sort is id, name, next_run_at or updated_at. Empty: id.
	Sort       string
	Descending bool
	// Limit is how many jobs a page holds, 1 to 500.
	Limit int
	// Cursor is the NextCursor of the page before. Empty: the first page.
	Cursor string
	// Recent is how many of its latest runs come with each job, at most 100. Zero: none.
	Recent int
	// Uncounted leaves JobPage.Total at zero, which saves counting.
	Uncounted bool
}

// Pick names jobs that are changed together.
type Pick struct {
	// IDs are the ids of jobs, whether they exist or not.
	IDs []string
	// Others picks all other jobs beside them.
	Others bool
}

// Edit is what becomes of one job in a change of many.
type Edit struct {
	ID string
	// After is the job as it is to be; its version follows from the old one. Nil: the job is deleted.
	After *Job
}

// JobPage is one page of jobs.
type JobPage struct {
	Jobs []Job
	// Total counts all jobs that match, whatever the page.
	Total int64
	// NextCursor is empty on the last page.
	NextCursor string
}

// RunQuery picks runs, newest first. The zero value picks all of them.
type RunQuery struct {
	JobID   string  // empty: any job
	State   State   // empty: any
	Trigger Trigger // empty: any
	// Since and Until bound ScheduledAt, both inclusive. Nil: no bound.
	Since, Until *Instant
	// Limit is how many runs a page holds, 1 to 500.
	Limit int
	// Cursor is the NextCursor of the page before. Empty: the first page.
	Cursor string
}

// RunPage is one page of runs, without their requests and responses.
type RunPage struct {
	Runs       []Run
	NextCursor string
}
