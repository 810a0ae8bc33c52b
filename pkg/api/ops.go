package api

import (
	"context"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// checkWait bounds each check of /readyz.
const checkWait = 2 * time.Second

func (s *Server) healthz(c *fiber.Ctx) error {
	return c.JSON(map[string]string{"status": "ok"})
}

// readiness is what /readyz answers: "ok" or a short reason for each check.
type readiness struct {
	// Status is "ok" or "unavailable".
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
}

// What /readyz asks beside the other roles of this process.
const (
	checkDatabase = "database"
	checkRedis    = "redis"
	checkBeat     = "beat"
	checkWorker   = "worker"
	checkSchedule = "schedule"
	checkResults  = "results"
	checkChannels = "channels"
)

// readyz answers whether this process can do its work; with ?full, whether the whole service can.
func (s *Server) readyz(c *fiber.Ctx) error {
	full := c.Context().QueryArgs().Has("full") && c.Query("full") != "false"
	r := s.checkHealth(c.UserContext(), full)
	if r.Status != "ok" {
		c.Status(fiber.StatusServiceUnavailable)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(r)
}

// checkHealth asks all at once. Beats and workers are other processes' affair: they count if
// it is to be full, or if they are in this process.
func (s *Server) checkHealth(ctx context.Context, full bool) readiness {
	health := s.deps.Health
	r := readiness{Status: "ok", Checks: map[string]string{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	note := func(name, says string, counts bool) {
		mu.Lock()
		defer mu.Unlock()
		r.Checks[name] = says
		if says != "ok" && counts {
			r.Status = "unavailable"
		}
	}
	ask := func(name string, counts bool, check func(context.Context) error) {
		all.Go(func() { note(name, verdict(limited(ctx, check)), counts) })
	}
	ask(checkDatabase, true, health.PingDatabase)
	ask(checkRedis, true, health.PingRedis)
	for name, check := range s.deps.Roles {
		ask(name, true, check)
	}
	inProcess := len(s.deps.Roles) > 0
	if _, asked := s.deps.Roles[checkSchedule]; full && !asked {
		ask(checkSchedule, true, func(ctx context.Context) error { return health.CheckDue(ctx, s.deps.Now()) })
	}
	if _, asked := s.deps.Roles[checkResults]; full && !asked {
		ask(checkResults, true, health.CheckResults)
	}
	if full {
		ask(checkChannels, false, health.CheckChannels)
	}
	all.Go(func() {
		beats, workers, err := s.alive(ctx)
		note(checkBeat, presence(err, beats), full || inProcess)
		note(checkWorker, presence(err, workers), full || inProcess)
	})
	all.Wait()
	return r
}

// alive counts beats and workers.
func (s *Server) alive(ctx context.Context) (beats, workers int, err error) {
	type fleet struct{ beats, workers int }
	found := make(chan fleet, 1) // the check may outlive our wait for it
	err = limited(ctx, func(ctx context.Context) error {
		beats, workers, err := s.deps.Health.Alive(ctx)
		found <- fleet{beats, workers}
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	f := <-found
	return f.beats, f.workers, nil
}

// limited asks one neighbour, and gives up on one that does not heed its context.
func limited(ctx context.Context, check func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, checkWait)
	answer := make(chan error, 1)
	go func() {
		defer stop()
		answer <- check(ctx)
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		// The answer and the end of the context may be there at once.
		select {
		case err := <-answer:
			return err
		default:
			return job.Errorf(job.CodeUnavailable, "no answer within %s", job.Duration(checkWait))
		}
	}
}

// verdict is what a caller may read of a check. The cause stays in the process: it may name hosts and users.
func verdict(err error) string {
	if err == nil {
		return "ok"
	}
	return job.DetailOf(err)
}

func presence(err error, n int) string {
	switch {
	case err != nil:
		return "unknown: redis does not answer"
	case n == 0:
		return "none alive"
	}
	return "ok"
}
