package protocol

// misfortunes is what may go wrong now, and what asynq mends.
func (m *model) misfortunes() {
	for b := range m.c.beats {
		if m.at.beats[b] != (beat{}) {
			m.fault(killBeat, "is killed and started again", b, func(w *world) bool {
				w.beats[b] = beat{}
				for i := range w.redis.stream[:w.redis.length] {
					if e := &w.redis.stream[i]; e.owners&bit(b) != 0 {
						e.owners = e.owners&^bit(b) | ownerless
					}
				}
				return true
			})
		}
	}
	if m.at.api.step > apiIdle && m.at.api.step < apiDone {
		m.fault(killAPI, "the API is killed", 0, func(w *world) bool {
			w.api = deleter{step: apiDone}
			return true
		})
	}
	for i := range m.c.workers {
		m.workerMisfortunes(i)
	}
	m.fault(flush, "Redis loses everything", 0, func(w *world) bool { return w.vanish(all(m.c)) })
	m.losses()
	m.setBack()
	m.others()
	for r := range m.c.occurrences {
		m.taskMisfortunes(r)
	}
}

func (m *model) workerMisfortunes(i uint8) {
	p := &m.at.workers[i]
	if p.step == wIdle {
		return
	}
	m.fault(killWorker, "is killed and started again", i, func(w *world) bool {
		p := &w.workers[i]
		if t := &w.redis.tasks[p.run]; t.state == active && !p.lost {
			t.state = orphaned
		}
		w.letGo(i) // the hold expires by itself
		w.ghost.once |= bit(p.run)
		w.ghost.hit |= bit(p.run)
		*p = worker{}
		return true
	})
	if t := &m.at.redis.tasks[p.run]; p.lost || t.state != active || !t.active || !t.leased || !t.msg {
		return
	}
	if p.step > wTaken && p.step < wReport { // it is looked at when the end is reported
		m.fault(loseLease, "loses its lease and holds the run", i, func(w *world) bool {
			w.workers[i].lost = true
			if !w.c.bug.has(bugNotHeld) {
				w.redis.held |= bit(p.run)
			}
			w.recover(p.run)
			return true
		})
	}
	m.fault(oversleep, "is stopped for longer than its lease", i, func(w *world) bool {
		w.workers[i].lost, w.workers[i].asleep = true, true
		w.ghost.always |= bit(p.run)
		w.recover(p.run)
		return true
	})
}

// taskMisfortunes is what asynq does for a task some day. Nothing may rest on that: it takes minutes.
func (m *model) taskMisfortunes(r uint8) {
	switch m.at.redis.tasks[r].state {
	case orphaned:
		m.perhaps("asynq, or a beat, brings back the task of the dead", r, func(w *world) { w.recover(r) })
	case active:
		if m.c.bug.has(bugTakesFromLiving) {
			m.do("a beat brings back the task of the living", r, func(w *world) { w.recover(r) })
		}
	case completed:
		m.perhaps("asynq forgets the completed task", r, func(w *world) {
			w.redis.tasks[r].drop()
			if !w.c.bug.has(bugEnqueueLate) {
				w.tooLate(r)
			}
		})
	}
}

// tooLate: what a process set out to enqueue before the task ended it gives up,
// because it bounds that to less than asynq's memory. What is open is found by the next round.
func (w *world) tooLate(r uint8) {
	for b := range w.beats {
		p := &w.beats[b]
		p.enqueue &^= bit(r)
		if p.recorder.enqueue &^= bit(r); p.recorder.step == recEnqueue && p.recorder.enqueue == 0 {
			p.recorder.step = recAck
		}
		if s := p.reconciler.step; s > rAsk && s <= rEnqueue {
			p.reconciler.lost &^= bit(r)
			if p.reconciler.lost|p.reconciler.gone == 0 {
				p.reconciler = reconciler{}
			}
		}
	}
}
