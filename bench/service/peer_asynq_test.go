package service

import (
	"context"

	"github.com/hibiken/asynq"
)

// runAsynq is a PeriodicTaskManager and a server with asynq's defaults, but for the concurrency.
func runAsynq(o *order) error {
	redis := asynq.RedisClientOpt{Addr: o.redis}
	c := newCaller(o)
	server := asynq.NewServer(redis, asynq.Config{Concurrency: atOnce, LogLevel: asynq.ErrorLevel})
	err := server.Start(asynq.HandlerFunc(func(_ context.Context, t *asynq.Task) error { return c.call(string(t.Payload())) }))
	if err != nil {
		return err
	}
	manager, err := asynq.NewPeriodicTaskManager(asynq.PeriodicTaskManagerOpts{
		RedisConnOpt: redis, PeriodicTaskConfigProvider: minutely(o.n),
		SchedulerOpts: &asynq.SchedulerOpts{LogLevel: asynq.ErrorLevel},
	})
	if err != nil {
		return err
	}
	if err := manager.Start(); err != nil {
		return err
	}
	return readyUntilKilled()
}

// minutely is so many tasks every minute.
type minutely int

// GetConfigs lists them.
func (n minutely) GetConfigs() ([]*asynq.PeriodicTaskConfig, error) {
	configs := make([]*asynq.PeriodicTaskConfig, n)
	for i := range configs {
		configs[i] = &asynq.PeriodicTaskConfig{Cronspec: "* * * * *", Task: asynq.NewTask("call", []byte(peerJob(i)))}
	}
	return configs, nil
}
