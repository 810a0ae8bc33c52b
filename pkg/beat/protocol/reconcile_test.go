package protocol

// The steps of a reconciler: of a round that delivers what was lost, and of one
// that cancels what is marked. It makes one round after the other; which comes
// next is left open.
const (
	rIdle uint8 = iota
	rAsk
	rSettle
	rSettling
	rGiveUp
	rReread
	rEnqueue
	cMark
	cDelete
	cInterrupt
	cAsk
	cSettle
	cSettling
	cCancel
	cVanished
)

// reconcile is what the reconciler of a beat may do next.
func (m *model) reconcile(b uint8) {
	p := &m.at.beats[b].reconciler
	switch p.step {
	case rIdle:
		m.beginRound(b)
	case rAsk, rSettle, rSettling, rGiveUp, rReread, rEnqueue:
		m.deliverLost(b, p)
	default:
		m.cancelMarked(b, p)
	}
}

func (m *model) beginRound(b uint8) {
	stale, marked, called := m.at.lookAtRuns()
	if stale != 0 {
		m.do("reads open runs", b, func(w *world) {
			p := &w.beats[b].reconciler
			p.step, p.runs = rAsk, stale
			for i := range w.db.runs {
				if stale&bit(uint8(i)) != 0 {
					p.made[i] = w.db.runs[i].ended
				}
			}
		})
	}
	if marked != 0 {
		m.do("reads marked runs", b, func(w *world) {
			p := &w.beats[b].reconciler
			p.step, p.runs, p.called = cMark, marked, called
		})
	}
	w := world{state: new(state), c: m.c}
	*w.state = *m.at
	if w.promote() != 0 {
		m.do("frees a waiting run", b, func(w *world) {
			p := &w.beats[b].reconciler
			p.runs = w.promote()
			p.lost, p.step = p.runs, rEnqueue
		})
	}
}

// lookAtRuns is StaleRuns, with any patience, and CancelPending.
func (s *state) lookAtRuns() (stale, marked, called uint8) {
	for i := range s.db.runs {
		r, b := &s.db.runs[i], bit(uint8(i))
		switch {
		case !r.open():
		case r.cancel == keep && r.state != waiting:
			stale |= b
		case r.cancel != keep:
			marked |= b
			if r.state == running {
				called |= b
			}
		}
	}
	return stale, marked, called
}

// deliverLost is Reconciler.compare.
func (m *model) deliverLost(b uint8, p *reconciler) {
	switch p.step {
	case rAsk:
		m.do("asks the queue", b, func(w *world) {
			p := &w.beats[b].reconciler
			p.lost, p.gone = w.missing(p.runs)
			switch {
			case p.lost|p.gone == 0:
				*p = reconciler{}
			case w.c.bug == bugGiveUpUnsettled && p.gone != 0:
				p.step = rGiveUp
			case w.c.bug == bugReconcileUnsettled:
				p.step = rReread
			default:
				p.step = rSettle
			}
		})
	case rSettle:
		m.do("begins to settle lost runs", b, func(w *world) {
			p := &w.beats[b].reconciler
			p.step, p.left = rSettling, w.redis.length
		})
	case rSettling:
		if p.left == 0 {
			m.do("has settled lost runs", b, func(w *world) {
				p := &w.beats[b].reconciler
				p.step = rReread
				if p.gone != 0 {
					p.step = rGiveUp
				}
			})
		}
	case rGiveUp:
		m.do("gives up archived runs", b, func(w *world) {
			p := &w.beats[b].reconciler
			for i := range uint8(maxRuns) {
				if p.gone&bit(i) != 0 && w.db.runs[i].open() {
					p.lost |= w.record(event{run: i, kind: evWorkerLost})
				}
			}
			p.step = rReread
		})
	case rReread:
		m.do("reads which are still open", b, func(w *world) {
			p := &w.beats[b].reconciler
			for i := range w.db.runs {
				if !w.db.runs[i].open() {
					p.lost &^= bit(uint8(i))
				}
			}
			p.step = rEnqueue
			if p.lost == 0 {
				*p = reconciler{}
			}
		})
	case rEnqueue:
		m.do("delivers a run", b, func(w *world) {
			p := &w.beats[b].reconciler
			i := first(p.lost)
			w.put(i, p.made[i])
			if p.lost &^= bit(i); p.lost == 0 {
				*p = reconciler{}
			}
		})
	}
}

// missing is queue.Missing.
func (s *state) missing(runs uint8) (lost, gone uint8) {
	for i := range uint8(maxRuns) {
		if runs&bit(i) == 0 {
			continue
		}
		switch s.redis.tasks[i].state {
		case absent:
			lost |= bit(i)
		case archived:
			gone |= bit(i)
		}
	}
	return lost, gone
}

