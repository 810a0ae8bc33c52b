package api

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
	"schedule-server/pkg/trigger"
)

// jobList is a page of jobs.
type jobList struct {
	Jobs  []job.Job `json:"jobs"`
	Total int64     `json:"total"`
	// NextCursor is null on the last page.
	NextCursor *string `json:"next_cursor"`
}

// recentRuns is how many runs include=recent adds to each job.
const recentRuns = 24

func (s *Server) listJobs(c *fiber.Ctx) error {
	params := readQuery(c)
	q := jobFilter(params)
	q.Limit, q.Cursor = params.limit(), params.text("cursor")
	sort := params.choice("sort", "id", "name", "next_run_at", "updated_at", "-id", "-name", "-next_run_at", "-updated_at")
	include := params.choice("include", "recent", "description", "recent,description", "description,recent")
	if strings.Contains(include, "recent") {
		q.Recent = recentRuns
	}
	q.Sort, q.Descending = strings.TrimPrefix(sort, "-"), strings.HasPrefix(sort, "-")
	if err := params.check(); err != nil {
		return err
	}
	page, err := s.deps.Service.List(c.UserContext(), q)
	if err != nil {
		return err
	}
	if page.Jobs == nil {
		page.Jobs = []job.Job{}
	}
	if strings.Contains(include, "description") {
		for i := range page.Jobs {
			s.describe(&page.Jobs[i])
		}
	}
	shown := make([]*job.Job, len(page.Jobs))
	for i := range page.Jobs {
		showJob(c, &page.Jobs[i])
		shown[i] = &page.Jobs[i]
	}
	if err := s.addIncidents(c, shown...); err != nil {
		return err
	}
	return c.JSON(jobList{Jobs: page.Jobs, Total: page.Total, NextCursor: optional(page.NextCursor)})
}

// describe says a job's schedule in words. One that another version stored, and this one cannot read, has none.
func (s *Server) describe(j *job.Job) {
	schedule, err := j.Compile(s.deps.Parser)
	if err != nil {
		return
	}
	j.ScheduleWords = &job.Words{English: schedule.Describe(trigger.English), Chinese: schedule.Describe(trigger.Chinese)}
}

// maxFilterTags is how many tags one filter may name: each is a condition of its own in the statement.
const maxFilterTags = 32

// jobFilter reads the conditions that lists, exports and bulk calls have in common.
func jobFilter(params *query) job.JobQuery {
	tags := params.all("tag")
	if len(tags) > maxFilterTags {
		params.fault("tag", "invalid", "a filter names at most %d tags", maxFilterTags)
	}
	return job.JobQuery{
		Text:      params.text("q"),
		Tags:      tags,
		Type:      params.choice("type", trigger.TypeCron, trigger.TypeInterval, trigger.TypeCalendarInterval, trigger.TypeDate),
		Status:    job.Status(params.choice("status", words(job.StatusActive, job.StatusPaused, job.StatusCompleted)...)),
		LastState: job.State(params.choice("last_state", words(finalStates()...)...)),
		Host:      params.text("host"),
		DueSince:  params.instant("due_since"),
		DueUntil:  params.instant("due_until"),
		Incident:  params.choice("incident", words(notify.Kinds()...)...),
	}
}

func finalStates() []job.State {
	var final []job.State
	for _, state := range job.States() {
		if state.Final() {
			final = append(final, state)
		}
	}
	return final
}

// optional is nil for the empty string.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// input reads the job in the body; an id in the path goes before the one in it.
func (s *Server) input(c *fiber.Ctx, id string) (*job.Input, error) {
	if err := readQuery(c).check(); err != nil {
		return nil, err
	}
	data, err := body(c)
	if err != nil {
		return nil, err
	}
	return job.DecodeInput(data, id, s.deps.Parser, s.deps.Now())
}

func (s *Server) createJob(c *fiber.Ctx) error {
	in, err := s.input(c, "")
	if err != nil {
		return err
	}
	j, err := s.deps.Service.Create(c.UserContext(), in)
	if err != nil {
		return err
	}
	return s.created(c, j)
}

// created answers a job that this call made.
func (s *Server) created(c *fiber.Ctx, j *job.Job) error {
	c.Location(s.options.BasePath + v1 + "/jobs/" + url.PathEscape(j.ID))
	setETag(c, j)
	return c.Status(fiber.StatusCreated).JSON(s.withWarnings(j))
}

func (s *Server) replaceJob(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c)
	if err != nil {
		return err
	}
	in, err := s.input(c, id)
	if err != nil {
		return err
	}
	j, created, err := s.deps.Service.Replace(c.UserContext(), in, version)
	if err != nil {
		return err
	}
	if created {
		return s.created(c, j)
	}
	return s.answerJob(c, j)
}

func (s *Server) patchJob(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c)
	if err != nil {
		return err
	}
	params := readQuery(c)
	dryRun := params.boolean("dry_run")
	if err := params.check(); err != nil {
		return err
	}
	patch, err := body(c)
	if err != nil {
		return err
	}
	before, after, err := s.deps.Service.Patch(c.UserContext(), id, patch, version, dryRun)
	if err != nil {
		return err
	}
	if !dryRun {
		return s.answerJob(c, after)
	}
	outlook, err := s.deps.Service.Compare(before, after)
	if err != nil {
		return err
	}
	return c.JSON(outlook)
}

func (s *Server) getJob(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	j, err := s.deps.Service.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	return s.answerJob(c, j)
}

// answerJob answers one job.
func (s *Server) answerJob(c *fiber.Ctx, j *job.Job) error {
	setETag(c, j)
	showJob(c, j)
	if err := s.addIncidents(c, j); err != nil {
		return err
	}
	return c.JSON(s.withWarnings(j))
}

// withWarnings is the job with its warnings. One whose schedule cannot be read has none.
func (s *Server) withWarnings(j *job.Job) *job.Job {
	shown := *j
	shown.Warnings = []trigger.Warning{}
	if shown.Incidents == nil {
		shown.Incidents = []string{}
	}
	if schedule, err := j.Compile(s.deps.Parser); err == nil && !j.Unreadable {
		shown.Warnings = j.Warn(schedule, s.deps.Now())
	}
	return &shown
}

// seesCredentials reports whether the caller sees headers and URLs as they are: who may write jobs has written them.
func seesCredentials(c *fiber.Ctx) bool { return guestOf(c).Scope.Allows(access.Write) }

// showJob takes out of a job what its reader may not see.
func showJob(c *fiber.Ctx, j *job.Job) {
	if !seesCredentials(c) {
		j.Request = j.Request.WithoutCredentials()
	}
}

func (s *Server) deleteJob(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	version, err := ifMatch(c)
	if err != nil {
		return err
	}
	if err := s.deps.Service.Delete(c.UserContext(), id, version); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}
