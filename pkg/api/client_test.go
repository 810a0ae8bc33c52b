package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/internal/race"
	"schedule-server/pkg/client"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// A body of the documented size goes through the client too, whose JSON escapes what HTML has a meaning for.
func TestClientWithALargeBody(t *testing.T) {
	if race.Enabled {
		t.Skip("with the race detector each call takes seconds; the run without it has this test")
	}
	t.Parallel()
	w := newWorld(t, worldOptions{})
	c, err := client.New(w.url, client.Options{HTTP: w.client})
	must(t, err)
	body := strings.Repeat("<", job.MaxBodyBytes)
	j, err := c.Create(t.Context(), job.Definition{ID: "a", Schedule: trigger.Spec{Type: trigger.TypeInterval, Every: job.Duration(time.Minute)},
		Request: job.Request{URL: "https://example.com/", Body: job.Body(body)}})
	must(t, err)
	if j, err = c.Put(t.Context(), j.Definition, j.Version); err != nil || string(j.Request.Body) != body {
		t.Errorf("%d bytes came back, %v", len(j.Request.Body), err)
	}
	if j, err = c.Patch(t.Context(), "a", map[string]any{"request": map[string]any{"body": body}}, 0); err != nil || string(j.Request.Body) != body {
		t.Errorf("%d bytes came back, %v", len(j.Request.Body), err)
	}
	if _, err := client.New("http://127.0.0.1:99999", client.Options{}); err == nil || !strings.Contains(err.Error(), "port") {
		t.Errorf("a port that there is none of: %v", err)
	}
}

// TestClient does with the Go client what a program would do.
func TestClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	c, err := client.New(w.url, client.Options{HTTP: w.client})
	must(t, err)
	ctx := t.Context()
	d := job.Definition{ID: "定时 任务/1?&%", Tags: []string{"b", "a"},
		Schedule: trigger.Spec{Type: trigger.TypeInterval, Every: job.Duration(time.Minute)}, Request: job.Request{URL: "https://example.com/"}}
	j, err := c.Create(ctx, d)
	must(t, err)
	if j.ID != d.ID || j.Version != 1 || j.Policy.Retry.MaxAttempts != 3 {
		t.Errorf("%+v", j)
	}
	if _, err = c.Create(ctx, d); !client.IsConflict(err) {
		t.Errorf("created twice: %v", err)
	}
	d.Name, d.Policy = "named", j.Policy
	if j, err = c.Put(ctx, d, 1); err != nil || j.Version != 2 || j.Name != "named" {
		t.Errorf("%+v, %v", j, err)
	}
	if _, err = c.Patch(ctx, d.ID, map[string]any{"name": nil}, 1); !client.IsConflict(err) {
		t.Errorf("patched an old version: %v", err)
	}
	if _, err = c.Patch(ctx, d.ID, map[string]any{"schedule": map[string]any{"every": "1ms"}}, 0); err == nil || !strings.Contains(err.Error(), "schedule.every") {
		t.Errorf("%v", err)
	}
	if j, err = c.Pause(ctx, d.ID, nil, "why"); err != nil || *j.PauseReason != "why" {
		t.Errorf("%+v, %v", j, err)
	}
	if j, err = c.Resume(ctx, d.ID); err != nil || j.Status != job.StatusActive {
		t.Errorf("%+v, %v", j, err)
	}
	run, err := c.Run(ctx, d.ID, false)
	must(t, err)
	if got, err := c.GetRun(ctx, run.ID); err != nil || got.Request.URL != d.Request.URL {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, c.CancelRun(ctx, run.ID))
	for r, err := range c.Runs(ctx, job.RunQuery{JobID: d.ID}) {
		if must(t, err); r.State != job.StateCanceled {
			t.Errorf("%+v", r)
		}
	}
	if done, err := c.Import(ctx, "application/json", []byte(fileOf(25)), client.ImportOptions{}); err != nil || len(done.Created) != 25 {
		t.Errorf("%+v, %v", done, err)
	}
	data, err := c.Export(ctx, "application/yaml")
	must(t, err)
	if done, err := c.Import(ctx, "application/yaml", data, client.ImportOptions{DryRun: true, Prune: true}); err != nil || len(done.Unchanged) != 26 {
		t.Errorf("%+v, %v", done, err)
	}
	one := []byte("# one\n0 9 * * * curl https://example.com/1\n")
	dry, err := c.Import(ctx, "application/octet-stream", one, client.ImportOptions{DryRun: true, Prune: true, TimeZone: "Asia/Tokyo", FileName: "x.txt"})
	if must(t, err); dry.Format != "crontab" || !dry.DryRun || len(dry.Deleted) != 26 || dry.Refused == nil || dry.Refused.Code != "too_many_deletes" || len(dry.Jobs) != 27 ||
		dry.Jobs[26].TimeZone != "Asia/Tokyo" || dry.Jobs[26].Next[0].Local == "" || !strings.Contains(dry.Jobs[26].Description["zh"], "09:00") {
		t.Errorf("%+v", dry)
	}
	var tooMany *client.Error
	_, err = c.Import(ctx, "application/octet-stream", one, client.ImportOptions{Prune: true, MaxDeletes: new(25)})
	if !errors.As(err, &tooMany) || !client.IsConflict(err) || tooMany.Deletes == nil || tooMany.Deletes.Total != 26 || len(tooMany.Deletes.IDs) != 26 {
		t.Errorf("%v", err)
	}
	skips, err := c.Import(ctx, "text/crontab", append(one, "* * * * * date\n"...), client.ImportOptions{DryRun: true})
	if must(t, err); len(skips.Skipped) != 1 || skips.Skipped[0].Line != 3 || skips.Skipped[0].Reason == "" {
		t.Errorf("%+v", skips)
	}
	var ids []string
	for j, err := range c.Jobs(ctx, job.JobQuery{Limit: 10, Type: "interval", Descending: true, Sort: "id"}) {
		must(t, err)
		ids = append(ids, j.ID)
	}
	if len(ids) != 9 || ids[0] != d.ID {
		t.Errorf("%q", ids)
	}
	must(t, c.Delete(ctx, d.ID, 0))
	if _, err := c.Get(ctx, d.ID); !client.IsNotFound(err) {
		t.Errorf("%v", err)
	}
	if _, err := client.New("localhost:8000", client.Options{}); err == nil {
		t.Error("a URL without a scheme is taken")
	}
}

