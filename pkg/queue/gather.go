package queue

import (
	"context"
	"sync"
)

// gatherer does things in batches that were asked for one by one: what arrives
// while a batch is under way makes up the next. Alone, one waits for nobody.
type gatherer[T any] struct {
	// do does the things, at least one, and says of each how it went, in their order.
	do func(things []T) []error

	mu      sync.Mutex
	waiting []awaited[T]
	busy    bool
}

type awaited[T any] struct {
	thing T
	done  chan error
}

// gatherMost bounds one batch of a gatherer.
const gatherMost = 256

// one has a thing done. When the context ends first it may still be done.
func (g *gatherer[T]) one(ctx context.Context, thing T) error {
	own := awaited[T]{thing, make(chan error, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, own)
	if !g.busy {
		g.busy = true
		go g.work()
	}
	g.mu.Unlock()
	select {
	case err := <-own.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work goes on until nothing waits any more.
func (g *gatherer[T]) work() {
	for {
		batch := g.next()
		if len(batch) == 0 {
			return
		}
		things := make([]T, len(batch))
		for i := range batch {
			things[i] = batch[i].thing
		}
		for i, err := range g.do(things) {
			batch[i].done <- err
		}
	}
}

// next takes the next batch; when there is none the work is over.
func (g *gatherer[T]) next() []awaited[T] {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch := g.waiting[:min(len(g.waiting), gatherMost)]
	g.waiting = g.waiting[len(batch):]
	g.busy = len(batch) > 0
	return batch
}
