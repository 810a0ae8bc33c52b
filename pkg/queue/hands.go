package queue

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// InHand tells which of the runs living workers say that they have in their hands.
func (b *Broker) InHand(ctx context.Context, ids []string) (map[string]bool, error) {
	in := map[string]bool{}
	if len(ids) == 0 {
		return in, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = b.key(keyHeld) + id
	}
	var callers, held *redis.SliceCmd
	_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		callers, held = p.HMGet(ctx, b.key(keyCalls), ids...), p.MGet(ctx, keys...)
		return nil
	})
	if err != nil {
		return nil, unavailable(err)
	}
	asked := map[string]bool{}
	for i, id := range ids {
		if held.Val()[i] != nil {
			in[id] = true
		}
		if life, ok := callers.Val()[i].(string); ok {
			asked[life] = true
		}
	}
	living, err := b.living(ctx, slices.Collect(maps.Keys(asked)))
	for i, id := range ids {
		if life, ok := callers.Val()[i].(string); ok && living[life] {
			in[id] = true
		}
	}
	return in, err
}

// living tells which worker processes give signs of life, or are stopped and still there.
func (b *Broker) living(ctx context.Context, lives []string) (map[string]bool, error) {
	living := map[string]bool{}
	if len(lives) == 0 {
		return living, nil
	}
	clock, signs, err := b.signs(ctx)
	if err != nil {
		return nil, err
	}
	var silent []string
	for _, life := range lives {
		if sign, known := signs[life]; known && time.Duration(clock-sign)*time.Second < goneAfter {
			living[life] = true
		} else {
			silent = append(silent, life)
		}
	}
	if len(silent) == 0 {
		return living, nil
	}
	listening, err := b.listening(ctx, silent...)
	for life, n := range listening {
		living[life] = n > 0
	}
	return living, err
}
