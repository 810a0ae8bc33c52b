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
		if m.at.redis.tasks[r].waits > 0 && !m.at.delivers(i, r) {
			m.do("takes a task", i, func(w *world) {
				t := &w.redis.tasks[r]
				if !w.pop(r) {
					return
				}
				w.workers[i] = worker{step: wStart, run: r, made: t.made, n: t.made + 1, retried: t.retried}
				if t.retried > 0 {
					w.workers[i].step = wTaken
				}
				if w.c.bug.has(bugRemakesHash) {
					w.workers[i].payload = t.made
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
	t := &w.redis.tasks[p.run]
	if w.redis.held&bit(p.run) != 0 || !t.msg && !w.c.bug.has(bugOutcomeApart) {
		w.handBack(i) // somebody else is still calling, or what was saved is lost
		return
	}
	p.step = wStart
	saved := &t.saved
	if w.c.bug.has(bugOutcomeApart) {
		saved = &w.redis.outcomes[p.run]
	}
	if w.c.bug.has(bugNotRecalled) {
		return
	}
	p.made = max(p.made, saved.made)
	p.n = p.made + 1
	if saved.kind == hasEnded {
		*saved = outcome{}
		p.step = wFinish
	}
}

// handBack ends a delivery of which nothing is settled: the task comes again.
func (w *world) handBack(i uint8) {
	p := &w.workers[i]
	if !p.lost {
		w.wait(p.run, false)
	}
	w.letGo(i)
	*p = worker{}
}

// start is queue.Report of a start: the entry and the look at the mark are one step.
func (w *world) start(i uint8) {
	p := &w.workers[i]
	p.made, p.retried = 0, 0
	marked := w.redis.marks&bit(p.run) != 0
	if w.c.bug.has(bugMarkBeforeStart) && !marked {
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
	w.called(p.run, p.n)
}

func (w *world) called(run, n uint8) {
	calls := &w.ghost.calls[run][n-1]
	switch {
	case w.forgiven(run):
	case w.db.runs[run].state == none:
		w.broke("a call is made for which there is no run")
	case *calls > 0:
		w.broke("an attempt is called twice, and nothing had happened to it")
	case w.db.runs[run].final() && w.ghost.hit&bit(run) == 0:
		w.broke("a run is called after it was accounted for")
	}
	*calls = min(*calls+1, 2)
	w.ghost.once &^= bit(run)
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
	switch t := &w.redis.tasks[p.run]; {
	case w.c.bug.has(bugNotSaved) && p.lost:
	case w.c.bug.has(bugOutcomeApart):
		w.redis.outcomes[p.run] = o
	case t.msg:
		t.saved = o
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
	p := w.workers[i]
	w.workers[i] = worker{}
	t := &w.redis.tasks[p.run]
	switch {
	case p.lost:
	case p.result != evRetrying:
		if t.untake() {
			t.drop()
			if !w.c.bug.has(bugNoRetention) {
				t.state, t.msg = completed, true
			}
		}
	case w.c.bug.has(bugRemakesHash) && !t.msg:
		if t.untake() { // asynq writes the message as it was taken
			t.drop()
			t.state, t.msg, t.made, t.retried = pending, true, p.payload, 1
			t.since, t.waits = w.again(p.run), min(t.waits+1, 2)
		}
	default:
		w.wait(p.run, true)
	}
}
