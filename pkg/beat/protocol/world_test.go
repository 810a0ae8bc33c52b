package protocol

// policy is the job's concurrency_policy.
type policy uint8

const (
	forbid policy = iota
	allow
	replace
	queue
)

// config bounds a scenario.
type config struct {
	occurrences, attempts, workers, beats uint8
	policy                                policy
	// deletes: the job may be deleted at any moment. again: and registered anew for the same occurrences.
	deletes, again bool
	// recorders and reconcilers are how many of the beats have one that moves: the others are merely slow.
	recorders, reconcilers uint8
	// faults is how many may happen on one path, kinds which.
	faults uint8
	kinds  fault
	// alone: keys vanish one by one only.
	alone bool
	// archiveAt is how many lost deliveries asynq bears; zero: any number.
	archiveAt uint8
	bug       bug
}

// fault is a set of kinds of misfortune.
type fault uint16

const (
	killBeat fault = 1 << iota
	killWorker
	killAPI
	flush      // Redis loses everything
	loseLease  // a worker loses its lease, knows it, and goes on
	oversleep  // a worker was stopped for longer than its lease, and goes on
	takeover   // a slow recorder's entries are given to another
	vanish     // Redis loses some keys, any of them together
	restore    // the database goes back to an earlier state
	everything = killBeat | killWorker | killAPI | flush | loseLease | oversleep | takeover
)

// world is a state that is being changed by one step.
type world struct {
	*state
	c   *config
	bad string // the promise that the step broke
}

func (w *world) broke(promise string) {
	if w.bad == "" {
		w.bad = promise
	}
}

// record is store.Record of one event: job.Run.Apply, and what follows for waiting runs.
func (w *world) record(e event) (promoted uint8) {
	r := &w.db.runs[e.run]
	if r.state == none { // an unknown run is left out
		w.forget(bit(e.run))
		return 0
	}
	if e.kind == evRetrying || e.kind == evSucceeded || e.kind == evCut {
		r.ended = max(r.ended, e.n)
	}
	r.started = max(r.started, e.n)
	if r.final() && !w.c.bug.has(bugFinalOverwritten) {
		return 0
	}
	switch e.kind {
	case evSucceeded:
		r.state = succeeded
	case evCut:
		r.state = canceled
	case evNotCalled:
		w.endUncalled(e.run)
	case evWorkerLost:
		w.accountedUncalled(e.run)
		r.state = failed
	default:
		r.state = r.openState()
		return 0
	}
	return w.promote()
}

// openState is job.Run.openState.
func (r *run) openState() uint8 {
	switch {
	case r.started > r.ended:
		return running
	case r.ended > 0:
		return retrying
	case r.state == waiting:
		return waiting
	}
	return queued
}

// cancel is store.cancel of one run. After a worker died between the report of
// an attempt and its own note of it, that attempt is made again, which the
// account does not show as running: such a run may be canceled in its call.
func (w *world) cancel(i uint8) {
	if w.ghost.hit&bit(i) == 0 {
		w.accountedUncalled(i)
	}
	w.endUncalled(i)
}

// endUncalled ends a run as canceled before its call, or before its next one.
func (w *world) endUncalled(i uint8) {
	for n := w.ghost.told[i]; int(n) < len(w.ghost.calls[i]); n++ {
		if w.ghost.calls[i][n] > 0 && !w.forgiven(i) {
			w.broke("a call that had begun is accounted as canceled")
		}
	}
	w.db.runs[i].state = canceled
}

// accountedUncalled checks an end that no worker's call led to.
func (w *world) accountedUncalled(i uint8) {
	if w.ghost.reported&^w.ghost.always&bit(i) != 0 {
		w.broke("a run whose end was reported is accounted for as something else")
	}
}

func (w *world) forgiven(i uint8) bool { return (w.ghost.once|w.ghost.always)&bit(i) != 0 }

// promote is store.promote: the first waiting run is queued when no other is open.
func (w *world) promote() uint8 {
	if w.c.bug.has(bugNobodyPromotes) {
		return 0
	}
	for i := range w.db.runs {
		r := &w.db.runs[i]
		if r.open() && r.state != waiting {
			return 0
		}
	}
	for i := range w.db.runs {
		r := &w.db.runs[i]
		if r.state == waiting {
			if r.cancel != keep {
				return 0
			}
			r.state = queued
			return bit(uint8(i))
		}
	}
	return 0
}

// openRuns counts what store.countOpen counts.
func (w *world) openRuns() (open, wait uint8) {
	for i := range w.db.runs {
		if w.db.runs[i].open() {
			open++
		}
		if w.db.runs[i].state == waiting {
			wait++
		}
	}
	return open, wait
}

// report adds an event to the stream.
func (w *world) report(e event) {
	if w.redis.length == maxStream {
		panic("the stream is longer than the model has room for")
	}
	w.redis.stream[w.redis.length] = entry{event: e}
	w.redis.length++
	switch e.kind {
	case evSucceeded, evCut:
		w.ghost.reported |= bit(e.run)
		w.ghost.ended |= bit(e.run)
		w.ghost.told[e.run] = max(w.ghost.told[e.run], e.n)
	case evRetrying:
		w.ghost.told[e.run] = max(w.ghost.told[e.run], e.n)
	case evNotCalled:
		w.ghost.ended |= bit(e.run)
	}
}

// drop takes entries out of the stream, and moves on whoever waits for them.
func (w *world) drop(gone func(entry) bool) {
	kept := uint8(0)
	var stream [maxStream]entry
	for i := range w.redis.length {
		e := w.redis.stream[i]
		if !gone(e) {
			stream[kept] = e
			kept++
			continue
		}
		for _, left := range w.settlers() {
			if *left > kept {
				*left--
			}
		}
	}
	w.redis.stream, w.redis.length = stream, kept
}

// settlers are the counts of entries that a Settle waits for: those before a place in the stream.
func (w *world) settlers() [2*maxBeats + 1]*uint8 {
	return [...]*uint8{
		&w.beats[0].settleLeft, &w.beats[0].reconciler.left,
		&w.beats[1].settleLeft, &w.beats[1].reconciler.left, &w.api.left,
	}
}
