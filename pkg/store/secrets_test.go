package store

import (
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// usesSecret makes a job's call use a secret and a credential of its own.
func usesSecret(name string) func(*job.Job) {
	return func(j *job.Job) {
		j.Request.Headers["X-Key"] = "{{ secret." + name + " }}"
		j.Request.SigningSecret = job.Redacted
		j.Request.Sealed = map[string]string{"signing_secret": "sealed by hand"}
	}
}

func testSecrets(t *testing.T, b *bundle) {
	ctx := t.Context()
	put := func(name, sealed string, now job.Instant, wantNew bool) {
		t.Helper()
		info, created, err := b.PutSecret(ctx, &job.SecretChange{Name: name, Sealed: sealed}, now)
		if err != nil || created != wantNew || info.Name != name || info.UpdatedAt != now {
			t.Fatalf("put %s: %+v, new %v, %v", name, info, created, err)
		}
	}
	put("B", "1", t0, true)
	put("A", "2", t0, true)
	put("A", "3", t0+5, false)
	all, err := b.ListSecrets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the list", all, []job.SecretInfo{
		{Name: "A", Hosts: job.SecretHosts{}, CreatedAt: t0, UpdatedAt: t0 + 5}, {Name: "B", Hosts: job.SecretHosts{}, CreatedAt: t0, UpdatedAt: t0}})
	info, err := b.GetSecret(ctx, "A")
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "one", *info, all[0])
	for _, name := range []string{"C", "a", "\x00", "\xff"} {
		_, err := b.GetSecret(ctx, name)
		wantCode(t, err, job.CodeNotFound)
		wantCode(t, b.DeleteSecret(ctx, name, t0), job.CodeNotFound)
	}

	err = b.CreateJob(ctx, newJob("x", usesSecret("C")))
	wantCode(t, err, job.CodeInvalid)
	wantContains(t, err.Error(), "request.headers.X-Key")
	b.create(newJob("x", usesSecret("A")))
	wantCode(t, b.DeleteSecret(ctx, "A", t0), job.CodeConflict)
	b.change("x", func(j *job.Job) { j.Request.Headers = map[string]string{} })
	if err := b.DeleteSecret(ctx, "A", t0); err != nil {
		t.Fatal(err)
	}
	wantCode(t, b.DeleteSecret(ctx, "A", t0), job.CodeNotFound)
	b.create(newJob("y", usesSecret("B")))
	if _, err := b.DeleteJob(ctx, "y", 0, t0); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteSecret(ctx, "B", t0); err != nil {
		t.Fatalf("only a deleted job used it: %v", err)
	}
}

// testTaskSecrets: whatever way a task comes about, it carries the sealed values that its call needs.
func testTaskSecrets(t *testing.T, b *bundle) {
	ctx := t.Context()
	if _, _, err := b.PutSecret(ctx, &job.SecretChange{Name: "A", Sealed: "sealed A"}, t0); err != nil {
		t.Fatal(err)
	}
	b.create(newJob("a", usesSecret("A")), newJob("b"))
	want := map[string]string{"secret.A": "sealed A", "signing_secret": "sealed by hand"}
	check := func(how string, tasks []job.Task) {
		t.Helper()
		found := false
		for _, task := range tasks {
			if task.JobID == "b" {
				wantEqual(t, how+": a task without secrets", len(task.Sealed), 0)
				continue
			}
			found = true
			wantEqual(t, how, task.Sealed, want)
		}
		if !found {
			t.Fatalf("%s: no task", how)
		}
	}
	stored := b.get("a")
	wantEqual(t, "the names", stored.Request.Secrets, []string{"A"})
	wantEqual(t, "the credentials", stored.Request.Sealed, map[string]string{"signing_secret": "sealed by hand"})

	check("claimed", b.claimAll(t0).Tasks)
	stale, err := b.lost(t0.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	check("stale", tasksOf(stale))
	task, err := b.StartRun(ctx, "a", func(*job.Due) (*job.Run, error) {
		return &job.Run{ID: job.NewID(t0), Trigger: job.TriggerManual, State: job.StateQueued, ScheduledAt: t0, Queue: job.QueueLow}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check("started", []job.Task{*task})

	later := t0.Add(time.Minute)
	b.claimAs(later, job.StateWaiting, false)
	done, err := b.Record(ctx, []job.Event{ended(task.RunID, 1, later, job.StateSucceeded, 200),
		ended(job.OccurrenceID("a", t0), 1, later, job.StateSucceeded, 200)})
	if err != nil {
		t.Fatal(err)
	}
	check("promoted", done.Tasks)

	run := b.run(task.RunID)
	if run.Request.Sealed != nil || run.Request.Headers["X-Key"] != "{{ secret.A }}" {
		t.Errorf("the account of a run shows %+v", run.Request)
	}
}

// testSecretHosts: a job that sends a secret elsewhere is refused, and a task carries where its secrets may go.
func testSecretHosts(t *testing.T, b *bundle) {
	ctx := t.Context()
	put := func(c job.SecretChange, want job.SecretHosts) {
		t.Helper()
		info, _, err := b.PutSecret(ctx, &c, t0)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the answer", info.Hosts, want)
		stored, err := b.GetSecret(ctx, c.Name)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the hosts", stored.Hosts, want)
	}
	one, none := job.SecretHosts{"api.example.com"}, job.SecretHosts{}
	_, _, err := b.PutSecret(ctx, &job.SecretChange{Name: "A", Hosts: &one}, t0)
	wantCode(t, err, job.CodeInvalid)
	put(job.SecretChange{Name: "A", Sealed: "sealed A", Hosts: &one}, one)
	put(job.SecretChange{Name: "A", Sealed: "sealed again"}, one)
	put(job.SecretChange{Name: "A", Hosts: &none}, none)
	put(job.SecretChange{Name: "A", Hosts: &one}, one)
	put(job.SecretChange{Name: "B", Sealed: "sealed B"}, none)

	elsewhere := newJob("x", usesSecret("A"))
	err = b.CreateJob(ctx, elsewhere)
	wantCode(t, err, job.CodeInvalid)
	wantContains(t, err.Error(), "request.headers.X-Key")
	wantContains(t, err.Error(), `the secret "A", which the job "x" uses, may not be sent to`)
	trial := job.Task{JobID: "x", Request: elsewhere.Request}
	trial.Request.Secrets = []string{"A"}
	err = b.Complete(ctx, &trial)
	wantCode(t, err, job.CodeInvalid)
	wantContains(t, err.Error(), "request.headers.X-Key")

	there := newJob("y", usesSecret("A"))
	there.Request.URL = "https://API.example.com/x?k={{ secret.A }}"
	b.create(there, newJob("z", usesSecret("B")))
	for _, task := range b.claimAll(t0).Tasks {
		want := map[string]job.SecretHosts{"A": one}
		if task.JobID == "z" {
			want = nil
		}
		wantEqual(t, "the task of "+task.JobID, task.SecretHosts, want)
		if task.JobID == "y" {
			wantEqual(t, "its secret", task.Sealed["secret.A"], "sealed again")
		}
	}
	trial.Request = there.Request
	trial.Request.Secrets = []string{"A"}
	if err := b.Complete(ctx, &trial); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "a trial", trial.SecretHosts, map[string]job.SecretHosts{"A": one})

	damaged := "{"
	wantEqual(t, "what cannot be read", decodeHosts(&damaged), job.SecretHosts{"?"})
}
