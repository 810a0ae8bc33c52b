package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// figures are what one storm counted.
type figures struct {
	faults, actions, states, reasons, repeats, unaccounted map[string]int
	occurrences, calls, cut, violations                    int
	// recovery is, by fault, how long after its end the next run succeeded and was recorded.
	recovery map[string][]time.Duration
	// waits is, by fault, how long after the first call the repeat was made.
	waits map[string][]time.Duration
}

func newFigures() figures {
	return figures{faults: map[string]int{}, actions: map[string]int{}, states: map[string]int{}, reasons: map[string]int{},
		repeats: map[string]int{}, unaccounted: map[string]int{}, recovery: map[string][]time.Duration{}, waits: map[string][]time.Duration{}}
}

// probe looks again and again for the latest success that the history tells of.
type probe struct {
	mu   sync.Mutex
	seen []sighting
	stop func()
}

// sighting is a success and when it was first seen in the history.
type sighting struct{ finished, seen int64 }

func newProbe(ctx context.Context, c *client) *probe {
	p := &probe{}
	ctx, end := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for ; ctx.Err() == nil; pause(ctx, 100*time.Millisecond) {
			p.look(ctx, c)
		}
	})
	p.stop = func() { end(); done.Wait() }
	return p
}

func (p *probe) look(ctx context.Context, c *client) {
	var page struct{ Runs []account }
	a := c.once(ctx, "GET", "/api/v1/runs?state=succeeded&limit=20", nil)
	if a.status != 200 || json.Unmarshal(a.body, &page) != nil {
		return
	}
	newest := int64(0)
	for _, r := range page.Runs {
		if r.FinishedAt != nil {
			newest = max(newest, r.FinishedAt.UnixMilli())
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, sighting{newest, nowMS()})
}

// after is how long after a moment a success from after it was seen.
func (p *probe) after(moment int64) (time.Duration, bool) {
	for _, s := range p.seen {
		if s.finished >= moment {
			return time.Duration(s.seen-moment) * time.Millisecond, true
		}
	}
	return 0, false
}

// examine reads everything, checks it, and reports.
func examine(t *testing.T, w *world, act *actor, watch *probe) *figures {
	t.Helper()
	c := &checker{jobs: act.jobs, runs: map[string][]account{}, calls: w.target.log(), faults: w.faults.list, found: newFigures()}
	for _, s := range act.jobs {
		runs, err := w.client.runs(t.Context(), s.id)
		if err != nil {
			t.Fatal(err)
		}
		c.runs[s.id] = runs
	}
	c.check()
	c.violations = append(c.violations, act.faults...)
	c.violations = append(c.violations, w.faults.bad...)
	c.found.calls, c.found.actions, c.found.violations = len(c.calls), act.done, len(c.violations)
	for _, f := range c.faults {
		c.found.faults[f.kind]++
		if took, ok := watch.after(f.till); ok {
			c.found.recovery[f.kind] = append(c.found.recovery[f.kind], took)
		}
	}
	t.Logf("\n%s", c.found.table())
	const shown = 20
	for _, v := range c.violations[:min(len(c.violations), shown)] {
		t.Error(v)
	}
	if n := len(c.violations); n > 0 {
		t.Errorf("%d violations; the faults were:\n%s", n, c.story())
		if n > shown {
			t.Errorf("%d more", n-shown)
		}
	}
	return &c.found
}

// story lists the faults in the order of time.
func (c *checker) story() string {
	var text strings.Builder
	for _, f := range c.faults {
		fmt.Fprintf(&text, "  %s to %s %s (%s)\n", clock(f.from), clock(f.till), f.kind, f.who)
	}
	return text.String()
}

// table is what was counted, as Markdown.
func (f *figures) table() string {
	var b strings.Builder
	b.WriteString("| fault | times | until the next success was recorded: median, worst |\n|---|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(f.faults)) {
		fmt.Fprintf(&b, "| %s | %d | %s |\n", kind, f.faults[kind], spread(f.recovery[kind]))
	}
	b.WriteString("\n| calls repeated because of | times | from the call to its repeat: median, worst |\n|---|---|---|\n")
	for _, why := range slices.Sorted(maps.Keys(f.repeats)) {
		fmt.Fprintf(&b, "| %s | %d | %s |\n", why, f.repeats[why], spread(f.waits[why]))
	}
	b.WriteString("\n| what | count |\n|---|---|\n")
	line := func(what string, n int) { fmt.Fprintf(&b, "| %s | %d |\n", what, n) }
	line("changes by the API meanwhile ("+list(f.actions)+")", sum(f.actions))
	line("occurrences accounted for", f.occurrences)
	for _, state := range slices.Sorted(maps.Keys(f.states)) {
		line("runs "+state, f.states[state])
	}
	for _, reason := range slices.Sorted(maps.Keys(f.reasons)) {
		line("of these "+reason, f.reasons[reason])
	}
	line("calls", f.calls)
	line("calls repeated", sum(f.repeats))
	line("calls without an attempt in the account ("+list(f.unaccounted)+")", sum(f.unaccounted))
	line("calls cut off for the next run", f.cut)
	line("violations", f.violations)
	return b.String()
}

// spread is the median and the worst of some times.
func spread(took []time.Duration) string {
	if len(took) == 0 {
		return "-"
	}
	took = slices.Sorted(slices.Values(took))
	return fmt.Sprintf("%.1f s, %.1f s", took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
}

func sum(counts map[string]int) (n int) {
	for _, m := range counts {
		n += m
	}
	return n
}

func list(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s: %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

// totals adds the figures of all storms up.
type totals struct {
	mu sync.Mutex
	figures
}

func (t *totals) add(f *figures) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.faults == nil {
		t.figures = newFigures()
	}
	for _, pair := range [][2]map[string]int{{t.faults, f.faults}, {t.actions, f.actions}, {t.states, f.states}, {t.reasons, f.reasons},
		{t.repeats, f.repeats}, {t.unaccounted, f.unaccounted}} {
		for name, n := range pair[1] {
			pair[0][name] += n
		}
	}
	t.occurrences += f.occurrences
	t.calls += f.calls
	t.cut += f.cut
	t.violations += f.violations
	for kind, took := range f.recovery {
		t.recovery[kind] = append(t.recovery[kind], took...)
	}
	for why, took := range f.waits {
		t.waits[why] = append(t.waits[why], took...)
	}
}
