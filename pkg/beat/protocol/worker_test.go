package protocol

// The steps of a worker with one lane.
const (
	wIdle uint8 = iota
	wTaken
	wStart
	wLate // of a broken one: the mark is read and the start not yet reported
	wCall
	wCalling
	wReport
	wSave
	wFinish
)

// deliver is what a worker may do next.
func (m *model) deliver(i uint8) {
	p := &m.at.workers[i]
	switch p.step {
	case wIdle:
		m.takeTask(i)
	case wTaken:
		m.do("takes in what was saved", i, func(w *world) { w.recall(i) })
	case wStart:
		if p.cut {
			m.do("hands back what is cut off", i, func(w *world) { w.handBack(i) })
			break
		}
		m.do("reports the start", i, func(w *world) { w.start(i) })
	case wLate:
		m.do("reports the start late", i, func(w *world) {
			p := &w.workers[i]
			w.report(event{p.run, evStarted, p.n})
			p.step = wCall
		})
	case wCall:
		m.do("begins the call", i, func(w *world) { w.call(i) })
	case wCalling:
		m.endCall(i)
	case wReport:
		m.do("reports the end", i, func(w *world) {
			p := &w.workers[i]
			w.report(event{p.run, p.result, p.n})
			p.step = wFinish
			if p.result == evRetrying || p.lost {
				p.step = wSave
			}
		})
	case wSave:
		m.do("saves the outcome", i, func(w *world) { w.save(i) })
	case wFinish:
		m.do("finishes the task", i, func(w *world) { w.finish(i) })
	}
}

// takeTask is asynq's dequeue. Idle workers are alike: the first one takes.
func (m *model) takeTask(i uint8) {
	if i > 0 && m.at.workers[0].step == wIdle {
		return
	}
	for r := range uint8(maxRuns) {
		if m.at.redis.tasks[r].state == pending && !m.at.delivers(i, r) {
			m.do("takes a task", i, func(w *world) {
				t := &w.redis.tasks[r]
				t.state = active
				w.workers[i] = worker{step: wStart, run: r, made: t.made, n: t.made + 1, retried: t.retried}
				if t.retried > 0 {
					w.workers[i].step = wTaken
				}
			})
		}
	}
}

// delivers: a process does not begin a run that it is delivering already.
func (s *state) delivers(i, r uint8) bool { return s.workers[i].step != wIdle && s.workers[i].run == r }

// recall is queue.recall and deliveries.resume.
func (w *world) recall(i uint8) {
	p := &w.workers[i]
	if w.redis.held&bit(p.run) != 0 {
		w.handBack(i) // somebody else is still calling
		return
	}
	p.step = wStart
	saved := w.redis.outcomes[p.run]
	if w.c.bug == bugNotRecalled {
		return
	}
	p.made = max(p.made, saved.made)
	p.n = p.made + 1
	if saved.kind == hasEnded {
		w.redis.outcomes[p.run] = outcome{}
		p.step = wFinish
	}
}

// handBack ends a delivery of which nothing is settled: the task comes again.
func (w *world) handBack(i uint8) {
	p := &w.workers[i]
	if t := &w.redis.tasks[p.run]; t.state == active && !p.lost {
		t.state = pending
	}
	w.letGo(i)
	*p = worker{}
}

// start is queue.Report of a start: the entry and the look at the mark are one step.
func (w *world) start(i uint8) {
	p := &w.workers[i]
	p.made, p.retried = 0, 0
	marked := w.redis.marks&bit(p.run) != 0
	if w.c.bug == bugMarkBeforeStart && !marked {
		p.step = wLate
		return
	}
	w.report(event{p.run, evStarted, p.n})
	p.step = wCall
	if marked {
		p.step, p.result = wReport, evNotCalled
	}
}

// call is the moment at which the target hears of it.
func (w *world) call(i uint8) {
	p := &w.workers[i]
	p.step = wCalling
	calls := &w.ghost.calls[p.run][p.n-1]
	switch {
	case w.db.runs[p.run].state == none:
		w.broke("a call is made for which there is no run")
	case w.forgiven(p.run):
	case *calls > 0:
		w.broke("an attempt is called twice, and nothing had happened to it")
	case w.db.runs[p.run].final() && w.ghost.hit&bit(p.run) == 0:
		w.broke("a run is called after it was accounted for")
	}
	*calls = min(*calls+1, 2)
	w.ghost.once &^= bit(p.run)
}

func (m *model) endCall(i uint8) {
	p := &m.at.workers[i]
	if p.cut {
		m.do("is cut off", i, func(w *world) { w.workers[i].step, w.workers[i].result = wReport, evCut })
		return
	}
	m.do("ends the call", i, func(w *world) { w.workers[i].step, w.workers[i].result = wReport, evSucceeded })
	if p.n < m.c.attempts {
		m.do("ends the call, which failed", i, func(w *world) { w.workers[i].step, w.workers[i].result = wReport, evRetrying })
	}
}

// save is queue.save, and the end of the hold.
func (w *world) save(i uint8) {
	p := &w.workers[i]
	o := outcome{made: p.n, kind: hasEnded}
	if p.result == evRetrying {
		o.kind = retryLater
	}
	if w.c.bug != bugNotSaved || !p.lost {
		w.redis.outcomes[p.run] = o
	}
	w.letGo(i)
	p.step = wFinish
}

func (w *world) letGo(i uint8) {
	if w.workers[i].lost {
		w.redis.held &^= bit(w.workers[i].run)
	}
}

// finish is asynq's: it writes nothing without a lease.
func (w *world) finish(i uint8) {
	p := &w.workers[i]
	if t := &w.redis.tasks[p.run]; !p.lost && (t.state == active || t.state == orphaned) {
		switch {
		case p.result == evRetrying:
			t.state, t.retried = pending, max(t.retried, 1)
		case w.c.bug == bugNoRetention:
			*t = task{}
		default:
			*t = task{state: completed}
		}
	}
	*p = worker{}
}
