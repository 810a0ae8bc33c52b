package protocol

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// model lists the steps out of one state.
type model struct {
	c    *config
	at   *state
	take func(name string, who uint8, fault bool, w *world)
}

// do offers a step that every patient scheduler takes some day.
func (m *model) do(name string, who uint8, change func(*world)) {
	next := *m.at
	w := world{state: &next, c: m.c}
	change(&w)
	w.checkFinals(m.at)
	m.take(name, who, false, &w)
}

// perhaps offers a step that happens some day, and that nothing may rest on.
func (m *model) perhaps(name string, who uint8, change func(*world)) {
	next := *m.at
	w := world{state: &next, c: m.c}
	change(&w)
	w.checkFinals(m.at)
	m.take(name, who, true, &w)
}

// fault offers a step that may happen or not, while the scenario allows it.
func (m *model) fault(kind fault, name string, who uint8, change func(*world) bool) {
	if m.at.faults == 0 || m.c.kinds&kind == 0 {
		return
	}
	next := *m.at
	w := world{state: &next, c: m.c}
	if change(&w) {
		w.faults--
		if kind != restore {
			w.checkFinals(m.at)
		}
		m.take(name, who, true, &w)
	}
}

// steps lists all that may happen next.
func (m *model) steps(s *state) {
	m.at = s
	if s.clock < m.c.occurrences {
		m.do("an occurrence falls due", s.clock, func(w *world) {
			w.ghost.atDue[w.clock] = w.ghost.ended
			w.clock++
		})
	}
	for b := range m.c.beats {
		m.fire(b)
		if b < m.c.recorders {
			m.recordStep(b)
		}
		if b < m.c.reconcilers && !m.c.bug.has(bugNoReconciler) {
			m.reconcile(b)
		}
	}
	for i := range m.c.workers {
		m.deliver(i)
	}
	m.remove()
	m.misfortunes()
}

// checkFinals: a final state is never left.
func (w *world) checkFinals(before *state) {
	for i := range before.db.runs {
		if r := &before.db.runs[i]; r.final() && w.db.runs[i].state != r.state {
			w.broke("a final state is left")
		}
	}
}

// settled reports whether nothing is left to do, and what is wrong with the accounts then.
func (s *state) settled(c *config) (rest bool, bad string) {
	if s.clock < c.occurrences || !s.db.deleted && s.db.next < c.occurrences || s.redis.length > 0 {
		return false, ""
	}
	for i := range s.db.runs[:c.occurrences] {
		if s.db.runs[i].open() || s.redis.tasks[i].waits > 0 {
			return false, ""
		}
	}
	for i := range s.workers {
		if s.workers[i].step != wIdle {
			return false, ""
		}
	}
	for i := range s.beats {
		p := &s.beats[i]
		if p.enqueue != 0 || p.torn != 0 || p.reconciler.step != rIdle || p.recorder.step != recIdle {
			return false, ""
		}
	}
	return s.api.step == apiIdle || s.api.step == apiDone, s.audit(c)
}

// audit reads the accounts when all is over.
func (s *state) audit(c *config) string {
	for i := range s.db.runs[:c.occurrences] {
		r, calls := &s.db.runs[i], s.ghost.calls[i]
		switch {
		case r.state == none && !c.deletes:
			return "an occurrence has no run"
		case r.state == succeeded && calls[0]+calls[1] == 0:
			return "a run succeeded without a call"
		case r.state == succeeded && s.faults == c.faults && (calls[r.ended-1] != 1 || r.started != r.ended):
			return "a run succeeded with another number of calls than its account says"
		case (r.state == skipped || r.state == missed) && calls[0] > 0 && (c.kinds&restore == 0 || s.ghost.always&bit(uint8(i)) == 0):
			return "a run that was not to be called was called"
		case r.state == failed && c.archiveAt == 0:
			return "a run failed though its last attempt never does"
		}
	}
	return ""
}

// result is what an exploration found.
type result struct {
	states, steps, rests int
	// broken is the promise that does not hold; empty: all do. path leads to it, and is as short as can be.
	broken string
	path   []string
}

// explorer walks all states, breadth first, so that what it finds it finds by a shortest path.
type explorer struct {
	c      *config
	seed   maphash.Seed
	states []state
	from   []int32
	at     map[uint64]int32
	// fair are the steps that are no faults, as pairs.
	fairFrom, fairTo []int32
	result           result
}

// tooMany bounds an exploration that was meant to be small.
const tooMany = 3_000_000

