package queue

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

const (
	// takeWait is how long a request to be tried waits for a worker to take it.
	takeWait = 5 * time.Second
	// answerHeadroom is how much longer than its call a trial may take.
	answerHeadroom = 2 * time.Second
	// waitForTried is how soon who waits for an answer notices that nobody waits any more.
	waitForTried = 500 * time.Millisecond
	// trialsAtOnce is how many a worker process makes at once, beside its runs.
	trialsAtOnce = 4
)

// Tester makes a call that is in no history.
type Tester interface {
	// Try makes the task's call, once; the error says that the worker ended before it did.
	Try(ctx context.Context, task *job.Task) (*job.Trial, error)
}

// Try has a worker make a task's call, once, and waits for what came of it. What
// is sent is what a run's task holds, and gone when it was taken or after some
// seconds. The error is CodeUnavailable also where no worker answers.
func (b *Broker) Try(ctx context.Context, task *job.Task) (*job.Trial, error) {
	data, err := b.encode(task)
	if err != nil {
		return nil, &job.Error{Code: job.CodeInternal, Detail: "a task cannot be encoded", Err: err}
	}
	_, err = b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, b.key(keyTrial)+task.RunID, data, takeWait+time.Second)
		p.RPush(ctx, b.key(keyTrials), task.RunID)
		p.Expire(ctx, b.key(keyTrials), time.Minute)
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	text, err := b.answer(ctx, task.RunID, takeWait)
	if errors.Is(err, redis.Nil) {
		taken := errors.Is(b.client.GetDel(ctx, b.key(keyTrial)+task.RunID).Err(), redis.Nil)
		if taken {
			text, err = b.answer(ctx, task.RunID, time.Duration(task.Policy.AttemptTimeout)+answerHeadroom)
		}
	}
	if errors.Is(err, redis.Nil) {
		return nil, job.Errorf(job.CodeUnavailable, "no worker answered: is one running?")
	}
	if err != nil {
		return nil, unavailable(err)
	}
	var trial job.Trial
	if err := json.Unmarshal([]byte(text), &trial); err != nil {
		return nil, &job.Error{Code: job.CodeInternal, Detail: "what a worker answered cannot be read", Err: err}
	}
	return &trial, nil
}

// answer waits for a worker's answer, in short reads, so that it heeds the context. redis.Nil: none came.
func (b *Broker) answer(ctx context.Context, id string, within time.Duration) (string, error) {
	for last := time.Now().Add(within); ; {
		reply, err := b.pop(ctx, b.key(keyTried)+id)
		switch {
		case err == nil:
			return reply, nil
		case !errors.Is(err, redis.Nil) || time.Now().After(last):
			return "", err
		}
	}
}

// pop takes the first of a list, waiting for it for a while. redis.Nil: there was none.
// The library's own method cuts the wait to whole seconds.
func (b *Broker) pop(ctx context.Context, key string) (string, error) {
	reply, err := b.client.Do(ctx, "BLPOP", key, waitForTried.Seconds()).StringSlice()
	switch {
	case err != nil:
		return "", err
	case len(reply) != 2:
		return "", errAnswer
	}
	return reply[1], nil
}

// Trials makes the calls that Try asks for, until the context ends. An outage of Redis is waited out. It returns nil.
func (b *Broker) Trials(ctx context.Context, t Tester) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	slots := make(chan struct{}, trialsAtOnce)
	waiting, end := b.waiter(ctx)
	defer end()
	for failures := 0; ctx.Err() == nil; {
		begun := time.Now()
		reply, err := waiting.BLPop(ctx, waitForTrials, b.key(keyTrials)).Result()
		if err != nil {
			if !errors.Is(err, redis.Nil) && !wasIdle(begun, err) {
				pause(ctx, backoff(failures))
				failures++
			}
			continue
		}
		failures = 0
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			b.try(ctx, t, reply[1]) // after the name of the list
		})
	}
	return nil
}

// try makes one call. What went wrong is not told: who asked for it waits no longer than it may take.
func (b *Broker) try(ctx context.Context, t Tester, id string) {
	data, err := b.client.GetDel(ctx, b.key(keyTrial)+id).Bytes()
	if err != nil {
		return // too late: nobody waits for it any more
	}
	task, err := b.read(taskDeliver, data)
	if err != nil {
		b.log.Warn("a request to be tried is not for this process", "error", err)
		return
	}
	trial, err := t.Try(ctx, task)
	if err != nil {
		return
	}
	text, err := json.Marshal(trial)
	if err != nil {
		b.log.Error("what came of a trial cannot be encoded", "error", err)
		return
	}
	_, _ = b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.RPush(ctx, b.key(keyTried)+id, text)
		p.Expire(ctx, b.key(keyTried)+id, time.Minute)
		return nil
	})
}
