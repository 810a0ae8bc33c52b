package queue

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A worker process shows in two ways that it lives: it gives a sign every two
// seconds, and it listens to a channel of its own. The signs of one that is
// stopped (SIGSTOP, a frozen machine) stay away, but its connection stays open,
// as the kernel keeps it; that of one that died is closed by the kernel. So both
// missing tells death from sleep, which an expired lease cannot.

const (
	signEvery  = 2 * time.Second
	showWithin = 2 * time.Second
	showPause  = 10 * time.Millisecond
	// signsKept is how long a worker that gives no sign is remembered: asynq has
	// given its tasks to others long before.
	signsKept = 10 * time.Minute
	// releaseEvery and releaseMost bound how long, and how many, ended calls stay noted as under way.
	releaseEvery = 200 * time.Millisecond
	releaseMost  = 1000
)

// releaseScript forgets who makes calls that have ended, where that is still the worker that says so.
const releaseScript = `
if #ARGV == 1 then return redis.status_reply("OK") end
local ids, mine = {}, {}
for i = 2, #ARGV do ids[i - 1] = ARGV[i] end
for i, life in ipairs(redis.call("HMGET", KEYS[1], unpack(ids))) do
	if life == ARGV[1] then mine[#mine + 1] = ids[i] end
end
if #mine > 0 then redis.call("HDEL", KEYS[1], unpack(mine)) end
return redis.status_reply("OK")`

// noteScript notes again what a worker has in its hands, where nobody else has noted that: Redis may have lost it.
const noteScript = `
for i = 2, #ARGV do
	redis.call("HSETNX", KEYS[1], ARGV[i], ARGV[1])
end
return redis.status_reply("OK")`

// newLife names one life of a process: host and number come again after a restart.
func newLife(name string) string { return name + "/" + rand.Text()[:10] }

// presence shows that a worker process lives, and notes which calls have ended.
type presence struct {
	b       *Broker
	mu      sync.Mutex
	ended   []string
	running func(runID string) bool
	// all lists what is running.
	all func() []string
	// noted are those that were running at the last sign.
	noted map[string]bool
}

// end notes that a delivery has ended.
func (p *presence) end(runID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, runID)
}

// begin waits until the process shows, for a while at most: what a worker calls
// that dies unseen comes back late.
func (p *presence) begin(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, showWithin)
	defer cancel()
	for !p.sign(ctx) && pause(ctx, showPause) {
	}
}

// run gives signs of life until the context ends, and takes leave then.
func (p *presence) run(ctx context.Context) {
	sign := time.NewTicker(signEvery)
	defer sign.Stop()
	release := time.NewTicker(releaseEvery)
	defer release.Stop()
	for ctx.Err() == nil {
		select {
		case <-sign.C:
			if p.sign(ctx) {
				p.note(ctx)
			}
		case <-release.C:
			p.release(ctx)
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
	defer cancel()
	p.release(last)
	_ = p.b.client.ZRem(last, p.b.key(keyWorkers), p.b.life).Err() // otherwise it counts as dead, with nothing left to call
}

// sign gives a sign of life, once it is seen to listen: a Redis, or a proxy, that does
// not tell who listens must not make a sleeping worker look dead. It reports whether that went well; the next one is soon.
func (p *presence) sign(ctx context.Context) bool {
	listening, err := p.b.listening(ctx, p.b.life)
	if err != nil || listening[p.b.life] == 0 {
		return false
	}
	return p.b.beat.Run(ctx, p.b.client, []string{p.b.key(keyWorkers)}, p.b.life, int(signsKept.Seconds())).Err() == nil
}

// note tells again which runs this process has in its hands, where Redis may have lost
// that: of those only that it has had for some time. What fails is done again with the next sign.
func (p *presence) note(ctx context.Context) {
	before := p.noted
	p.noted = map[string]bool{}
	args := []any{p.b.life}
	for _, id := range p.all() {
		p.noted[id] = true
		if before[id] {
			args = append(args, id)
		}
	}
	if len(args) == 1 || p.b.scripts.note.Run(ctx, p.b.client, []string{p.b.key(keyCalls)}, args...).Err() != nil {
		return
	}
	for _, id := range args[1:] {
		if id, ok := id.(string); ok && !p.running(id) {
			p.end(id) // meanwhile
		}
	}
}

// release notes in Redis that calls have ended. What fails is tried again.
func (p *presence) release(ctx context.Context) {
	p.mu.Lock()
	ended := p.ended
	p.ended = nil
	p.mu.Unlock()
	for len(ended) > 0 {
		n := min(len(ended), releaseMost)
		args := []any{p.b.life}
		for _, id := range ended[:n] {
			if !p.running(id) { // it may have come again meanwhile
				args = append(args, id)
			}
		}
		if err := p.b.release.Run(ctx, p.b.client, []string{p.b.key(keyCalls)}, args...).Err(); err != nil {
			break
		}
		ended = ended[n:]
	}
	if len(ended) > 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = append(ended[max(0, len(ended)-100*releaseMost):], p.ended...)
	}
}

// listening counts, by life, the connections that listen to a worker's own channel.
func (b *Broker) listening(ctx context.Context, lives ...string) (map[string]int64, error) {
	channels := make([]string, len(lives))
	for i, life := range lives {
		channels[i] = b.key(channelWorker) + life
	}
	var mu sync.Mutex
	count := make(map[string]int64, len(lives))
	ask := func(ctx context.Context, client redis.Cmdable) error {
		found, err := client.PubSubNumSub(ctx, channels...).Result()
		mu.Lock()
		defer mu.Unlock()
		for i, life := range lives {
			count[life] += found[channels[i]]
		}
		return err
	}
	if cluster, ok := b.client.(*redis.ClusterClient); ok { // each node knows its own listeners only
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return ask(ctx, node) })
		return count, unavailable(err)
	}
	return count, unavailable(ask(ctx, b.client))
}
