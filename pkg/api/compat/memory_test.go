package compat_test

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// memory keeps jobs as the service does, without a database and without beat: nothing fires.
type memory struct {
	mu    sync.Mutex
	jobs  map[string]job.Job
	now   func() job.Instant
	fail  error // answered by every call, unless nil
	pages int   // how many List has answered
	// between is called after each page.
	between func()
}

func (m *memory) Replace(_ context.Context, in *job.Input, ifVersion int64) (*job.Job, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, false, m.fail
	}
	now := m.now()
	old, existed := m.jobs[in.ID]
	j := job.Job{Definition: in.Definition, Status: old.Status, Version: old.Version + 1, CreatedAt: now, UpdatedAt: now}
	if existed {
		j.CreatedAt = old.CreatedAt
	}
	if in.Status != nil {
		j.Status = *in.Status
	}
	if existed && ifVersion != 0 && ifVersion != old.Version {
		return nil, false, job.Errorf(job.CodePreconditionFailed, "the job is at version %d", old.Version)
	}
	schedule, err := j.Compile(new(trigger.Parser))
	if err != nil {
		return nil, false, err
	}
	after := now
	if at := j.Schedule.At; at != nil && *at <= now {
		after = *at - 1
	}
	j.Plan(schedule, after)
	m.jobs[j.ID] = j
	return &j, !existed, nil
}

// change rewrites a job that must exist.
func (m *memory) change(id string, change func(j *job.Job) error) (*job.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	j, ok := m.jobs[id]
	if !ok {
		return nil, job.NotFound("job", id)
	}
	if err := change(&j); err != nil {
		return nil, err
	}
	m.jobs[id] = j
	return &j, nil
}

func (m *memory) Pause(_ context.Context, id string, until *job.Instant, reason string) (*job.Job, error) {
	return m.change(id, func(j *job.Job) error {
		if j.Status == job.StatusCompleted {
			return job.Errorf(job.CodeConflict, "the job is completed")
		}
		j.Pause(until, reason)
		return nil
	})
}

func (m *memory) Resume(_ context.Context, id string) (*job.Job, error) {
	return m.change(id, func(j *job.Job) error {
		schedule, err := j.Compile(new(trigger.Parser))
		if err == nil {
			j.Resume(schedule, m.now())
		}
		return err
	})
}

func (m *memory) Get(_ context.Context, id string) (*job.Job, error) {
	return m.change(id, func(*job.Job) error { return nil })
}

func (m *memory) Delete(_ context.Context, id string, _ int64) error {
	_, err := m.change(id, func(*job.Job) error { return nil })
	if err == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.jobs, id)
	}
	return err
}

func (m *memory) List(_ context.Context, q job.JobQuery) (job.JobPage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return job.JobPage{}, m.fail
	}
	if q.Sort != "next_run_at" || q.Limit < 1 || q.Limit > 500 {
		return job.JobPage{}, job.Errorf(job.CodeInvalid, "sort %q, limit %d", q.Sort, q.Limit)
	}
	m.pages++
	var found []job.Job
	for _, j := range m.jobs {
		if strings.Contains(j.ID, q.IDContains) && (j.Status != job.StatusCompleted || !q.Unfinished) {
			found = append(found, j)
		}
	}
	next := func(j job.Job) job.Instant {
		if j.NextRunAt == nil {
			return trigger.MaxInstant
		}
		return *j.NextRunAt
	}
	slices.SortFunc(found, func(a, b job.Job) int { return cmp.Or(cmp.Compare(next(a), next(b)), cmp.Compare(a.ID, b.ID)) })
	page := job.JobPage{Total: int64(len(found))}
	from, _ := strconv.Atoi(q.Cursor)
	page.Jobs = found[min(from, len(found)):min(from+q.Limit, len(found))]
	if from+q.Limit < len(found) {
		page.NextCursor = strconv.Itoa(from + q.Limit)
	}
	if m.between != nil {
		m.between()
	}
	return page, nil
}
