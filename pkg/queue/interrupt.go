package queue

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

const (
	// cutsKept is how long it is kept that a call is to be cut off, where that cannot be published.
	cutsKept = time.Minute
	// cutsEvery is how often a worker looks for it then.
	cutsEvery = time.Second
)

// Interrupt asks every worker to cut off the calls of the runs. It does not wait
// for that: a worker reports the end of what it cut off. News that are lost with
// a connection are to be given again.
func (b *Broker) Interrupt(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	refused, err := b.publish(ctx, channelCut, strings.Join(ids, " "))
	if err != nil || !refused {
		return err
	}
	now, cuts := b.now(), make([]redis.Z, len(ids))
	for i, id := range ids {
		cuts[i] = redis.Z{Score: float64(now), Member: id}
	}
	_, err = b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, b.key(keyCuts), cuts...)
		p.ZRemRangeByScore(ctx, b.key(keyCuts), "-inf", strconv.FormatInt(int64(now.Add(-cutsKept)), 10))
		p.Expire(ctx, b.key(keyCuts), cutsKept)
		return nil
	})
	return unavailable(err)
}

// listen rings the bell, and cuts off calls as Interrupt asks, until the context
// ends. That it listens to its own channel too shows that this process is there.
func (h *deliveries) listen(ctx context.Context) {
	bell, cut := h.b.key(channelBell), h.b.key(channelCut)
	h.b.listen(ctx, func(message *redis.Message) {
		switch {
		case message == nil || message.Channel == bell:
			if message == nil || message.Payload == bellDelayed {
				h.taker.lookAtAll()
			}
			h.taker.ring()
		case message.Channel == cut:
			h.cut(strings.Fields(message.Payload))
		}
	}, cut, bell, h.b.key(channelWorker)+h.b.life)
}

// lookForCuts does, until the context ends, what listen cannot while channels may not be used.
func (h *deliveries) lookForCuts(ctx context.Context) {
	for pause(ctx, cutsEvery) {
		if !h.b.silent() || h.count() == 0 {
			continue
		}
		if ids, err := h.b.client.ZRange(ctx, h.b.key(keyCuts), 0, -1).Result(); err == nil {
			h.cut(ids)
		}
	}
}

func (h *deliveries) cut(ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		if cut, ok := h.running[id]; ok {
			cut(job.ErrCanceled)
		}
	}
}
