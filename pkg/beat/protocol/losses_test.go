package protocol

// A set of Redis' keys. Each run has some of its own, which follow the common ones.
const (
	keyWaiting uint16 = 1 << iota // the list of those that wait
	keyActive                     // that of those that are delivered
	keyLeases
	keyResults
	keyHash // of run 0; those of run r lie keysEach*r further
	keyMark
	keyHeld
	keyOutcome // of a broken design

	keysEach = 4
)

func of(key uint16, run uint8) uint16 { return key << (keysEach * run) }

// all are the keys of a scenario.
func all(c *config) uint16 { return of(keyHash, c.occurrences) - 1 }

// losses: any of the keys that are there vanish together, as eviction or a hand takes them.
func (m *model) losses() {
	if m.at.faults == 0 || m.c.kinds&vanish == 0 {
		return
	}
	there := m.at.keys()
	for some := there; some != 0; some = (some - 1) & there {
		if m.c.alone && some&(some-1) != 0 {
			continue
		}
		m.fault(vanish, "Redis loses "+names(some), 0, func(w *world) bool { return w.vanish(some) })
	}
}

// keys are those that Redis holds.
func (s *state) keys() (keys uint16) {
	for i := range s.redis.tasks[:maxRuns-1] { // no scenario with losses has more
		r, t := uint8(i), &s.redis.tasks[i]
		set := func(there bool, key uint16) {
			if there {
				keys |= key
			}
		}
		set(t.waits > 0, keyWaiting)
		set(t.active, keyActive)
		set(t.leased, keyLeases)
		set(t.state != absent, of(keyHash, r))
		set(s.redis.marks&bit(r) != 0, of(keyMark, r))
		set(s.redis.held&bit(r) != 0, of(keyHeld, r))
		set(s.redis.outcomes[i] != outcome{}, of(keyOutcome, r))
	}
	if s.redis.length > 0 {
		keys |= keyResults
	}
	return keys
}

func names(keys uint16) (text string) {
	words := [...]string{"the waiting list", "the active list", "the leases", "the results",
		"hash 0", "mark 0", "hold 0", "outcome 0", "hash 1", "mark 1", "hold 1", "outcome 1"}
	for i, word := range words {
		if keys&(1<<i) != 0 {
			text += ", " + word
		}
	}
	return text[min(2, len(text)):]
}

// vanish takes keys out of Redis. What the processes hold in memory stays.
func (w *world) vanish(keys uint16) bool {
	before := w.redis
	had := func(key uint16) bool { return keys&key != 0 }
	underway := w.underway()
	for i := range w.redis.tasks {
		r, t := uint8(i), &w.redis.tasks[i]
		if had(keyWaiting) {
			t.waits = 0
		}
		if had(keyActive) {
			t.active = false
		}
		if had(keyLeases) {
			t.leased = false
		}
		if had(of(keyHash, r)) {
			t.drop()
		}
		if had(of(keyMark, r)) && w.redis.marks&bit(r) != 0 {
			w.redis.marks &^= bit(r)
			w.ghost.always |= bit(r)
		}
		if had(of(keyHeld, r)) && w.redis.held&bit(r) != 0 {
			w.redis.held &^= bit(r)
			w.ghost.always |= bit(r)
		}
		if had(of(keyOutcome, r)) {
			w.redis.outcomes[i] = outcome{}
		}
		if w.redis.tasks[i] != before.tasks[i] {
			w.ghost.always |= underway & bit(r)
		}
	}
	if had(keyResults) {
		w.loseResults()
	}
	return w.redis != before
}

// loseResults takes the stream out of Redis.
func (w *world) loseResults() {
	for _, e := range w.redis.stream[:w.redis.length] {
		w.forget(bit(e.run))
	}
	w.redis.stream, w.redis.length = [maxStream]entry{}, 0
	for _, left := range w.settlers() {
		*left = 0
	}
}

// forget: what was reported of the runs is lost.
func (w *world) forget(runs uint8) {
	w.ghost.always |= runs
	w.ghost.ended &^= runs
	w.ghost.reported &^= runs
	for i := range w.ghost.atDue {
		w.ghost.atDue[i] &^= runs
	}
}

// underway are runs that some process is about to enqueue or to call, or of which
// something is reported and not recorded yet: what is lost of them may lead to a call that is made a second
// time. A run of which the database knows all, waiting or being called, is not among them.
func (s *state) underway() (runs uint8) {
	for i := range s.beats {
		p := &s.beats[i]
		runs |= p.enqueue | p.recorder.enqueue | p.reconciler.lost
		for _, e := range p.recorder.batch[:p.recorder.n] {
			runs |= bit(e.run)
		}
	}
	for i := range s.workers {
		if p := &s.workers[i]; p.step != wIdle && (p.step < wCall || s.db.runs[p.run].started < p.n) {
			runs |= bit(p.run)
		}
	}
	for _, e := range s.redis.stream[:s.redis.length] {
		runs |= bit(e.run)
	}
	return runs
}

// setBack: the database goes back to an earlier state, beside the same Redis, as a restored copy or a standby that was behind makes it.
func (m *model) setBack() {
	if m.c.kinds&restore == 0 {
		return
	}
	if !m.at.copied {
		m.perhaps("a copy of the database is made", 0, func(w *world) { w.copied, w.copy = true, w.db })
		return
	}
	m.fault(restore, "the database goes back to the copy", 0, func(w *world) bool {
		if w.db == w.copy {
			return false
		}
		for i := range w.db.runs {
			if r := bit(uint8(i)); w.db.runs[i] != w.copy.runs[i] {
				w.forget(r)
				w.ghost.hit |= r
			}
		}
		w.db = w.copy
		return true
	})
}

// others is a process that works on the same database with a Redis of its own. It is
// short: what it finds open it delivers, calls and records. A process that compares whose Redis it has does not begin.
func (m *model) others() {
	if !m.c.bug.has(bugTwoTransports) {
		return
	}
	for i := range m.c.occurrences {
		r, b := &m.at.db.runs[i], bit(i)
		switch {
		case m.at.other.called&b != 0:
			m.do("the other's recorder records", i, func(w *world) {
				w.record(event{i, evSucceeded, w.db.runs[i].ended + 1})
				w.other.called &^= b
			})
		case m.at.other.tasks&b != 0 && r.open():
			m.do("the other's worker calls", i, func(w *world) {
				w.called(i, w.db.runs[i].ended+1)
				w.other.called |= b
			})
		case m.at.other.tasks&b == 0 && r.open() && r.cancel == keep && r.state != waiting:
			m.do("the other's reconciler delivers", i, func(w *world) { w.other.tasks |= b })
		}
	}
}
