package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// holdScript notes that a host is held back, unless too many are, and lets the next probe begin.
const holdScript = `
redis.call("DEL", KEYS[2])
if redis.call("HEXISTS", KEYS[1], ARGV[1]) == 0 and redis.call("HLEN", KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])
return 1`

const (
	// hostsEvery is how often a worker looks which hosts are held back, beside being told.
	hostsEvery = 5 * time.Second
	// hostsPause gathers what is told.
	hostsPause = 100 * time.Millisecond
)

// HoldHost tells all workers that the calls to a host are held back.
func (b *Broker) HoldHost(ctx context.Context, held *job.HeldHost) error {
	data, err := json.Marshal(held)
	if err != nil {
		return &job.Error{Code: job.CodeInternal, Detail: "a held host cannot be encoded", Err: err}
	}
	err = b.holdOn.Run(ctx, b.client, []string{b.key(keyHosts), b.key(keyKnock) + held.Host}, held.Host, data, hostsMax).Err()
	if err != nil {
		return unavailable(err)
	}
	_, err = b.publish(ctx, channelHost, "")
	return err
}

// ReleaseHost tells all workers that the calls to a host are held back no more.
func (b *Broker) ReleaseHost(ctx context.Context, host string) error {
	_, err := b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HDel(ctx, b.key(keyHosts), host)
		p.Del(ctx, b.key(keyKnock)+host)
		return nil
	})
	if err != nil {
		return unavailable(err)
	}
	_, err = b.publish(ctx, channelHost, "")
	return err
}

// ProbeHost reports whether the caller is the one who may try a host that is held back; nobody else may within the time.
func (b *Broker) ProbeHost(ctx context.Context, host string, within time.Duration) (mine bool, err error) {
	mine, err = b.client.SetNX(ctx, b.key(keyKnock)+host, b.name, within).Result()
	return mine, unavailable(err)
}

// HeldHosts are the hosts that are held back, those that are held the longest
// first; at most 1,000. What cannot be read, or was forgotten, is left out.
func (b *Broker) HeldHosts(ctx context.Context) ([]job.HeldHost, error) {
	all, err := b.client.HGetAll(ctx, b.key(keyHosts)).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	var held []job.HeldHost
	var gone []string
	for host, text := range all {
		var h job.HeldHost
		if json.Unmarshal([]byte(text), &h) != nil || h.Host != host || h.Cause == "" || b.now().Sub(h.Until) > hostForgotten {
			gone = append(gone, host)
			continue
		}
		held = append(held, h)
	}
	if len(gone) > 0 {
		if err := b.client.HDel(ctx, b.key(keyHosts), gone...).Err(); err != nil {
			return nil, unavailable(err)
		}
	}
	slices.SortFunc(held, func(a, b job.HeldHost) int {
		return cmp.Or(cmp.Compare(b.Until, a.Until), cmp.Compare(a.Host, b.Host))
	})
	return held, nil
}

// WatchHosts tells which hosts are held back: at first, after each change,
// several of them as one, and every few seconds, until the context ends.
func (b *Broker) WatchHosts(ctx context.Context, learn func(all []job.HeldHost)) {
	news := make(chan struct{}, 1)
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() {
		b.listen(ctx, func(*redis.Message) {
			select {
			case news <- struct{}{}:
			default:
			}
		}, b.key(channelHost))
	})
	timer := time.NewTicker(hostsEvery)
	defer timer.Stop()
	for {
		// One that Redis does not answer is looked for again.
		if all, err := b.HeldHosts(ctx); err == nil {
			learn(all)
		}
		if !pause(ctx, hostsPause) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-news:
		case <-timer.C:
		}
	}
}
