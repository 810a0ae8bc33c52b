package queue

import (
	"context"
	"encoding/json"
	"time"
)

// saveLast bounds the last try to save an outcome when the worker must end.
const saveLast = 500 * time.Millisecond

// save keeps what one delivery leaves for the next, and tries until it is kept.
// It fails only when the context ended.
func (b *Broker) save(ctx context.Context, runID string, o *savedOutcome) error {
	o.Format = formatJSON
	data, err := json.Marshal(o)
	if err != nil {
		b.log.Error("an outcome cannot be encoded", "run_id", runID, "error", err)
		return handedBack(time.Second)
	}
	ttl := outcomeTTL
	if o.RetryAt != nil {
		ttl += max(o.RetryAt.Sub(b.now()), 0)
	}
	for failures := 0; ; failures++ {
		if err := b.client.Set(ctx, keyOutcome+runID, data, ttl).Err(); err == nil {
			return nil
		}
		if !pause(ctx, backoff(failures)) {
			break
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
	defer cancel()
	if err := b.client.Set(last, keyOutcome+runID, data, ttl).Err(); err != nil {
		b.log.Warn("an outcome was not saved: the attempt may be made again", "run_id", runID, "error", err)
		return handedBack(0)
	}
	return nil
}

// recall finds what an earlier delivery saved, nil when nothing. The error
// brings the task back: Redis did not answer, or another worker is still calling.
func (b *Broker) recall(ctx context.Context, runID string) (*savedOutcome, error) {
	values, err := b.client.MGet(ctx, keyOutcome+runID, keyHeld+runID).Result()
	if err != nil || len(values) != 2 {
		return nil, handedBack(time.Second)
	}
	if values[1] != nil {
		return nil, elsewhere()
	}
	text, ok := values[0].(string)
	if !ok {
		return nil, nil
	}
	var o savedOutcome
	err = json.Unmarshal([]byte(text), &o)
	switch {
	case err == nil && o.Format == formatJSON:
		return &o, nil
	case formatOf([]byte(text), json.Unmarshal) > formatJSON:
		return nil, newerTask()
	}
	b.log.Warn("a saved outcome cannot be read", "run_id", runID)
	return nil, nil
}

// forget drops what was saved, as far as that goes: it expires anyhow.
func (b *Broker) forget(ctx context.Context, runID string) {
	_ = b.client.Del(ctx, keyOutcome+runID).Err()
}

// hold keeps other workers off a run whose lease was lost while it is being
// called, until the context ends.
func (b *Broker) hold(ctx context.Context, runID string) {
	b.log.Warn("the lease of a delivery was lost; it goes on", "run_id", runID)
	for wait := time.Duration(0); pause(ctx, wait); {
		wait = heldEvery
		if err := b.client.Set(ctx, keyHeld+runID, b.name, heldTTL).Err(); err != nil {
			wait = time.Second
		}
	}
}

// letGo ends a hold, as far as that goes: it expires anyhow.
func (b *Broker) letGo(runID string) {
	ctx, cancel := context.WithTimeout(context.Background(), saveLast)
	defer cancel()
	_ = b.client.Del(ctx, keyHeld+runID).Err()
}