// cancelMarked is Reconciler.cancelMarked.
func (m *model) cancelMarked(b uint8, p *reconciler) {
	next := func(name string, f func(w *world, p *reconciler)) {
		m.do(name, b, func(w *world) {
			p := &w.beats[b].reconciler
			p.step++
			f(w, p)
		})
	}
	switch p.step {
	case cMark:
		next("sets cancel marks", func(w *world, p *reconciler) { w.setMarks(p.runs) })
	case cDelete:
		next("deletes waiting tasks", func(w *world, p *reconciler) { w.deleteWaiting(p.runs) })
	case cInterrupt:
		next("cuts off calls", func(w *world, p *reconciler) { w.interrupt(p.called) })
	case cAsk:
		next("asks for the tasks of calls", func(w *world, p *reconciler) {
			p.lost, _ = w.missing(p.called)
			if w.c.bug == bugCancelUnsettled {
				p.step = cCancel
			}
		})
	case cSettle:
		next("begins to settle marked runs", func(w *world, p *reconciler) { p.left = w.redis.length })
	case cSettling:
		if p.left == 0 {
			next("has settled marked runs", func(*world, *reconciler) {})
		}
	case cCancel:
		next("cancels marked runs", func(w *world, p *reconciler) { p.gone = w.endMarked(p.runs, false) })
	case cVanished:
		next("cancels vanished runs", func(w *world, p *reconciler) {
			free := p.gone | w.endMarked(p.lost, true)
			*p = reconciler{}
			if free != 0 {
				p.step, p.runs, p.lost = rEnqueue, free, free
			}
		})
	}
}

func (w *world) setMarks(runs uint8) {
	if w.c.bug != bugNoMarks {
		w.redis.marks |= runs
	}
}

// deleteWaiting deletes tasks that nobody has taken yet, but not those that a
// worker without lease still holds: that they wait is what keeps their runs from
// being taken for lost.
func (w *world) deleteWaiting(runs uint8) {
	if w.c.bug != bugDeletesHeld {
		runs &^= w.redis.held
	}
	for i := range w.redis.tasks {
		if t := &w.redis.tasks[i]; runs&bit(uint8(i)) != 0 && t.state == pending {
			*t = task{}
		}
	}
}

// interrupt asks the workers that deliver the runs to end their calls; a job that was deleted asks for no such thing.
func (w *world) interrupt(runs uint8) {
	for i := range w.workers {
		p := &w.workers[i]
		if p.step != wIdle && runs&bit(p.run) != 0 && w.db.runs[p.run].cancel == replaced {
			p.cut = true
		}
	}
}

// endMarked is store.CancelMarked, or CancelVanished.
func (w *world) endMarked(runs uint8, called bool) (promoted uint8) {
	for i := range uint8(maxRuns) {
		r := &w.db.runs[i]
		if runs&bit(i) != 0 && r.open() && r.cancel != keep && (r.state == running) == called {
			w.cancel(i)
			promoted |= w.promote()
		}
	}
	return promoted
}

// The steps of the API while it deletes a job.
const (
	apiIdle uint8 = iota
	apiMark
	apiDelete
	apiSettle
	apiSettling
	apiCancel
	apiDone
)

// remove is what the API may do next.
func (m *model) remove() {
	if !m.c.deletes {
		return
	}
	next := func(name string, f func(w *world, p *deleter)) {
		m.do(name, 0, func(w *world) {
			p := &w.api
			p.step++
			f(w, p)
		})
	}
	switch m.at.api.step {
	case apiIdle:
		if m.at.clock == 0 {
			return // nothing to race with
		}
		next("the API deletes the job", func(w *world, p *deleter) {
			w.db.deleted = true
			if p.runs = w.mark(deleted); p.runs == 0 {
				p.step = apiDone
			}
		})
	case apiMark:
		next("the API sets cancel marks", func(w *world, p *deleter) { w.setMarks(p.runs) })
	case apiDelete:
		next("the API deletes waiting tasks", func(w *world, p *deleter) {
			w.deleteWaiting(p.runs)
			if w.c.bug == bugCancelUnsettled {
				p.step = apiCancel
			}
		})
	case apiSettle:
		next("the API begins to settle", func(w *world, p *deleter) { p.left = w.redis.length })
	case apiSettling:
		if m.at.api.left == 0 {
			next("the API has settled", func(*world, *deleter) {})
		}
	case apiCancel:
		next("the API cancels marked runs", func(w *world, p *deleter) {
			w.endMarked(p.runs, false)
			p.runs = 0
		})
	case apiDone:
		if m.c.again && m.at.db.deleted {
			m.do("the job is registered again", 0, func(w *world) { w.db.deleted, w.db.next = false, 0 })
		}
	}
}
