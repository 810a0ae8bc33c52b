package job

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestExplain_EveryReason holds the sentences against the reasons that run.go declares.
func TestExplain_EveryReason(t *testing.T) {
	source, err := os.ReadFile("run.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\s+Reason\w+\s+Reason = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(found) < 20 {
		t.Fatalf("only %d reasons were found", len(found))
	}
	for _, reason := range found {
		if explanations()[Reason(reason[1])] == "" {
			t.Errorf("%s has no explanation", reason[1])
		}
	}
	if got := len(explanations()); got != len(found) {
		t.Errorf("%d explanations for %d reasons", got, len(found))
	}
}

func TestExplain(t *testing.T) {
	at := func(ms int64) *Instant { i := Instant(1_800_000_000_000 + ms); return &i }
	lag, text := int64(4200), "connection refused."
	for _, one := range []struct {
		name, want string
		run        Run
	}{
		{"waiting", "It waits for an earlier run of its job to end.", Run{State: StateWaiting}},
		{"overlap", "It was skipped and not called: an earlier run of its job was still open, and concurrency_policy does not allow two.",
			Run{State: StateSkipped, Reason: ReasonOverlap}},
		{"status", "It failed: the target answered 503, which policy.success does not count as a success.", Run{State: StateFailed, Reason: StatusReason(503)}},
		{"many missed", "This stands for 3 occurrences from 2027-01-15T08:00:00.000Z to 2027-01-15T08:00:02.000Z.",
			Run{State: StateMissed, Reason: ReasonMisfire, MissedCount: 3, MissedFrom: at(0), MissedTo: at(2000)}},
		{"error", "The last of 1 attempt said: connection refused.", Run{State: StateFailed, Reason: ReasonConnectRefused, Attempts: []Attempt{{N: 1, Error: &text}}}},
		{"late", "Its first call began 4.2s after it was due: it was claimed after 200ms and waited 4s in the queue.",
			Run{State: StateSucceeded, Reason: ReasonOK, ScheduledAt: *at(0), QueuedAt: at(200), StartedAt: at(4200), LagMS: &lag}},
		{"a reason of a newer server", "It failed: the reason is gravity.", Run{State: StateFailed, Reason: "gravity"}},
	} {
		if got := one.run.Explain(); !strings.HasSuffix(got, one.want) {
			t.Errorf("%s: got %q, want it to end with %q", one.name, got, one.want)
		}
	}
}
