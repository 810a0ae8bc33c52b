package api

import (
	"fmt"
	"testing"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

// put makes a job of a schedule.
func (w *world) put(id, schedule string) {
	w.t.Helper()
	w.call("PUT", "/api/v1/jobs/"+id, `{"schedule":`+schedule+`,"request":{"url":"http://example.com/"}}`).is(201)
}

// timeline reads the counts of the stretch between two moments.
func (w *world) timeline(from, to job.Instant, buckets int, more string) service.Timeline {
	w.t.Helper()
	var got service.Timeline
	w.call("GET", fmt.Sprintf("/api/v1/timeline?from=%s&to=%s&buckets=%d%s", from, to, buckets, more), "").is(200).into(&got)
	return got
}

func plannedIn(t service.Timeline) (counts []int64) {
	for _, b := range t.Buckets {
		counts = append(counts, b.Planned)
	}
	return counts
}

func TestTimelineOfTheFuture(t *testing.T) {
	w := newWorld(t, worldOptions{})
	hour := job.Instant(1_795_003_200_000) // the next full one: 12:00
	w.put("cron", `{"type":"cron","expression":"*/15 * * * *"}`)
	w.put("same", `{"type":"cron","expression":"*/15 * * * *"}`)
	w.put("hash", `{"type":"cron","expression":"H 13 * * *"}`)
	w.put("interval", `{"type":"interval","every":"10s","anchor":"2026-11-18T12:00:05Z"}`)
	w.put("excluded", `{"type":"interval","every":"1h","anchor":"2026-11-18T12:00:00Z","exclude":[{"dates":["2026-11-18"]}]}`)
	w.put("date", `{"type":"date","at":"2026-11-18T14:59:59.999Z"}`)
	w.put("paused", `{"type":"cron","expression":"* * * * *"}`)
	w.call("POST", "/api/v1/jobs/paused/pause", "").is(200)

	got := w.timeline(hour, hour.Add(3*time.Hour), 3, "")
	if fmt.Sprint(plannedIn(got)) != "[368 369 369]" || got.Approximate {
		t.Errorf("planned %v, approximate %v", plannedIn(got), got.Approximate)
	}
	if got.Peak != (service.TimelinePeak{At: hour.Add(time.Hour), Count: 369}) || got.Buckets[2].At != hour.Add(2*time.Hour) {
		t.Errorf("got %+v", got)
	}
	if got := w.timeline(hour, hour.Add(time.Hour), 60, "&job=cron"); got.Peak.Count != 1 || got.Buckets[45].Planned != 1 || got.Buckets[44].Planned != 0 {
		t.Errorf("of one job: %+v", got)
	}
	if got := w.timeline(hour, hour.Add(time.Hour), 1, "&job=paused"); got.Peak.Count != 0 {
		t.Errorf("a paused job plans %+v", got)
	}
}

// TestTimelineIsBounded has more occurrences than are walked through.
func TestTimelineIsBounded(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.put("a", `{"type":"cron","expression":"* * * * * *"}`)
	w.put("b", `{"type":"cron","expression":"*/2 * * * * *"}`)
	days := int64(300)
	got := w.timeline(begin, begin.Add(time.Duration(days)*24*time.Hour), 1, "")
	want := days * 86400 * 3 / 2
	if n := got.Buckets[0].Planned; !got.Approximate || n < want*99/100 || n > want*101/100 {
		t.Errorf("%d are planned, want about %d; approximate %v", n, want, got.Approximate)
	}
}

func TestTimelineOfThePast(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.put("a", `{"type":"cron","expression":"0 0 1 1 *"}`)
	minute := begin - begin%60_000
	for i, state := range []job.State{job.StateSucceeded, job.StateSucceeded, job.StateFailed, job.StateCanceled} {
		run := w.run("/api/v1/jobs/a/run", `{"force":true}`)
		_, err := w.store.Record(t.Context(), []job.Event{{RunID: run.ID, At: begin + job.Instant(i), State: state, Reason: job.ReasonOK}})
		must(t, err)
	}
	for _, query := range []string{"", "&job=a"} {
		got := w.timeline(minute-60_000, minute+120_000, 3, query)
		want := service.TimelineBucket{At: minute, Succeeded: 2, Failed: 1}
		if got.Buckets[1] != want || got.Peak != (service.TimelinePeak{At: minute, Count: 3}) || got.Approximate {
			t.Errorf("%q: got %+v", query, got)
		}
	}
	w.call("DELETE", "/api/v1/jobs/a", "").is(204)
	if got := w.timeline(minute, minute+60_000, 1, "&job=a"); got.Buckets[0].Succeeded != 2 {
		t.Errorf("of a deleted job: %+v", got)
	}
}

func TestTimelineRefuses(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for query, field := range map[string]string{
		"buckets=0": "buckets", "buckets=1001": "buckets", "buckets=x": "buckets", "from=yesterday": "from",
		"from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z": "to", "from=2026-01-01T00:00:00Z&to=2028-01-01T00:00:00Z": "to",
		"from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00.050Z&buckets=51": "to", "color=red": "color",
		"to=0001-01-01T00:00:00Z": "from", "from=9999-12-31T00:00:01Z": "from",
	} {
		w.call("GET", "/api/v1/timeline?"+query, "").problem(422, "invalid", field)
	}
	w.call("GET", "/api/v1/timeline?job=nobody", "").problem(404, "not_found")
	var got service.Timeline
	w.call("GET", "/api/v1/timeline", "").is(200).into(&got)
	if len(got.Buckets) != 96 || got.Buckets[0].At != begin.Add(-12*time.Hour) || got.Buckets[95].At != begin.Add(12*time.Hour-15*time.Minute) {
		t.Errorf("unless asked for: %d buckets from %s", len(got.Buckets), got.Buckets[0].At)
	}
}

func TestStats(t *testing.T) {
	w := newWorld(t, worldOptions{})
	must(t, w.broker.BeatAlive(t.Context()))
	w.put("soon", `{"type":"interval","every":"30m"}`)
	w.put("later", `{"type":"interval","every":"2h"}`)
	w.put("paused", `{"type":"interval","every":"10m"}`)
	w.call("POST", "/api/v1/jobs/paused/pause", "").is(200)
	failed := w.run("/api/v1/jobs/later/run", "")
	_, err := w.store.Record(t.Context(), []job.Event{{RunID: failed.ID, At: begin, State: job.StateFailed, Reason: job.ReasonDNS}})
	must(t, err)
	w.run("/api/v1/jobs/soon/run", "")
	must(t, w.broker.HoldHost(t.Context(), &job.HeldHost{Host: "example.com", Cause: job.HoldThrottled, Until: begin + 5000, Times: 2}))

	var got statsAnswer
	w.call("GET", "/api/v1/stats", "").is(200).into(&got)
	if got.Jobs != (service.JobStats{Total: 3, Active: 2, Paused: 1}) || got.Runs != (service.RunStats{Queued: 1, Failed: 1}) {
		t.Errorf("jobs %+v, runs %+v", got.Jobs, got.Runs)
	}
	if got.DueNextHour != 1 || got.Failing != 1 || got.Version != "1.2.3" || *got.Beats != 1 || *got.Workers != 0 {
		t.Errorf("got %+v", got)
	}
	if len(got.Queues) != 4 || got.Queues[1].Queue != job.QueueDefault || got.Queues[1].Pending != 2 {
		t.Errorf("queues %+v", got.Queues)
	}
	if len(got.Hosts) != 1 || got.Hosts[0].Host != "example.com" || got.Hosts[0].Times != 2 {
		t.Errorf("hosts %+v", got.Hosts)
	}
}

func TestStatsWithoutRedis(t *testing.T) {
	w := newWorld(t, worldOptions{})
	w.redis.Close()
	var got statsAnswer
	w.call("GET", "/api/v1/stats", "").is(200).into(&got)
	if got.Hosts != nil || got.Queues != nil || got.Beats != nil || got.Workers != nil {
		t.Errorf("got %+v", got)
	}
}

// What is wrong with Redis is told in both languages, also while it is not used.
func TestStatsWarnOfRedis(t *testing.T) {
	w := newWorld(t, worldOptions{})
	identity := w.broker.NewIdentity(w.store, "api") // which does not know yet whose Redis this is
	var got statsAnswer
	w.call("GET", "/api/v1/stats", "").is(200).into(&got)
	if got.Queues != nil || len(got.Warnings) != 1 || got.Warnings[0].Code != "redis_refused" || got.Warnings[0].Message == "" || got.Warnings[0].MessageZH == "" {
		t.Errorf("got %+v", got)
	}
	w.call("GET", "/readyz", "").is(503)
	if !identity.Examine(t.Context()) {
		t.Fatal("its own Redis is refused")
	}
	got = statsAnswer{}
	w.call("GET", "/api/v1/stats", "").is(200).into(&got)
	if got.Warnings == nil || len(got.Warnings) != 0 {
		t.Errorf("got %+v", got.Warnings)
	}
}
