package queue

import (
	"context"
	"fmt"
)

// The signs of life of beats go by the clock of Redis: those of the hosts may differ.
const (
	beatScript = `
local now = tonumber(redis.call("TIME")[1])
redis.call("ZADD", KEYS[1], now, ARGV[1])
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now - tonumber(ARGV[2]))
return redis.status_reply("OK")`
	beatsScript = `
local now = tonumber(redis.call("TIME")[1])
return redis.call("ZCOUNT", KEYS[1], now - tonumber(ARGV[1]), "+inf")`
)

// BeatAlive is a beat's sign of life. It is forgotten after 15 seconds, so it is
// given every few. It also puts asynq's list of queues back, which asynq itself
// writes once for each process, and which is gone when Redis lost its data.
func (b *Broker) BeatAlive(ctx context.Context) error {
	if err := b.beat.Run(ctx, b.client, []string{b.key(keyBeats)}, b.name, int(beatTTL.Seconds())).Err(); err != nil {
		return unavailable(err)
	}
	return b.listQueues(ctx)
}

func (b *Broker) listQueues(ctx context.Context) error {
	var names []any
	for _, queue := range queues() {
		names = append(names, b.queueName(queue))
	}
	return unavailable(b.client.SAdd(ctx, asynqQueues, names...).Err())
}

// Alive counts the beats and the worker processes that gave a sign of life
// within the last 15 seconds.
func (b *Broker) Alive(ctx context.Context) (beats, workers int, err error) {
	beats, err = b.beats.Run(ctx, b.client, []string{b.key(keyBeats)}, int(beatTTL.Seconds())).Int()
	if err != nil {
		return 0, 0, unavailable(err)
	}
	servers, err := b.inspector.Servers()
	if err != nil {
		return 0, 0, unavailable(err)
	}
	processes := map[string]bool{}
	for _, server := range servers {
		if !b.serves(server.Queues) {
			continue // of another installation, or of another program that uses asynq
		}
		processes[fmt.Sprint(server.Host, ":", server.PID)] = true
	}
	return beats, len(processes), nil
}

// serves reports whether a server takes from all of our queues, as every worker of ours does.
func (b *Broker) serves(taken map[string]int) bool {
	for _, queue := range queues() {
		if taken[b.queueName(queue)] == 0 {
			return false
		}
	}
	return true
}
