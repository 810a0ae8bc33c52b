package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/job"
)

// begin is the moment at which the clock of every test stands.
const begin = job.Instant(1_795_000_000_000) // 2026-11-18T11:06:40Z

func TestRetriesOfManualRunEndBeforeNextOccurrence(t *testing.T) {
	next := begin + 10_000
	for _, c := range []struct {
		policy job.Concurrency
		next   *job.Instant
		want   *job.Instant
	}{
		{job.ConcurrencyForbid, &next, &next},
		{job.ConcurrencyForbid, nil, nil},
		{job.ConcurrencyAllow, &next, nil},
		{job.ConcurrencyForbid, new(begin - 1), nil}, // due and not claimed: no bound for a run that begins after it
	} {
		due := &job.Due{Job: job.Job{NextRunAt: c.next}}
		due.Policy.ConcurrencyPolicy = c.policy
		got := manualRun(due, begin).RetryUntil
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestBounded holds a call to its limit though its neighbour does not heed the context.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(nil, nowhere{}, Options{})
		end := make(chan struct{})
		start := time.Now()
		canceled, cancel := context.WithCancel(t.Context())
		cancel() // the end of the call is not the end of the work
		s.bounded(canceled, 3*time.Second, func(ctx context.Context) {
			<-ctx.Done()
			<-end
		})
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %s", took)
		}
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := s.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for what goes on: %v", err)
		}
		close(end)
		if err := s.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

type nowhere struct{ Queue }

// TestWaker sends one wake-up at a time, one more for all changes meanwhile, and logs an outage once.
func TestWaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		var behind sync.WaitGroup
		var logs bytes.Buffer
		release := make(chan error)
		w := &waker{logger: slog.New(slog.NewTextHandler(&logs, nil)), behind: &behind, wake: func(context.Context) error {
			calls.Add(1)
			return <-release
		}}
		for range 100 {
			w.call()
		}
		synctest.Wait()
		if n := calls.Load(); n != 1 {
			t.Errorf("%d at once", n)
		}
		release <- errors.New("away")
		release <- errors.New("away")
		behind.Wait()
		if n := calls.Load(); n != 2 {
			t.Errorf("%d calls for 100 changes, want 2", n)
		}
		if n := strings.Count(logs.String(), "beat not woken"); n != 1 {
			t.Errorf("%d lines for one outage", n)
		}
	})
}

// TestMergePatch examples of RFC 7386, appendix A, whose patch is an object.
func TestMergePatch(t *testing.T) {
	for _, one := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"n":1}`, `{"n":12345678901234567890.10}`, `{"n":12345678901234567890.10}`},
		{`{"a":[1]}`, `{"a":[null, {"b":null}]}`, `{"a":[null,{"b":null}]}`},
	} {
		var patch map[string]json.RawMessage
		if err := json.Unmarshal([]byte(one.patch), &patch); err != nil {
			t.Fatal(err)
		}
		got, err := mergePatch(json.RawMessage(one.target), patch)
		if err != nil {
			t.Fatal(err)
		}
		var have, want any
		if json.Unmarshal(got, &have) != nil || json.Unmarshal([]byte(one.want), &want) != nil || !cmp.Equal(have, want) {
			t.Errorf("%s with %s gives %s, want %s", one.target, one.patch, got, one.want)
		}
	}
}

func TestLagOf(t *testing.T) {
	var lags []int64
	for i := range int64(100) {
		lags = append(lags, i+1)
	}
	for _, test := range []struct {
		lags     []int64
		p50, p95 int64
	}{{lags, 50, 95}, {lags[:1], 1, 1}, {lags[:2], 1, 1}} {
		if got := lagOf(test.lags); *got.P50MS != test.p50 || *got.P95MS != test.p95 || got.Runs != len(test.lags) {
			t.Errorf("of %d: %d, %d", len(test.lags), *got.P50MS, *got.P95MS)
		}
	}
	if got := lagOf(nil); got.P50MS != nil || got.P95MS != nil {
		t.Error("no runs have a lag")
	}
}