// explore walks every interleaving of the scenario, until a promise is broken.
func explore(c config) result {
	x := &explorer{c: &c, seed: maphash.MakeSeed(), at: map[uint64]int32{}}
	x.index(&state{faults: c.faults}, -1)
	var rests []int32
	for i := int32(0); int(i) < len(x.states) && x.result.broken == ""; i++ {
		s := x.states[i]
		rest, bad := s.settled(&c)
		if bad != "" {
			x.broken(bad, i, "")
			break
		}
		if rest {
			rests = append(rests, i)
		}
		x.expand(i, &s)
		if len(x.states) > tooMany {
			x.broken("the scenario has too many states to be walked", i, "")
		}
	}
	x.result.states, x.result.rests = len(x.states), len(rests)
	if x.result.broken == "" {
		x.checkRest(rests)
	}
	return x.result
}

func (x *explorer) expand(i int32, s *state) {
	m := model{c: x.c}
	m.take = func(name string, who uint8, fault bool, w *world) {
		if x.result.broken != "" || *w.state == *s && w.bad == "" {
			return
		}
		x.result.steps++
		if w.bad != "" {
			x.broken(w.bad, i, fmt.Sprintf("%d %s", who, name))
			return
		}
		x.canonical(w.state)
		to := x.index(w.state, i)
		if !fault {
			x.fairFrom, x.fairTo = append(x.fairFrom, i), append(x.fairTo, to)
		}
	}
	m.steps(s)
}

// index finds a state or adds it. Equal hashes of different states do no harm.
func (x *explorer) index(s *state, from int32) int32 {
	h := maphash.Comparable(x.seed, *s)
	for ; ; h++ {
		i, ok := x.at[h]
		if !ok {
			i = int32(len(x.states))
			x.at[h] = i
			x.states, x.from = append(x.states, *s), append(x.from, from)
			return i
		}
		if x.states[i] == *s {
			return i
		}
	}
}

// canonical makes one state of those that differ only in which of two like
// processes is which. In a path, their numbers may therefore be swapped.
func (x *explorer) canonical(s *state) {
	if none := ([maxRuns]uint8{}); s.beats[0].reconciler.marks == none && s.beats[1].reconciler.marks == none {
		s.ghost.waits = none // nobody compares
		for i := range s.redis.tasks {
			s.redis.tasks[i].since = 0
		}
	}
	if x.c.workers == 2 && maphash.Comparable(x.seed, s.workers[0]) > maphash.Comparable(x.seed, s.workers[1]) {
		s.workers[0], s.workers[1] = s.workers[1], s.workers[0]
	}
	if c := x.c; c.beats < 2 || c.recorders == 1 || c.reconcilers == 1 {
		return
	}
	if maphash.Comparable(x.seed, s.beats[0]) <= maphash.Comparable(x.seed, s.beats[1]) {
		return
	}
	s.beats[0], s.beats[1] = s.beats[1], s.beats[0]
	for i := range s.redis.stream[:s.redis.length] {
		e := &s.redis.stream[i]
		e.owners = e.owners&ownerless | e.owners&1<<1 | e.owners>>1&1
	}
}

// checkRest: from every state, without any further fault, all can be brought to
// rest. The graph is finite, so a scheduler that is fair to every step gets there.
func (x *explorer) checkRest(rests []int32) {
	into, start := x.backwards()
	reaches := make([]bool, len(x.states))
	for _, i := range rests {
		reaches[i] = true
	}
	for work := rests; len(work) > 0; {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		for _, before := range into[start[i]:start[i+1]] {
			if !reaches[before] {
				reaches[before] = true
				work = append(work, before)
			}
		}
	}
	for i := range reaches {
		if !reaches[i] {
			x.broken("not every run comes to its end", int32(i), "")
			return
		}
	}
}

// backwards lists the states before each state: those before i are into[start[i]:start[i+1]].
func (x *explorer) backwards() (into, start []int32) {
	start = make([]int32, len(x.states)+1)
	for _, to := range x.fairTo {
		start[to+1]++
	}
	for i := range x.states {
		start[i+1] += start[i]
	}
	into, next := make([]int32, len(x.fairTo)), append([]int32(nil), start...)
	for k, to := range x.fairTo {
		into[next[to]] = x.fairFrom[k]
		next[to]++
	}
	return into, start
}

// broken keeps the promise and the path to where it broke.
func (x *explorer) broken(promise string, at int32, last string) {
	x.result.broken = promise
	var path []string
	for i := at; x.from[i] >= 0; i = x.from[i] {
		path = append(path, x.stepBetween(x.from[i], i))
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	if last != "" {
		path = append(path, last)
	}
	x.result.path = path
}

func (x *explorer) stepBetween(from, to int32) (found string) {
	before, after := x.states[from], x.states[to]
	m := model{c: x.c, take: func(name string, who uint8, fault bool, w *world) {
		if x.canonical(w.state); *w.state == after && found == "" {
			found = fmt.Sprintf("%d %s", who, name)
			if fault {
				found += " (*)" // nobody can rely on it
			}
		}
	}}
	m.steps(&before)
	return found
}

func (r *result) String() string {
	return fmt.Sprintf("%s, after %d states:\n\t%s", r.broken, r.states, strings.Join(r.path, "\n\t"))
}
