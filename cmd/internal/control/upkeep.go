package control

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/app"
	"schedule-server/pkg/store"
	"schedule-server/pkg/upkeep"
)

// addUpkeep adds the chores that keep the database small. Who has rows that are
// to go after a while adds a line here.
func addUpkeep(g *app.Group, p *app.Process, s *store.Store, metrics prometheus.Registerer) error {
	const day = 24 * time.Hour
	pruner := s.NewPruner()
	u, err := upkeep.New(s, []upkeep.Chore{
		{Name: "recent_history", Every: time.Minute, Step: pruner.Recent},
		{Name: "all_history", Every: day, Step: pruner.All},
		{Name: "definitions", Every: day, Step: pruner.Definitions},
		{Name: "counts", Every: time.Hour, Step: pruner.Counts},
		{Name: "job_counts", Every: 5 * time.Minute, Step: pruner.JobCounts},
		{Name: "calendars", Every: time.Second, Step: s.PlanCalendars},
		{Name: "notifications", Every: time.Hour, Step: pruner.Told},
		{Name: "space", Every: time.Hour, Step: pruner.Space},
	}, upkeep.Options{Name: p.ID, Now: deliver.Now, Logger: p.Logger, Metrics: metrics})
	if err != nil {
		return err
	}
	g.Add("upkeep", u.Run)
	g.Add("calendars", s.FollowCalendars)
	return nil
}
