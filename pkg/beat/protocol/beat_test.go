package protocol

// fire is what the firing loop of a beat, and the settling beside it, may do next.
func (m *model) fire(b uint8) {
	s := m.at
	p := &s.beats[b]
	switch {
	case p.torn > 0:
		m.do("commits its claim", b, func(w *world) {
			w.beats[b].torn = 0
			w.claim(b)
		})
	case p.enqueue != 0:
		m.do("enqueues", b, func(w *world) { w.enqueueOne(&w.beats[b].enqueue) })
	case !s.db.deleted && s.db.next < s.clock:
		if w := (world{state: s, c: m.c}); w.mustSettle(b) {
			if !p.settling {
				m.do("begins to settle", b, func(w *world) {
					p := &w.beats[b]
					p.settling, p.settleAt, p.settleLeft = true, w.clock, w.redis.length
				})
			}
			break
		}
		if m.c.bug.has(bugEnqueueFirst) {
			m.do("enqueues before its claim", b, func(w *world) {
				w.put(w.clock-1, 0)
				w.beats[b].torn = w.clock
			})
			break
		}
		m.do("claims", b, func(w *world) { w.claim(b) })
	}
	if p.settling && p.settleLeft == 0 {
		m.do("has settled", b, func(w *world) {
			p := &w.beats[b]
			p.settledAt, p.settling, p.settleAt = p.settleAt, false, 0
		})
	}
}

// mustSettle is decider.mustSettle.
func (w *world) mustSettle(b uint8) bool {
	open, _ := w.openRuns()
	return w.c.policy != allow && open > 0 && w.beats[b].settledAt < w.clock && !w.c.bug.has(bugSkipUnsettled)
}

// claim is the transaction: every occurrence that is due gets its run, and the job its next.
func (w *world) claim(b uint8) {
	last := w.clock - 1
	open, wait := w.openRuns()
	verdict := queued
	switch {
	case open == 0 || w.c.policy == allow || w.c.policy == replace:
	case w.c.policy == queue && wait == 0:
		verdict = waiting
	default:
		verdict = skipped
		w.checkSkip(last)
	}
	if w.c.policy == replace {
		w.mark(replaced)
	}
	for i := w.db.next; i < last; i++ {
		w.insert(i, missed) // coalesced
	}
	if w.insert(last, verdict) && verdict == queued {
		w.beats[b].enqueue |= bit(last)
	}
	w.db.next = w.clock
}

// insert adds a run; one that is there is left as it is.
func (w *world) insert(i, verdict uint8) bool {
	r := &w.db.runs[i]
	if r.state != none {
		if !w.c.bug.has(bugNoUniqueID) {
			return false
		}
		w.broke("an occurrence has two runs")
	}
	*r = run{state: verdict}
	return true
}

// mark notes the intent to cancel on all open runs.
func (w *world) mark(reason uint8) (marked uint8) {
	for i := range w.db.runs {
		if r := &w.db.runs[i]; r.open() {
			marked |= bit(uint8(i))
			if reason == deleted || r.cancel == keep {
				r.cancel = reason
			}
		}
	}
	return marked
}

// checkSkip: a run whose end was reported before the occurrence fell due does not stand in its way.
func (w *world) checkSkip(i uint8) {
	for j := range w.db.runs {
		if w.db.runs[j].open() && w.ghost.atDue[i]&bit(uint8(j)) == 0 {
			return
		}
	}
	w.broke("an occurrence is skipped for runs that had ended before it fell due")
}

// enqueueOne hands the first of the runs to the queue.
func (w *world) enqueueOne(runs *uint8) {
	i := first(*runs)
	w.put(i, 0)
	*runs &^= bit(i)
}

func first(set uint8) uint8 {
	for i := uint8(0); ; i++ {
		if set&bit(i) != 0 {
			return i
		}
	}
}

// The steps of a recorder.
const (
	recIdle uint8 = iota
	recRecord
	recEnqueue
	recAck
	recLate // of a broken one: acknowledged and not yet recorded
)

// recordStep is what the recorder of a beat may do next.
func (m *model) recordStep(b uint8) {
	switch m.at.beats[b].recorder.step {
	case recIdle:
		m.read("reads results", b, func(e entry) bool { return e.owners == 0 })
		if !m.c.bug.has(bugNoTakeover) {
			m.read("takes over results of the dead", b, func(e entry) bool { return e.owners&ownerless != 0 && e.owners&bit(b) == 0 })
		}
		m.fault(takeover, "is given results of a slow recorder", b, func(w *world) bool {
			return w.take(b, func(e entry) bool { return e.owners&^ownerless != 0 && e.owners&bit(b) == 0 })
		})
	case recRecord, recLate:
		m.do("records", b, func(w *world) {
			p := &w.beats[b].recorder
			for _, e := range p.batch[:p.n] {
				p.enqueue |= w.record(e)
			}
			switch {
			case p.step == recLate:
				*p = recorder{}
			case p.enqueue != 0:
				p.step = recEnqueue
			default:
				p.step = recAck
			}
		})
	case recEnqueue:
		m.do("enqueues what waited", b, func(w *world) {
			p := &w.beats[b].recorder
			if w.enqueueOne(&p.enqueue); p.enqueue == 0 {
				p.step = recAck
			}
		})
	case recAck:
		m.do("acknowledges", b, func(w *world) {
			w.acknowledge(b)
			w.beats[b].recorder = recorder{}
		})
	}
}

func (m *model) read(name string, b uint8, which func(entry) bool) {
	stream := m.at.redis.stream[:m.at.redis.length]
	for _, e := range stream {
		if which(e) {
			m.do(name, b, func(w *world) { w.take(b, which) })
			return
		}
	}
}

// take hands entries to the recorder of a beat.
func (w *world) take(b uint8, which func(entry) bool) bool {
	p := &w.beats[b].recorder
	for i := range w.redis.stream[:w.redis.length] {
		if e := &w.redis.stream[i]; p.n < maxBatch && which(*e) {
			e.owners |= bit(b)
			p.batch[p.n] = e.event
			p.n++
		}
	}
	p.step = recRecord
	if w.c.bug.has(bugAckFirst) && p.n > 0 {
		w.acknowledge(b)
		p.step = recLate
	}
	return p.n > 0
}

func (w *world) acknowledge(b uint8) {
	w.drop(func(e entry) bool { return e.owners&bit(b) != 0 })
}
