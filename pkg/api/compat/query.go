package compat

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// jobID is the last job_id of the query, as the original read it; false when there is none.
func jobID(c *fiber.Ctx) (string, bool) {
	id, found := "", false
	for key, value := range c.Context().QueryArgs().All() {
		if string(key) == "job_id" {
			id, found = strings.ToValidUTF8(string(value), "\uFFFD"), true
		}
	}
	return id, found
}

// possible reports whether any job can have such an id, or one that holds it. Not every database takes the others.
func possible(id string) bool {
	return len(id) <= job.MaxIDBytes && utf8.ValidString(id) && !strings.ContainsRune(id, 0)
}

// on does something to the job that the query names; unknown is the answer when there is none.
func (h *Handler) on(c *fiber.Ctx, unknown envelopeError, do func(ctx context.Context, j *job.Job) (data any, err error)) error {
	id, found := jobID(c)
	if !found {
		return unprocessable(fault{Type: "missing", Loc: []any{"query", "job_id"}, Msg: "Field required", Input: null})
	}
	data, err := h.with(c.UserContext(), id, do)
	switch code := job.CodeOf(err); {
	case err == nil:
		return succeed(c, data)
	case code == job.CodeNotFound || code == job.CodeConflict: // a conflict: it was completed in between
		return &unknown
	}
	return err
}

func (h *Handler) with(ctx context.Context, id string, do func(ctx context.Context, j *job.Job) (any, error)) (any, error) {
	if id == "" || !possible(id) {
		return nil, job.NotFound("job", id)
	}
	j, err := h.jobs.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if h.over(j) {
		return nil, job.NotFound("job", id)
	}
	return do(ctx, j)
}

// over reports whether the original would have deleted the job by now.
func (h *Handler) over(j *job.Job) bool {
	if j.Status == job.StatusCompleted {
		return true
	}
	return j.Status == job.StatusActive && j.Schedule.Type == trigger.TypeDate && j.Schedule.At != nil &&
		h.now().Sub(*j.Schedule.At) > time.Duration(j.Policy.MisfireGraceTime)
}

func (h *Handler) removeJob(c *fiber.Ctx) error {
	return h.on(c, envelopeError{"10010", "删除Job ID不存在"}, func(ctx context.Context, j *job.Job) (any, error) {
		return struct{}{}, h.jobs.Delete(ctx, j.ID, 0)
	})
}

func (h *Handler) pauseJob(c *fiber.Ctx) error {
	return h.on(c, envelopeError{"10011", "暂停Job ID不存在"}, func(ctx context.Context, j *job.Job) (any, error) {
		_, err := h.jobs.Pause(ctx, j.ID, nil, "")
		return struct{}{}, err
	})
}

func (h *Handler) resumeJob(c *fiber.Ctx) error {
	return h.on(c, envelopeError{"10012", "恢复Job ID不存在"}, func(ctx context.Context, j *job.Job) (any, error) {
		_, err := h.jobs.Resume(ctx, j.ID)
		return struct{}{}, err
	})
}

func (h *Handler) getJob(c *fiber.Ctx) error {
	return h.on(c, envelopeError{"10013", "查询Job ID不存在"}, func(_ context.Context, j *job.Job) (any, error) {
		return show(j), nil
	})
}

// taskList is the data of get_jobs.
type taskList struct {
	Tasks []json.RawMessage `json:"task_list"`
	Total int               `json:"total"`
}

// listed is a job of the list, with what orders it.
type listed struct {
	next, made job.Instant
	text       json.RawMessage
}

// getJobs lists all jobs, or those whose id holds the job_id of the query.
func (h *Handler) getJobs(c *fiber.Ctx) error {
	filter, _ := jobID(c)
	list := taskList{Tasks: []json.RawMessage{}}
	if !possible(filter) {
		return succeed(c, list)
	}
	jobs, err := h.collect(c.UserContext(), filter)
	if err != nil {
		return err
	}
	for _, one := range jobs {
		list.Tasks = append(list.Tasks, one.text)
	}
	list.Total = len(list.Tasks)
	return succeed(c, list)
}

// collect reads all pages. A job that fires between two of them is found on both; the later finding counts, and
// the order is made at the end: next moment, paused ones last, then the older first.
func (h *Handler) collect(ctx context.Context, filter string) ([]listed, error) {
	const page = 500
	var jobs []listed
	seen := map[string]int{}
	q := job.JobQuery{IDContains: filter, Unfinished: true, Sort: "next_run_at", Limit: page}
	for {
		found, err := h.jobs.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range found.Jobs {
			j := &found.Jobs[i]
			if h.over(j) {
				continue
			}
			text, err := encode(show(j))
			if err != nil {
				return nil, fmt.Errorf("show job %q: %w", j.ID, err)
			}
			one := listed{next: job.Instant(1<<63 - 1), made: j.CreatedAt, text: text}
			if j.NextRunAt != nil {
				one.next = *j.NextRunAt
			}
			if at, ok := seen[j.ID]; ok {
				jobs[at] = one
				continue
			}
			seen[j.ID] = len(jobs)
			jobs = append(jobs, one)
		}
		if q.Cursor = found.NextCursor; q.Cursor == "" {
			break
		}
	}
	slices.SortStableFunc(jobs, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.next, b.next), cmp.Compare(a.made, b.made))
	})
	return jobs, nil
}
