package api

import (
	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// runList is a page of runs, newest first.
type runList struct {
	Runs []job.Run `json:"runs"`
	// NextCursor is null on the last page.
	NextCursor *string `json:"next_cursor"`
}

// runQuery reads what both lists of runs take.
func runQuery(params *query) job.RunQuery {
	return job.RunQuery{
		State:   job.State(params.choice("state", words(job.States()...)...)),
		Trigger: job.Trigger(params.choice("trigger", words(job.TriggerSchedule, job.TriggerManual, job.TriggerBackfill)...)),
		Since:   params.instant("since"),
		Until:   params.instant("until"),
		Limit:   params.limit(),
		Cursor:  params.text("cursor"),
	}
}

func (s *Server) listRuns(c *fiber.Ctx) error {
	params := readQuery(c)
	q := runQuery(params)
	q.JobID = params.text("job")
	if err := params.check(); err != nil {
		return err
	}
	page, err := s.deps.Service.ListRuns(c.UserContext(), q)
	if err != nil {
		return err
	}
	return answerRuns(c, page)
}

// listJobRuns also answers for a job that was deleted, as long as runs of it are kept.
func (s *Server) listJobRuns(c *fiber.Ctx) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	params := readQuery(c)
	q := runQuery(params)
	q.JobID = id
	if err := params.check(); err != nil {
		return err
	}
	page, err := s.deps.Service.ListRuns(c.UserContext(), q)
	if err != nil {
		return err
	}
	if len(page.Runs) == 0 {
		if _, err := s.deps.Service.Get(c.UserContext(), id); err != nil {
			return err
		}
	}
	return answerRuns(c, page)
}

func answerRuns(c *fiber.Ctx, page job.RunPage) error {
	if page.Runs == nil {
		page.Runs = []job.Run{}
	}
	for i := range page.Runs {
		if page.Runs[i].Attempts == nil {
			page.Runs[i].Attempts = []job.Attempt{}
		}
	}
	return c.JSON(runList{Runs: page.Runs, NextCursor: optional(page.NextCursor)})
}

func (s *Server) getRun(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	run, err := s.deps.Service.GetRun(c.UserContext(), id)
	if err != nil {
		return err
	}
	return answerRun(c, run)
}

func answerRun(c *fiber.Ctx, run *job.Run) error {
	if run.Attempts == nil {
		run.Attempts = []job.Attempt{}
	}
	if !seesCredentials(c) {
		if run.Request != nil {
			shown := run.Request.WithoutCredentials()
			run.Request = &shown
		}
		run.Response = run.Response.WithoutCredentials()
	}
	return c.JSON(run)
}

func (s *Server) cancelRun(c *fiber.Ctx) error {
	id, err := action(c, &struct{}{})
	if err != nil {
		return err
	}
	run, err := s.deps.Service.CancelRun(c.UserContext(), id)
	if err != nil {
		return err
	}
	if !run.State.Final() {
		c.Status(fiber.StatusAccepted)
	}
	return answerRun(c, run)
}

func (s *Server) retryRun(c *fiber.Ctx) error {
	var in struct {
		Force bool `json:"force"`
	}
	id, err := action(c, &in)
	if err != nil {
		return err
	}
	run, err := s.deps.Service.RetryRun(c.UserContext(), id, in.Force)
	if err != nil {
		return err
	}
	return s.answerStarted(c, run)
}
