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
		m.do("reads open runs", b, func(w *world) { w.readOpen(b, stale, false) })
	}
	if late := m.at.overdue(stale); late != 0 && !m.c.bug.has(bugNoDeadline) {
		m.do("reads overdue runs", b, func(w *world) { w.readOpen(b, late, true) })
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

func (w *world) readOpen(b, runs uint8, overdue bool) {
	p := &w.beats[b].reconciler
	p.step, p.runs, p.overdue = rAsk, runs, overdue
	for i := range w.db.runs {
		if runs&bit(uint8(i)) != 0 {
			p.seen[i] = w.db.runs[i].stands()
			if w.db.runs[i].state == running {
				p.called |= bit(uint8(i))
			}
		}
	}
}

// stands is what tells whether a run has changed.
func (r *run) stands() uint8 { return r.state<<4 | r.started<<2 | r.ended }

// overdue are those of the runs whose deadline may have passed. A worker that is awake and has
// one in its hands tells something new before it does: no call lasts as long, and no delivery waits for its call.
func (s *state) overdue(runs uint8) (late uint8) {
	for i := range uint8(maxRuns) {
		if runs&bit(i) != 0 && !s.inHand(i, true) {
			late |= bit(i)
		}
	}
	return late
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
			p.lost, p.gone = w.missing(p.runs, p.called, p.overdue)
			for i := range w.redis.tasks {
				if p.lost&bit(uint8(i)) != 0 {
					p.marks[i] = w.redis.tasks[i].mark()
				}
			}
			p.called, p.overdue = 0, false
			switch {
			case p.lost|p.gone == 0:
				*p = reconciler{}
			case w.c.bug.has(bugGiveUpUnsettled) && p.gone != 0:
				p.step = rGiveUp
			case w.c.bug.has(bugReconcileUnsettled):
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
				r := &w.db.runs[i]
				if !r.open() || r.stands() != p.seen[i] && !w.c.bug.has(bugIgnoresNews) {
					p.lost &^= bit(uint8(i)) // there is news
				}
				if p.lost&bit(uint8(i)) != 0 {
					p.made[i] = r.ended
				}
			}
			p.seen, p.step = [maxRuns]uint8{}, rEnqueue
			if p.lost == 0 {
				*p = reconciler{}
			}
		})
	case rEnqueue:
		m.do("delivers a run", b, func(w *world) {
			p := &w.beats[b].reconciler
			i := first(p.lost)
			w.redeliver(i, p.made[i], p.marks[i])
			if p.lost &^= bit(i); p.lost == 0 {
				*p = reconciler{}
			}
		})
	}
}

// missing tells which of the runs are lost, and which the queue has given up. A
// run that is being called, or was taken, may be in the hands of a worker although its task is
// lost: the workers say what they have. Past a deadline nobody is asked.
func (w *world) missing(runs, called uint8, overdue bool) (missing, gone uint8) {
	for i := range uint8(maxRuns) {
		if runs&bit(i) == 0 {
			continue
		}
		t := &w.redis.tasks[i]
		asked := called&bit(i) != 0 || t.state == active || t.state == orphaned
		switch w.look(w.c, i) {
		case given:
			gone |= bit(i)
		case taken:
			if overdue && !w.inHand(i, true) {
				missing |= bit(i)
			}
		case lost:
			if overdue && !w.inHand(i, true) || !overdue && (!asked || !w.inHand(i, false)) || w.c.bug.has(bugAsksNobody) {
				missing |= bit(i)
			}
		}
	}
	return missing, gone
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
		for _, overdue := range []bool{false, true} {
			next("asks for the tasks of calls", func(w *world, p *reconciler) {
				if overdue && w.c.bug.has(bugNoDeadline) {
					return
				}
				p.lost, _ = w.missing(p.called, p.called, overdue)
				if w.c.bug.has(bugCancelUnsettled) {
					p.step = cCancel
				}
			})
		}
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
	if !w.c.bug.has(bugNoMarks) {
		w.redis.marks |= runs
	}
}

// deleteWaiting deletes tasks that nobody has taken yet, but not those that a
// worker without lease still holds: that they wait is what keeps their runs from
// being taken for lost.
func (w *world) deleteWaiting(runs uint8) {
	if !w.c.bug.has(bugDeletesHeld) {
		runs &^= w.redis.held
	}
	for i := range w.redis.tasks {
		if t := &w.redis.tasks[i]; runs&bit(uint8(i)) != 0 && t.state == pending && t.waits > 0 {
			t.drop()
			t.waits = 0
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
			if w.c.bug.has(bugCancelUnsettled) {
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
