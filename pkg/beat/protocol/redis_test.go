package protocol

// task is what Redis holds of a run, in several keys: asynq's hash, and the lists in which its id stands. A retry
// that is due and one that is not are the same here, and so are the lists of both: any amount of time may pass between two steps.
type task struct {
	state   uint8   // by the hash; absent: there is none
	msg     bool    // the hash holds asynq's message, without which nobody can deliver
	made    uint8   // attempts that the message knows
	retried uint8   // by the message
	saved   outcome // by the hash: what the delivery before has left for the next
	since   uint8   // by the hash: tells the times apart that it was made to wait
	waits   uint8   // how often the id stands in the list of those that wait
	active  bool    // it stands in the list of those that are delivered
	leased  bool    // and among the leases
}

// The states of a task by its hash.
const (
	absent uint8 = iota
	pending
	active   // leased to a worker that is alive
	orphaned // leased to a worker that died
	completed
	archived
)

// again is a new time of waiting, as asynq notes it in nanoseconds.
func (w *world) again(i uint8) uint8 {
	n := &w.ghost.waits[i]
	*n = *n%3 + 1
	return *n
}

// drop leaves of a task what stands in the lists.
func (t *task) drop() { *t = task{waits: t.waits, active: t.active, leased: t.leased} }

// put is queue.Enqueue of one run: a task that is there is success.
func (w *world) put(i, made uint8) {
	t := &w.redis.tasks[i]
	if t.state == absent || w.c.bug.has(bugTaskNotUnique) {
		t.drop()
		t.state, t.msg, t.made, t.since = pending, true, made, w.again(i)
		t.waits = min(t.waits+1, 2)
	}
}

// mark tells whether a task is still the one that was looked at.
func (t *task) mark() uint8 {
	if t.state == absent {
		return 0
	}
	state := t.state
	if state == orphaned { // nothing in Redis tells these two apart
		state = active
	}
	return 1 + state<<2 + t.since
}

// redeliver is queue.Redeliver of one run: what is left of the task makes room for a new one, unless it has changed since it was looked at.
func (w *world) redeliver(i, made, mark uint8) {
	t := &w.redis.tasks[i]
	switch {
	case w.c.bug.has(bugTrustsState):
	case t.mark() != mark && !w.c.bug.has(bugRedeliversBlindly):
		return
	default:
		*t = task{waits: t.waits} // those that wait are many: the id is not looked for among them
	}
	w.put(i, made)
}

// pop is the script that takes the next waiting task. It reports whether a worker gets it.
func (w *world) pop(i uint8) bool {
	t := &w.redis.tasks[i]
	t.waits--
	if !w.c.bug.has(bugTakesAnything) {
		switch {
		case !t.msg:
			t.drop()
			return false
		case t.state != pending:
			return false
		}
	}
	t.state, t.active, t.leased = active, true, true
	return t.msg
}

// untake is how asynq ends a delivery: it reports whether the id stood where it should.
func (t *task) untake() bool {
	if !t.active {
		return false
	}
	t.active = false
	if !t.leased {
		return false
	}
	t.leased = false
	return true
}

// wait lets a task wait again after a delivery; retried: it counts.
func (w *world) wait(i uint8, retried bool) {
	t := &w.redis.tasks[i]
	switch {
	case !t.untake():
	case !t.msg:
		t.drop()
	default:
		t.state, t.waits = pending, min(t.waits+1, 2)
		if retried {
			t.retried, t.since = max(t.retried, 1), w.again(i)
		}
	}
}

// recover is asynq's recoverer, or the beats' watch over workers.
func (w *world) recover(r uint8) {
	t := &w.redis.tasks[r]
	if !t.leased || !t.msg || !t.untake() {
		return
	}
	if w.c.archiveAt > 0 && t.retried >= w.c.archiveAt {
		t.state = archived
		return
	}
	t.state, t.waits, t.since = pending, min(t.waits+1, 2), w.again(r)
	t.retried = min(t.retried+1, max(1, w.c.archiveAt))
}

// What the queue knows of a run's task.
const (
	lost  uint8 = iota // it will not come
	waits              // it stands in a list with all that it needs
	taken              // it was taken, and all is there to bring it back
	given              // the queue has given it up
)

// look is queue.Find of one run.
func (s *state) look(c *config, i uint8) uint8 {
	t := &s.redis.tasks[i]
	switch {
	case t.state == archived:
		return given
	case c.bug.has(bugTrustsState) && t.state == completed, c.bug.has(bugTrustsState) && t.state != absent:
		return waits
	case t.state == pending && t.msg && t.waits > 0:
		return waits
	case (t.state == active || t.state == orphaned) && t.msg && t.active && t.leased:
		return taken
	}
	return lost
}

// inHand: a worker says that it has the run in its hands. Awake: and it is not stopped, so that it will soon have told something new.
func (s *state) inHand(i uint8, awake bool) bool {
	for j := range s.workers {
		p := &s.workers[j]
		if p.step != wIdle && p.run == i && (!awake || !p.asleep) {
			return true
		}
	}
	return false
}
