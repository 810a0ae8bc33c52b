package apscheduler_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/apscheduler"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// TestReadVersions reads what other versions of APScheduler and Python stored. A row becomes a job that is due when
// its scheduler would have called it, or it is refused: none becomes another schedule.
func TestReadVersions(t *testing.T) {
	for name, want := range map[string]struct {
		read    int
		refused map[string]string
	}{
		"3.0.6-python2.7-protocol2": {8, map[string]string{"cron-fixed": "no IANA name", "cron-kwonly": "takes no URL"}},
		"3.6.3-python2.7-protocol0": {0, map[string]string{"": "protocol 0 or 1"}},
		"3.x-python3.13-protocol2": {22, map[string]string{"cron-dateutil": "no IANA name", "cron-local": "no IANA name",
			"cron-kwonly": "takes no URL", "calint": "no pickle"}},
	} {
		data, err := os.ReadFile("testdata/" + name + ".sqlite")
		if err != nil {
			t.Fatal(err)
		}
		rows, err := store.ReadPickles(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for _, row := range rows {
			in, warnings, err := apscheduler.Read(row, new(trigger.Parser), now)
			reason, refused := want.refused[row.ID]
			if all, ok := want.refused[""]; ok {
				reason, refused = all, true
			}
			if refused || err != nil {
				if err == nil || !refused || !strings.Contains(err.Error(), reason) {
					t.Errorf("%s: %s gives %v, want %q", name, row.ID, err, reason)
				}
				continue
			}
			read++
			dueAsStored(t, name, row, in)
			jitter := map[string]time.Duration{"cron-jitter": 2 * time.Minute, "interval-jitter": time.Minute}[row.ID]
			if in.Policy.Jitter != job.Duration(jitter) {
				t.Errorf("%s: %s has a jitter of %s", name, row.ID, in.Policy.Jitter)
			}
			if told := strings.Join(warnings, "; "); row.ID == "cron-args" && !strings.Contains(told, "8 more arguments") ||
				row.ID == "interval-jitter" && !strings.Contains(told, "phase") || row.ID == "cron-utc" && told != "" {
				t.Errorf("%s: %s warns %q", name, row.ID, told)
			}
		}
		if read != want.read {
			t.Errorf("%s: %d of %d rows are read, want %d", name, read, len(rows), want.read)
		}
	}
}

// dueAsStored wants the moment at which the scheduler would have called a job to be one of its occurrences. Jitter is taken off.
func dueAsStored(t *testing.T, name string, row apscheduler.Row, in *job.Input) {
	t.Helper()
	schedule, err := in.Compile(new(trigger.Parser))
	if err != nil {
		t.Fatal(err)
	}
	want := job.Instant(*row.NextRunTime * 1000)
	if in.Policy.Jitter > 0 && in.Schedule.Type == trigger.TypeCron {
		want -= want % job.Instant(time.Hour.Milliseconds())
	}
	if at, ok := schedule.First(want); !ok || at != want {
		t.Errorf("%s: %s is due at %s, not at %s", name, row.ID, at, want)
	}
}
