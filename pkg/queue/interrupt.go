package queue

import (
	"context"
	"strings"

	"schedule-server/pkg/job"
)

// Interrupt asks every worker to cut off the calls of the runs. It does not wait
// for that: a worker reports the end of what it cut off. News that are lost with
// a connection are to be given again.
func (b *Broker) Interrupt(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	return unavailable(b.client.Publish(ctx, channelCut, strings.Join(ids, " ")).Err())
}

// listen rings the bell, and cuts off calls as Interrupt asks, until the context
// ends. That it listens to its own channel too shows that this process is there.
func (h *deliveries) listen(ctx context.Context) {
	subscription := h.b.client.Subscribe(ctx, channelCut, channelBell, channelWorker+h.b.life)
	news := subscription.Channel()
	stop := context.AfterFunc(ctx, func() { _ = subscription.Close() })
	defer stop()
	for message := range news {
		switch message.Channel {
		case channelBell:
			h.taker.ring()
		case channelCut:
			h.cut(strings.Fields(message.Payload))
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
