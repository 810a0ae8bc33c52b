package queue

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// evictionEvery is how often Redis is asked whether it throws keys away.
const evictionEvery = time.Minute

// keepsAll is the eviction policy that throws no key away.
const keepsAll = "noeviction"

// noteEviction asks what Redis does when its memory is full, and tells operators when
// that costs keys. If Redis does not tell, because its user may not ask, or a service
// hides it, nothing is said.
func (b *Broker) noteEviction(ctx context.Context) {
	policy, told := b.evictionPolicy(ctx)
	if !told {
		return
	}
	before := b.eviction.Swap(&policy)
	switch was := before != nil && *before != ""; {
	case policy != "" && (!was || *before != policy):
		b.log.Warn("redis throws keys away when its memory is full; set its maxmemory-policy to noeviction, or runs may be called again or late",
			"maxmemory_policy", policy)
	case policy == "" && was:
		b.log.Info("redis throws no keys away any more")
	}
}

// evictionPolicy is the policy by which a master throws keys away, empty for none. It reports whether every master told.
func (b *Broker) evictionPolicy(ctx context.Context) (policy string, told bool) {
	var mu sync.Mutex
	ask := func(ctx context.Context, client redis.Cmdable) error {
		info, err := client.Info(ctx, "memory").Result()
		if err != nil {
			return err
		}
		_, rest, found := strings.Cut(info, "\nmaxmemory_policy:")
		if !found {
			return errAnswer
		}
		value, _, _ := strings.Cut(rest, "\r")
		if value != keepsAll {
			mu.Lock()
			defer mu.Unlock()
			policy = value
		}
		return nil
	}
	if cluster, ok := b.client.(*redis.ClusterClient); ok {
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return ask(ctx, node) })
		return policy, err == nil
	}
	err := ask(ctx, b.client)
	return policy, err == nil
}

// Warnings are what people who look after the service should know of its Redis.
func (b *Broker) Warnings() []job.Warning {
	warnings := []job.Warning{}
	if refused, _ := b.admission.state(); refused != nil {
		warnings = append(warnings, job.Warning{
			Code:      "redis_refused",
			Message:   "Redis is not used: " + refused.Error() + ".",
			MessageZH: "Redis 未被使用：" + refused.Error() + "。",
		})
	}
	if policy := b.eviction.Load(); policy != nil && *policy != "" {
		warnings = append(warnings, job.Warning{
			Code:      "redis_evicts",
			Message:   "Redis throws keys away when its memory is full (maxmemory-policy " + *policy + "). Set it to noeviction, or runs may be called again or late.",
			MessageZH: "Redis 内存写满时会淘汰键（maxmemory-policy 为 " + *policy + "）。请改为 noeviction，否则任务可能被重复调用或延迟。",
		})
	}
	if b.silent() {
		warnings = append(warnings, job.Warning{
			Code:      "redis_silent",
			Message:   "The Redis user may not use channels, so that work is looked for again and again, and runs can be up to a second late. Give it &" + b.prefix + "schedule:* and &asynq:cancel.",
			MessageZH: "Redis 用户没有频道权限，只能反复查询，任务最多可能晚一秒执行。请授予 &" + b.prefix + "schedule:* 和 &asynq:cancel。",
		})
	}
	return warnings
}
