package protocol

import (
	"os"
	"testing"
	"time"
)

// wholeEnv set to 1 walks the scenarios of several hundred thousand states too.
const wholeEnv = "PROTOCOL_WHOLE"

// small are the scenarios of fewer than 400,000 states, each a second or less.
func small(name string) bool {
	switch name {
	case "forbid, two beats claim", "a retry, two workers, a worker's fault", "a retry, any other fault",
		"deletion, two workers, a lost lease", "deletion, registered again", "replace, two workers", "allow, two workers",
		"keys vanish under a retry", "deletion, one key vanishes", "the database goes back under a retry":
		return true
	}
	return false
}

// scenario is a name for a config.
type scenario struct {
	name string
	config
}

// scenarios are what the protocol must survive: small enough to be walked
// whole, and each with another part of it in the foreground.
func scenarios() []scenario {
	least := config{occurrences: 1, attempts: 1, workers: 1, beats: 1, recorders: 1, reconcilers: 1}
	with := func(change func(c *config)) config {
		c := least
		change(&c)
		return c
	}
	return []scenario{
		{"forbid, two beats claim", with(func(c *config) { c.occurrences, c.workers, c.beats = 2, 2, 2 })},
		{"forbid, any fault", with(func(c *config) { c.occurrences, c.faults, c.kinds = 2, 1, everything })},
		{"one run, two whole beats, any fault", with(func(c *config) {
			c.beats, c.recorders, c.reconcilers, c.faults, c.kinds = 2, 2, 2, 1, everything
		})},
		{"one run, two workers, two faults", with(func(c *config) {
			c.workers, c.faults, c.kinds = 2, 2, killWorker|loseLease|flush
		})},
		{"a retry, two workers, a worker's fault", with(func(c *config) {
			c.attempts, c.workers, c.faults, c.kinds = 2, 2, 1, killWorker|loseLease
		})},
		{"a retry, any other fault", with(func(c *config) {
			c.attempts, c.faults, c.kinds = 2, 1, everything&^(killWorker|loseLease)
		})},
		{"deletion, two workers, a lost lease", with(func(c *config) { c.workers, c.deletes, c.faults, c.kinds = 2, true, 1, loseLease|killAPI })},
		{"deletion, a death or a flush", with(func(c *config) { c.deletes, c.faults, c.kinds = true, 1, flush|killAPI|killBeat|killWorker })},
		{"deletion of a retry, a worker's death", with(func(c *config) {
			c.attempts, c.deletes, c.faults, c.kinds = 2, true, 1, killWorker
		})},
		{"deletion, registered again", with(func(c *config) { c.deletes, c.again, c.faults, c.kinds = true, true, 1, killAPI|killBeat })},
		{"replace, two workers", with(func(c *config) { c.policy, c.occurrences, c.workers = replace, 2, 2 })},
		{"replace, a death", with(func(c *config) { c.policy, c.occurrences, c.faults, c.kinds = replace, 2, 1, killWorker })},
		{"queue, a death or a flush", with(func(c *config) {
			c.policy, c.occurrences, c.faults, c.kinds = queue, 2, 1, killBeat|killWorker|flush
		})},
		{"queue, three occurrences", with(func(c *config) { c.policy, c.occurrences = queue, 3 })},
		{"allow, two workers", with(func(c *config) { c.policy, c.occurrences, c.workers = allow, 2, 2 })},
		{"worker after worker dies", with(func(c *config) {
			c.archiveAt, c.faults, c.kinds = 1, 3, killWorker|killBeat|flush|takeover
		})},
		{"keys vanish under a retry", with(func(c *config) { c.attempts, c.faults, c.kinds = 2, 1, vanish })},
		{"keys vanish under a retry, twice one", with(func(c *config) {
			c.attempts, c.faults, c.kinds, c.alone = 2, 2, vanish, true
		})},
		{"keys vanish, and a worker's fault", with(func(c *config) {
			c.workers, c.faults, c.kinds = 2, 2, vanish|killWorker|loseLease|oversleep
		})},
		{"keys vanish under two whole beats", with(func(c *config) {
			c.beats, c.recorders, c.reconcilers, c.faults, c.kinds = 2, 2, 2, 1, vanish
		})},
		{"forbid, keys vanish", with(func(c *config) { c.occurrences, c.faults, c.kinds = 2, 1, vanish })},
		{"queue, keys vanish", with(func(c *config) { c.policy, c.occurrences, c.faults, c.kinds = queue, 2, 1, vanish })},
		{"replace, one key vanishes", with(func(c *config) {
			c.policy, c.occurrences, c.faults, c.kinds, c.alone = replace, 2, 1, vanish, true
		})},
		{"deletion, one key vanishes", with(func(c *config) { c.deletes, c.faults, c.kinds, c.alone = true, 1, vanish, true })},
		{"the database goes back under a retry", with(func(c *config) { c.attempts, c.faults, c.kinds = 2, 1, restore })},
		{"the database goes back, and keys vanish", with(func(c *config) { c.faults, c.kinds = 2, restore|vanish })},
		{"forbid, the database goes back", with(func(c *config) { c.occurrences, c.faults, c.kinds = 2, 1, restore })},
		{"queue, the database goes back", with(func(c *config) { c.policy, c.occurrences, c.faults, c.kinds = queue, 2, 1, restore })},
	}
}

func TestEveryInterleaving(t *testing.T) {
	total := 0
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			if raced && s.faults > 0 {
				t.Skip("one goroutine walks it: nothing for the race detector to see")
			}
			if !small(s.name) && os.Getenv(wholeEnv) == "" {
				t.Skip("set " + wholeEnv + "=1 to walk it")
			}
			begun := time.Now()
			r := explore(s.config)
			if r.broken != "" {
				t.Fatal(r.String())
			}
			if r.rests == 0 {
				t.Fatal("nothing ever comes to rest")
			}
			total += r.states
			t.Logf("%d states, %d steps, %d at rest, %s", r.states, r.steps, r.rests, time.Since(begun).Round(time.Millisecond))
		})
	}
	t.Logf("%d states in all", total)
}
