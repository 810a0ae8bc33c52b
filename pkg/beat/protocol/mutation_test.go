package protocol

import "testing"

// bug is a set of places in which the protocol is broken.
type bug uint64

const (
	bugEnqueueFirst bug = 1 << iota
	bugAckFirst
	bugReconcileUnsettled
	bugCancelUnsettled
	bugNoMarks
	bugMarkBeforeStart
	bugSkipUnsettled
	bugNoUniqueID
	bugTaskNotUnique
	bugNoRetention
	bugEnqueueLate
	bugGiveUpUnsettled
	bugNotHeld
	bugDeletesHeld
	bugNotSaved
	bugNotRecalled
	bugFinalOverwritten
	bugNobodyPromotes
	bugNoReconciler
	bugNoTakeover
	bugTakesFromLiving
	bugTrustsState       // one field of asynq's hash proves that a task will come
	bugOutcomeApart      // what a delivery saves lies under a key of its own
	bugTakesAnything     // an id in a list proves that there is a task
	bugRemakesHash       // a task that is to be retried is written anew from the worker's memory
	bugNoDeadline        // what was taken comes back by asynq alone
	bugRedeliversBlindly // whatever the task has become since it was looked at
	bugIgnoresNews       // that came since the run was looked at
	bugAsksNobody        // what workers have in their hands
	bugTwoTransports     // a process with a Redis of its own works on the same database
)

func (b bug) has(one bug) bool { return b&one != 0 }

// mutation is a bug, the scenario that shows it, and the promise that it breaks.
type mutation struct {
	name   string
	broken bug
	breaks string
	config
}

const (
	twice    = "an attempt is called twice, and nothing had happened to it"
	begun    = "a call that had begun is accounted as canceled"
	notSo    = "a run whose end was reported is accounted for as something else"
	overlaps = "an occurrence is skipped for runs that had ended before it fell due"
	endless  = "not every run comes to its end"
)

func mutations() []mutation {
	least := config{occurrences: 1, attempts: 1, workers: 1, beats: 1, recorders: 1, reconcilers: 1}
	with := func(change func(c *config)) config {
		c := least
		change(&c)
		return c
	}
	one := func(kinds fault) config { return with(func(c *config) { c.faults, c.kinds = 1, kinds }) }
	deletes := with(func(c *config) { c.deletes = true })
	overlap := with(func(c *config) { c.occurrences = 2 })
	return []mutation{
		{"enqueue before the claim is committed", bugEnqueueFirst, "a call is made for which there is no run", least},
		{"claim without a unique id", bugNoUniqueID, "an occurrence has two runs", with(func(c *config) { c.deletes, c.again = true, true })},
		{"skip without settling", bugSkipUnsettled, overlaps, overlap},
		{"acknowledge before the commit", bugAckFirst, overlaps, overlap},
		{"acknowledge before the commit, and die", bugAckFirst, twice, one(killBeat)},
		{"reconcile without settling", bugReconcileUnsettled, twice, least},
		{"enqueue long after the claim", bugEnqueueLate, twice, least},
		{"task without an id of its own", bugTaskNotUnique, twice, least},
		{"task without retention", bugNoRetention, twice, least},
		{"cancel without settling", bugCancelUnsettled, begun, deletes},
		{"cancel without a mark", bugNoMarks, begun, deletes},
		{"look at the mark before the start is reported", bugMarkBeforeStart, begun, deletes},
		{"delete the task of a run that is held", bugDeletesHeld, begun, with(func(c *config) {
			c.workers, c.deletes, c.faults, c.kinds = 2, true, 1, loseLease
		})},
		{"give up without settling", bugGiveUpUnsettled, notSo, with(func(c *config) {
			c.archiveAt, c.faults, c.kinds = 1, 2, killWorker
		})},
		{"lose the lease and hold nothing", bugNotHeld, twice, with(func(c *config) {
			c.workers, c.faults, c.kinds = 2, 1, loseLease
		})},
		{"lose the lease and save nothing", bugNotSaved, twice, one(loseLease)},
		{"deliver without what was saved", bugNotRecalled, twice, with(func(c *config) { c.attempts = 2 })},
		{"bring back the task of a living worker", bugTakesFromLiving, twice, with(func(c *config) { c.workers = 2 })},
		{"overwrite a final state", bugFinalOverwritten, "a final state is left", with(func(c *config) { c.beats, c.recorders = 2, 2 })},
		{"promote nothing", bugNobodyPromotes, endless, with(func(c *config) { c.policy, c.occurrences = queue, 2 })},
		{"reconcile never", bugNoReconciler, endless, one(killBeat)},
		{"take over nothing", bugNoTakeover, endless, one(killBeat)},
		{"trust one field when keys vanish", bugTrustsState, endless, one(vanish)},
		{"trust one field when the database goes back", bugTrustsState, endless, one(restore)},
		{"save an outcome under a key of its own", bugOutcomeApart, twice, with(func(c *config) {
			c.attempts, c.faults, c.kinds = 2, 1, vanish
		})},
		{"retry what was taken, whatever became of its hash", bugRemakesHash, twice, with(func(c *config) {
			c.attempts, c.faults, c.kinds = 2, 1, vanish
		})},
		{"take whatever a list names", bugTakesAnything, twice, one(vanish)},
		{"rest on asynq to bring back the task of the dead", bugNoDeadline, endless, one(killWorker)},
		{"deliver again what another has delivered again", bugRedeliversBlindly, twice, with(func(c *config) { c.beats, c.reconcilers = 2, 2 })},
		{"deliver again although there is news", bugIgnoresNews, twice, one(vanish)},
		{"ask no worker what it has in its hands", bugAsksNobody, twice, one(vanish)},
		{"two processes, each with a Redis of its own", bugTwoTransports, twice, least},
	}
}

// TestEveryMutationIsCaught tests the explorer: what it proves is worth as much as what it can find.
func TestEveryMutationIsCaught(t *testing.T) {
	for _, m := range mutations() {
		t.Run(m.name, func(t *testing.T) {
			if r := explore(m.config); r.broken != "" {
				t.Fatalf("without the mutation: %s", r.String())
			}
			m.config.bug = m.broken
			r := explore(m.config)
			if r.broken != m.breaks {
				t.Fatalf("want %q, got %s", m.breaks, r.String())
			}
			t.Log(r.String())
		})
	}
}
