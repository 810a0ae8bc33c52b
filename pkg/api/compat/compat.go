package compat

import (
	"context"
	"log/slog"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// Jobs is what this API does to jobs. Errors are *job.Error: CodeNotFound where there is no such job,
// CodeConflict where it is completed, CodeInvalid with fields for a refused definition, CodeUnavailable where the
// database does not answer.
type Jobs interface {
	// Replace creates a job or puts the definition in its place. The version 0 sets no condition.
	Replace(ctx context.Context, in *job.Input, ifVersion int64) (j *job.Job, created bool, err error)
	// Pause stops a job; pausing a paused one succeeds. Until nil means until it is resumed.
	Pause(ctx context.Context, id string, until *job.Instant, reason string) (*job.Job, error)
	// Resume follows a job's schedule again; resuming an active one succeeds.
	Resume(ctx context.Context, id string) (*job.Job, error)
	// Delete removes a job. The version 0 sets no condition.
	Delete(ctx context.Context, id string, ifVersion int64) error
	// Get reads one job.
	Get(ctx context.Context, id string) (*job.Job, error)
	// List reads one page of jobs.
	List(ctx context.Context, q job.JobQuery) (job.JobPage, error)
}

// Options are what a Handler needs beside the jobs.
type Options struct {
	// Parser reads schedules. Nil: one of its own.
	Parser *trigger.Parser
	// AllowOrigin reports whether a browser may show answers to pages of an origin. Nil: to all.
	AllowOrigin func(c *fiber.Ctx, origin string) bool
	// Now is the clock. Required.
	Now func() job.Instant
	// Logger takes what goes wrong behind an answer of 500 or 503. Nil: nothing is logged.
	Logger *slog.Logger
}

// Handler answers the calls of the original's API.
type Handler struct {
	jobs        Jobs
	parser      *trigger.Parser
	allowOrigin func(c *fiber.Ctx, origin string) bool
	now         func() job.Instant
	logger      *slog.Logger
	routes      map[string]route
}

// route is the one method that a path has, and what it does.
type route struct {
	method string
	do     fiber.Handler
}

// New makes a Handler over the jobs.
func New(jobs Jobs, o Options) *Handler {
	if o.Parser == nil {
		o.Parser = new(trigger.Parser)
	}
	if o.AllowOrigin == nil {
		o.AllowOrigin = func(*fiber.Ctx, string) bool { return true }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	h := &Handler{jobs: jobs, parser: o.Parser, allowOrigin: o.AllowOrigin, now: o.Now, logger: o.Logger}
	h.routes = map[string]route{
		"/date/add_job":     {fiber.MethodPost, h.addDate},
		"/interval/add_job": {fiber.MethodPost, h.addInterval},
		"/cron/add_job":     {fiber.MethodPost, h.addCron},
		"/remove_job":       {fiber.MethodDelete, h.removeJob},
		"/pause_job":        {fiber.MethodPut, h.pauseJob},
		"/resume_job":       {fiber.MethodPut, h.resumeJob},
		"/get_job":          {fiber.MethodGet, h.getJob},
		"/get_jobs":         {fiber.MethodGet, h.getJobs},
	}
	return h
}

// Mount puts the API under /scheduler of the router: every path and method there is answered here, unknown ones
// too. The admission, authentication for one, comes after CORS: a browser sees neither a preflight's answer nor a
// refusal otherwise.
func (h *Handler) Mount(r fiber.Router, admission ...fiber.Handler) {
	handlers := append(append([]fiber.Handler{h.cors}, admission...), h.serve)
	r.All("/scheduler", handlers...)
	r.All("/scheduler/*", handlers...)
}
