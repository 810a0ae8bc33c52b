package queue

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
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

// inCBOR encodes a value of a test.
func inCBOR(t *testing.T, value any) string {
	t.Helper()
	data, err := cbor.Marshal(value)
	noError(t, err)
	return string(data)
}

// ofOthers is what this version encoded as one writes it that knows other members: a member that
// nobody here knows is in every map, and some that came after the first format are missing.
func ofOthers(t *testing.T, data []byte, missing ...string) string {
	t.Helper()
	mode, err := cbor.DecOptions{DefaultMapType: reflect.TypeFor[map[string]any]()}.DecMode()
	noError(t, err)
	var value map[string]any
	noError(t, mode.Unmarshal(data, &value))
	var addTo func(m map[string]any)
	addTo = func(m map[string]any) {
		for name, member := range m {
			if inner, ok := member.(map[string]any); ok && name != "headers" {
				addTo(inner)
			}
			if slices.Contains(missing, name) {
				delete(m, name)
			}
		}
		m["newer"] = map[string]any{"deep": []any{1, nil}}
	}
	addTo(value)
	return inCBOR(t, value)
}

// What other versions wrote in a format that is known is delivered: members that came later are missing, or unknown ones are there.
func TestTasksOfOtherVersionsAreDelivered(t *testing.T) {
	x := newBench(t)
	later := strings.Replace(oldTask, `"run_id":"old"`, `"run_id":"later"`, 1)
	x.raw("old", taskDeliverJSON, oldTask)
	x.raw("later", taskDeliverJSON, withMore(later))
	other := taskOf("other")
	other.JobID, other.Request.URL = "a", "http://example.com/old"
	other.Policy.Limits, other.QueuedAt, other.Sealed = job.HostLimits{PerHostConcurrency: 5}, now(), map[string]string{"a": "b"}
	data, err := encodeTask(&other, "")
	noError(t, err)
	x.raw("other", taskDeliver, ofOthers(t, data, "queued_at", "sealed", "limits", "keep"))
	c := &calls{answer: done}
	x.work(x.b, c)
	eventually(t, "all are delivered", func() bool { return c.count() == 3 })
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
	t.Parallel()
	x := newBench(t)
	payload := inCBOR(t, map[string]any{"v": 3, "run": map[string]string{"id": "newer"}})
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

// Events of other versions are recorded when they are in a format that is known.
func TestEventsOfOtherVersionsAreRecorded(t *testing.T) {
	x := newBench(t)
	const event = `{"run_id":"r","at":"2027-01-15T08:00:00.000Z","state":"succeeded","reason":"ok","n":1,"attempt":{"n":1,
		"started_at":"2027-01-15T08:00:00.000Z","duration_ms":5,"status_code":200,"error":null,"reason":"ok","worker":"host:1","next_retry_at":null}}`
	add := func(format, data string) {
		noError(t, x.b.client.XAdd(x.ctx, &redis.XAddArgs{Stream: x.b.key(keyResults), Values: []any{fieldFormat, format, "newer", "x", fieldEvent, data}}).Err())
	}
	add("1", event)
	add("1", withMore(event))
	status, at := 200, job.Instant(1800000000000)
	data, err := encodeEvent(&job.Event{RunID: "r", At: at, State: job.StateSucceeded, Reason: job.ReasonOK, N: 1,
		Attempt: &job.Attempt{N: 1, StartedAt: at, DurationMS: 5, StatusCode: &status, Reason: job.ReasonOK, Worker: "host:1"}})
	noError(t, err)
	add("2", string(data))
	add("2", ofOthers(t, data, "phases", "response"))
	r := &record{}
	x.record(x.b, "host:1", r)
	eventually(t, "recorded", func() bool { return r.times()["r"] == 4 && x.streamLen() == 0 })
	all := r.all()
	if all[0].State != job.StateSucceeded || all[0].Attempt.DurationMS != 5 {
		t.Errorf("recorded as %+v", all[0])
	}
	for i, other := range all[1:] {
		if diff := cmp.Diff(all[0], other); diff != "" {
			t.Errorf("event %d was read as another:\n%s", i+1, diff)
		}
	}
	if n := x.b.client.XLen(x.ctx, x.b.key(keyUnknown)).Val(); n != 0 {
		t.Errorf("%d were put aside", n)
	}
}

// What a recorder of an older version put aside comes back when one is there that can read it.
func TestEventsPutAsideAreTakenBack(t *testing.T) {
	t.Parallel()
	x := newBench(t)
	r := &record{}
	x.record(x.b, "host:1", r)
	x.report("first")
	eventually(t, "the recorder is at work", func() bool { return r.times()["first"] == 1 })
	aside := func(version, text string) {
		noError(t, x.b.client.XAdd(x.ctx, &redis.XAddArgs{Stream: x.b.key(keyUnknown), Values: []any{fieldOrigin, "1-1", fieldFormat, version, fieldEvent, text}}).Err())
	}
	aside("3", "newer")
	aside("1", `{"run_id":"back","state":"succeeded"}`)
	aside("2", inCBOR(t, map[string]string{"run_id": "back too", "state": "succeeded"}))
	eventually(t, "recorded", func() bool { return r.times()["back"] == 1 && r.times()["back too"] == 1 && x.streamLen() == 0 })
	left, err := x.b.client.XRange(x.ctx, x.b.key(keyUnknown), "-", "+").Result()
	noError(t, err)
	if len(left) != 1 || left[0].Values[fieldFormat] != "3" || left[0].Values[fieldOrigin] != "1-1" {
		t.Errorf("aside are %v", left)
	}
}

// A text that is no UTF-8 costs no account.
func TestATextThatIsNoUTF8IsRecorded(t *testing.T) {
	x := newBench(t)
	_, err := x.b.Report(x.ctx, &job.Event{RunID: "r", At: now(), State: job.StateSucceeded,
		Response: &job.Response{Headers: map[string]string{"X-Name": "caf\xe9"}, Body: "\xff"}})
	noError(t, err)
	r := &record{}
	x.record(x.b, "host:1", r)
	eventually(t, "recorded", func() bool { return r.times()["r"] == 1 && x.streamLen() == 0 })
}

// Whatever lies in Redis, reading it ends, and takes no more memory than it is long.
func FuzzReadTask(f *testing.F) {
	data, err := encodeTask(new(taskOf("run")), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(true, data)
	f.Add(false, []byte(oldTask))
	f.Add(true, []byte("\xa1aa\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, inCBOR bool, payload []byte) {
		kind := taskDeliverJSON
		if inCBOR {
			kind = taskDeliver
		}
		task, err := readTask(kind, payload)
		if (task == nil) == (err == nil) || task != nil && task.RunID == "" {
			t.Errorf("it was read as %v, %v", task, err)
		}
	})
}
