package job

// News tells those who watch what changed of one run or one job. Exactly one of
// its members is set. News may be left out and lost: the database is the truth.
type News struct {
	Run *RunChange `json:"run,omitempty"`
	Job *JobChange `json:"job,omitempty"`
	// Incident is one that was opened, counted again or closed.
	Incident *IncidentChange `json:"incident,omitempty"`
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

// IncidentChange is where an incident stands now.
type IncidentChange struct {
	ID string `json:"id"`
	// JobID is empty for an incident of the service.
	JobID    string   `json:"job_id"`
	Kind     string   `json:"kind"`
	OpenedAt Instant  `json:"opened_at"`
	ClosedAt *Instant `json:"closed_at"`
}

// NewsOfIncidents is the news of incidents, the last of which are told of.
func NewsOfIncidents(changes []IncidentChange) []News {
	changes = changes[max(0, len(changes)-maxNotified):]
	news := make([]News, len(changes))
	for i := range changes {
		news[i].Incident = &changes[i]
	}
	return news
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

// maxNotified is how many changes of one call are announced one by one; the others are counted.
const maxNotified = 100

// newsOf is the news of a list, the last entries of which are announced one by one. add appends the news of one entry,
// and count counts it.
func newsOf[T any](list []T, add func([]News, *T) []News, count func(*ManyChanges, *T)) []News {
	others := list[:max(0, len(list)-maxNotified)]
	changes := make([]News, 0, len(list)-len(others)+1)
	for i := len(others); i < len(list); i++ {
		changes = add(changes, &list[i])
	}
	if len(others) == 0 {
		return changes
	}
	many := new(ManyChanges)
	for i := range others {
		count(many, &others[i])
	}
	return append(changes, News{Many: many})
}

// NewsOf is the news of runs.
func NewsOf(runs []Run) []News {
	return newsOf(runs, func(changes []News, r *Run) []News { return append(changes, r.News()) },
		func(many *ManyChanges, _ *Run) { many.Runs++ })
}

// NewsOfEdits is the news of jobs that were changed together.
func NewsOfEdits(edits []Edit) []News {
	return newsOf(edits, func(changes []News, e *Edit) []News {
		if e.After == nil {
			return append(changes, DeletionOf(e.ID))
		}
		return append(changes, e.After.News())
	}, func(many *ManyChanges, _ *Edit) { many.Jobs++ })
}

// NewsOfVerdicts is the news of what a claim decided. What it deferred is no news.
func NewsOfVerdicts(verdicts []Verdict) []News {
	return newsOf(verdicts, func(changes []News, v *Verdict) []News {
		if v.Defer {
			return changes
		}
		return append(append(changes, v.Job.News()), NewsOf(v.Runs)...)
	}, func(many *ManyChanges, v *Verdict) {
		if !v.Defer {
			many.Jobs++
			many.Runs += len(v.Runs)
		}
	})
}

// IDsOf lists the ids of runs.
func IDsOf(runs []Run) []string {
	ids := make([]string, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	return ids
}

// News is the news of a job that was made, edited, paused, or planned anew.
func (j *Job) News() News {
	return News{Job: &JobChange{ID: j.ID, Version: j.Version, Status: j.Status, NextRunAt: j.NextRunAt}}
}

// DeletionOf is the news that a job is no more.
func DeletionOf(id string) News { return News{Job: &JobChange{ID: id, Deleted: true}} }
