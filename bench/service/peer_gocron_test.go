package service

import (
	"fmt"

	"github.com/go-co-op/gocron/v2"
)

// runGocron keeps n cron jobs in memory, as a program would that schedules by itself.
func runGocron(o *order) error {
	scheduler, err := gocron.NewScheduler(gocron.WithLocation(o.due.Location()))
	if err != nil {
		return err
	}
	c := newCaller(o)
	expression := fmt.Sprintf("%d %d * * * *", o.due.Second(), o.due.Minute())
	for i := range o.n {
		if _, err := scheduler.NewJob(gocron.CronJob(expression, true), gocron.NewTask(c.call, peerJob(i))); err != nil {
			return err
		}
	}
	scheduler.Start()
	return readyUntilKilled()
}
