package api

import (
	"context"
	"errors"
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

// readiness is what /readyz answers: "ok" or a short reason for each neighbour.
type readiness struct {
	// Status is "ok" or "unavailable".
	Status string `json:"status"`
	Checks checks `json:"checks"`
}

type checks struct {
	Database string `json:"database"`
	Redis    string `json:"redis"`
	Beat     string `json:"beat"`
	Worker   string `json:"worker"`
}

func (s *Server) readyz(c *fiber.Ctx) error {
	r := s.checkHealth(c.UserContext())
	if r.Status != "ok" {
		c.Status(fiber.StatusServiceUnavailable)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(r)
}

// checkHealth asks all neighbours at once.
func (s *Server) checkHealth(ctx context.Context) readiness {
	health := s.deps.Health
	var beats, workers int
	var database, redis, alive error
	var all sync.WaitGroup
	all.Go(func() { database = limited(ctx, health.PingDatabase) })
	all.Go(func() { redis = limited(ctx, health.PingRedis) })
	all.Go(func() {
		type fleet struct{ beats, workers int }
		found := make(chan fleet, 1) // the check may outlive our wait for it
		alive = limited(ctx, func(ctx context.Context) error {
			beats, workers, err := health.Alive(ctx)
			found <- fleet{beats, workers}
			return err
		})
		if alive == nil {
			f := <-found
			beats, workers = f.beats, f.workers
		}
	})
	all.Wait()
	r := readiness{Status: "ok", Checks: checks{
		Database: verdict(database), Redis: verdict(redis),
		Beat: presence(alive, beats), Worker: presence(alive, workers),
	}}
	for _, one := range []string{r.Checks.Database, r.Checks.Redis, r.Checks.Beat, r.Checks.Worker} {
		if one != "ok" {
			r.Status = "unavailable"
		}
	}
	return r
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
	var known *job.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &known):
		return known.Detail
	}
	return "no answer"
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
