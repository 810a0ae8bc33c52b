package queue

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// oldTask is a payload of the first version, before tasks had queued_at and sealed, and policies limits and keep.
const oldTask = `{"v":1,"run_id":"old","job_id":"a","scheduled_at":"2027-01-15T08:00:00.000Z","queue":"default",
	"request":{"method":"GET","url":"http://example.com/old","headers":{ "X-A":"1"},"body":"","auth":null,"follow_redirects":0,"insecure_tls":false},
	"policy":{"misfire_grace_time":"60s","coalesce":"latest","concurrency_policy":"forbid","attempt_timeout":"30s","connect_timeout":"5s",
	"retry":{"max_attempts":3,"min_backoff":"5s","max_backoff":"1h","max_doublings":5,"max_retry_duration":"0s"},
	"success":{"status":["2xx"]},"jitter":"0s","queue":"default","auto_pause_after":0}}`

// withMore adds a member that nobody knows to every object of a JSON text whose first member follows the brace at once.
func withMore(text string) string {
	return strings.ReplaceAll(text, `{"`, `{"newer":{"deep":[1,null]},"`)
}

// What other versions wrote in the present format is delivered: members that came later are missing, or unknown ones are there.
func TestTasksOfOtherVersionsAreDelivered(t *testing.T) {
	x := newBench(t)
	later := strings.Replace(oldTask, `"run_id":"old"`, `"run_id":"later"`, 1)
	x.raw("old", taskDeliver, oldTask)
	x.raw("later", taskDeliver, withMore(later))
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "both are delivered", func() bool { return c.count() == 2 })
	want := taskOf("")
	for _, task := range c.all() {
		if task.JobID != "a" || task.Request.URL != "http://example.com/old" || task.Request.Headers["X-A"] != "1" || task.Request.Literal ||
			task.Policy.AttemptTimeout != want.Policy.AttemptTimeout || task.Policy.Limits != (job.HostLimits{}) || task.Sealed != nil || task.QueuedAt != 0 {
			t.Errorf("delivered as %+v", task)
		}
	}
}

// A task in a higher format goes back uncounted and unchanged, and a worker of the version that wrote it delivers it.
func TestATaskOfANewerVersionReachesAWorkerOfIt(t *testing.T) {
	x := newBench(t)
	const payload = `{"v":2,"run":{"id":"newer"}}`
	x.raw("newer", taskDeliver, payload)
	c := &calls{answer: done}
	stop := x.work(x.b, c)
	eventually(t, "it is handed back", func() bool { return x.state("newer") == "retry" })
	stop()
	noError(t, x.inspector.RunTask("default", "newer")) // its ten seconds have passed

	got := make(chan string, 1)
	newer := asynq.NewServerFromRedisClient(x.b.client, asynq.Config{Concurrency: 1, Logger: asynqLog{newLibraryLog(x.b.log, x.b.outage, "queue library")}})
	noError(t, newer.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		retried, _ := asynq.GetRetryCount(ctx)
		if retried != 0 {
			t.Errorf("handing it back counted: %d", retried)
		}
		got <- string(task.Payload())
		return nil
	})))
	t.Cleanup(newer.Shutdown)
	eventually(t, "the newer worker has it", func() bool { return len(got) == 1 })
	if text := <-got; text != payload || c.count() != 0 {
		t.Errorf("the newer worker got %q, the older one called %d times", text, c.count())
	}
}

// Events of other versions are recorded when they are in the present format.
func TestEventsOfOtherVersionsAreRecorded(t *testing.T) {
	x := newBench(t)
	const event = `{"run_id":"r","at":"2027-01-15T08:00:00.000Z","state":"succeeded","reason":"ok","n":1,"attempt":{"n":1,
		"started_at":"2027-01-15T08:00:00.000Z","duration_ms":5,"status_code":200,"error":null,"reason":"ok","worker":"host:1","next_retry_at":null}}`
	for _, text := range []string{event, withMore(event)} {
		noError(t, x.b.client.XAdd(x.ctx, &redis.XAddArgs{Stream: keyResults, Values: []any{fieldFormat, "1", "newer", "x", fieldEvent, text}}).Err())
	}
	r := &record{}
	x.record(x.b, "host:1", r)
	eventually(t, "recorded", func() bool { return r.times()["r"] == 2 && x.streamLen() == 0 })
	all := r.all()
	if all[0].State != job.StateSucceeded || all[0].Attempt.DurationMS != 5 {
		t.Errorf("recorded as %+v", all[0])
	}
	if diff := cmp.Diff(all[0], all[1]); diff != "" {
		t.Errorf("unknown members make a difference:\n%s", diff)
	}
	if n := x.b.client.XLen(x.ctx, keyUnknown).Val(); n != 0 {
		t.Errorf("%d were put aside", n)
	}
}

// What a recorder of an older version put aside comes back when one is there that can read it.
func TestEventsPutAsideAreTakenBack(t *testing.T) {
	x := newBench(t)
	r := &record{}
	x.record(x.b, "host:1", r)
	x.report("first")
	eventually(t, "the recorder is at work", func() bool { return r.times()["first"] == 1 })
	aside := func(version, text string) {
		noError(t, x.b.client.XAdd(x.ctx, &redis.XAddArgs{Stream: keyUnknown, Values: []any{fieldOrigin, "1-1", fieldFormat, version, fieldEvent, text}}).Err())
	}
	aside("2", `{"run_id":"newer","state":"succeeded"}`)
	aside("1", `{"run_id":"back","state":"succeeded"}`)
	eventually(t, "recorded", func() bool { return r.times()["back"] == 1 && x.streamLen() == 0 })
	left, err := x.b.client.XRange(x.ctx, keyUnknown, "-", "+").Result()
	noError(t, err)
	if len(left) != 1 || left[0].Values[fieldFormat] != "2" || left[0].Values[fieldOrigin] != "1-1" {
		t.Errorf("aside are %v", left)
	}
}
