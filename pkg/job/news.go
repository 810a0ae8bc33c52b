package job

// News tells those who watch what changed of one run or one job. Exactly one of
// its members is set. News may be left out and lost: the database is the truth.
type News struct {
	Run *RunChange `json:"run,omitempty"`
	Job *JobChange `json:"job,omitempty"`
	// Many stands for changes that were too many, or could not be told one by one.
	Many *ManyChanges `json:"many,omitempty"`
}

// RunChange is where a run stands now.
type RunChange struct {
	ID          string   `json:"id"`
	JobID       string   `json:"job_id"`
	Trigger     Trigger  `json:"trigger"`
	State       State    `json:"state"`
	Reason      Reason   `json:"reason"`
	ScheduledAt Instant  `json:"scheduled_at"`
	StartedAt   *Instant `json:"started_at"`
	FinishedAt  *Instant `json:"finished_at"`
	DurationMS  *int64   `json:"duration_ms"`
	// StatusCode is the target's last answer; nil when there was none.
	StatusCode *int `json:"status_code"`
}

// JobChange is where a job stands now.
type JobChange struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Status  Status `json:"status"`
	// NextRunAt is the next occurrence; nil when there is none.
	NextRunAt *Instant `json:"next_run_at"`
	Deleted   bool     `json:"deleted"`
}

// ManyChanges counts the changes that are not told one by one.
type ManyChanges struct {
	Runs int `json:"runs"`
	Jobs int `json:"jobs"`
}

// News is the news of a run.
func (r *Run) News() News {
	last := r.LastRun()
	return News{Run: &RunChange{
		ID: r.ID, JobID: r.JobID, Trigger: r.Trigger, State: r.State, Reason: r.Reason, ScheduledAt: r.ScheduledAt,
		StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, DurationMS: r.DurationMS, StatusCode: last.StatusCode,
	}}
}

// maxTold is how many runs or jobs of one call are told of; the others are counted.
const maxTold = 100

// NewsOf is the news of runs, the last of which are told of one by one.
func NewsOf(runs []Run) []News {
	others := max(0, len(runs)-maxTold)
	changes := make([]News, 0, min(len(runs), maxTold+1))
	for i := range runs[others:] {
		changes = append(changes, runs[others+i].News())
	}
	if others > 0 {
		changes = append(changes, News{Many: &ManyChanges{Runs: others}})
	}
	return changes
}

// News is the news of a job that was made, edited, paused, or planned anew.
func (j *Job) News() News {
	return News{Job: &JobChange{ID: j.ID, Version: j.Version, Status: j.Status, NextRunAt: j.NextRunAt}}
}

// DeletionOf is the news that a job is no more.
func DeletionOf(id string) News { return News{Job: &JobChange{ID: id, Deleted: true}} }

// NewsOfEdits is the news of jobs that were changed together, the last of which are told of one by one.
func NewsOfEdits(edits []Edit) []News {
	others := max(0, len(edits)-maxTold)
	changes := make([]News, 0, min(len(edits), maxTold+1))
	for _, e := range edits[others:] {
		if e.After == nil {
			changes = append(changes, DeletionOf(e.ID))
			continue
		}
		changes = append(changes, e.After.News())
	}
	if others > 0 {
		changes = append(changes, News{Many: &ManyChanges{Jobs: others}})
	}
	return changes
}