// TestClientWithMany asks before it registers, and changes many jobs by one call.
func TestClientWithMany(t *testing.T) {
	w := newWorld(t, worldOptions{})
	c, err := client.New(w.url, client.Options{HTTP: w.client})
	must(t, err)
	ctx := t.Context()
	p, err := c.Preview(ctx, trigger.Spec{Type: trigger.TypeCron, Expression: "30 2 * * *", TimeZone: "Europe/Berlin"}, 2, new(time.Date(2027, 3, 27, 0, 0, 0, 0, time.UTC)))
	if must(t, err); !p.Valid || len(p.Next) != 2 || p.Next[1].Note != "dst_gap" || p.Description["zh"] == "" || len(p.Warnings) == 0 {
		t.Errorf("%+v", p)
	}
	p, err = c.Preview(ctx, trigger.Spec{Type: trigger.TypeCron, Expression: "61 2 * * *"}, 0, nil)
	if must(t, err); p.Valid || len(p.Errors) != 1 || p.Errors[0].Field != "schedule.expression" {
		t.Errorf("%+v", p)
	}
	found, err := c.Parse(ctx, "*/5 * * * * curl -fsS https://example.com/ping\n1 2 * * * backup", "Europe/Berlin")
	if must(t, err); found.Kind != "crontab" || len(found.Drafts) != 1 || len(found.Skipped) != 1 || found.Drafts[0].Job.Schedule.TimeZone != "Europe/Berlin" {
		t.Fatalf("%+v", found)
	}
	found.Drafts[0].Job.ID = "" // the server makes one
	once := client.WithIdempotencyKey(ctx, "order-17")
	made, err := c.Create(once, found.Drafts[0].Job)
	must(t, err)
	if again, err := c.Create(once, found.Drafts[0].Job); err != nil || again.ID != made.ID || w.total() != 1 {
		t.Errorf("%+v, %v", again, err)
	}
	var refused *client.Error
	if _, err := c.Run(once, made.ID, false); !errors.As(err, &refused) || len(refused.Fields) != 1 || refused.Fields[0].Field != "Idempotency-Key" {
		t.Errorf("the key of another call: %v", err)
	}
	_, err = c.Import(ctx, "application/json", []byte(fileOf(30)), client.ImportOptions{})
	must(t, err)
	done, err := c.Bulk(ctx, client.Bulk{Action: "tag", Tag: "x", IDs: []string{"job-00001", "none"}})
	if must(t, err); done.Matched != 1 || done.Changed != 1 || done.Failed != 1 || done.Errors[0].Code != job.CodeNotFound {
		t.Errorf("%+v", done)
	}
	done, err = c.Bulk(ctx, client.Bulk{Action: "pause", Filter: job.JobQuery{Text: "job-", Tags: []string{"t1"}, Type: "interval", Status: job.StatusActive,
		Host: "example.com", DueSince: new(begin), DueUntil: new(begin.Add(time.Hour))}})
	if must(t, err); done.Changed != 2 || done.Failed != 0 {
		t.Errorf("%+v", done)
	}
	for j, err := range c.Jobs(ctx, job.JobQuery{DueSince: new(begin), DueUntil: new(begin)}) {
		t.Errorf("due at once: %+v, %v", j, err)
	}
	if done, err = c.Bulk(ctx, client.Bulk{Action: "delete"}); err != nil || done.Changed != 31 || w.total() != 0 {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestClientRetries wants a busy server to be asked again under the same key, and a refusal not to be.
func TestClientRetries(t *testing.T) {
	var calls atomic.Int64
	keys := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys[r.Header.Get("Idempotency-Key")] = true
		if r.Header.Get("Authorization") != "Bearer sk_x" {
			t.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		switch calls.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			panic(http.ErrAbortHandler)
		case 3:
			_, _ = fmt.Fprint(w, `{"id":"r"}`)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer server.Close()
	h := &http.Client{Transport: &http.Transport{}}
	defer h.CloseIdleConnections()
	c, err := client.New(server.URL, client.Options{Key: "sk_x", HTTP: h, MaxWait: time.Millisecond})
	must(t, err)
	if run, err := c.Run(t.Context(), "a", false); err != nil || run.ID != "r" || calls.Load() != 3 || len(keys) != 1 {
		t.Errorf("%+v, %v after %d calls with %d keys", run, err, calls.Load(), len(keys))
	}
	_, err = c.Get(t.Context(), "a")
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden || calls.Load() != 4 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}
