package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// A Redis that answers and yet cannot be used is told apart from one that is well.
func TestPingTellsWhenRedisIsOfNoUse(t *testing.T) {
	x := newBench(t)
	tests := []struct{ name, word, breaks, mends string }{
		{"out of memory", "OOM", "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0"},
		{"read-only replica", "READONLY", fmt.Sprint("REPLICAOF 127.0.0.1 ", freePort(t)), "REPLICAOF NO ONE"},
	}
	do := func(command string) {
		t.Helper()
		var args []any
		for _, word := range strings.Fields(command) {
			args = append(args, word)
		}
		x.server.command(args...)
	}
	for _, test := range tests {
		noError(t, x.b.Ping(x.ctx))
		do(test.breaks)
		var e *job.Error
		if err := x.b.Ping(x.ctx); !errors.As(err, &e) || e.Code != job.CodeUnavailable || !strings.Contains(e.Detail, test.word) {
			t.Errorf("%s: %v, want %s", test.name, err, test.word)
		}
		if err := x.b.Enqueue(x.ctx, []job.Task{taskOf(test.name)}); job.CodeOf(err) != job.CodeUnavailable {
			t.Errorf("%s: a task was taken, or refused otherwise: %v", test.name, err)
		}
		do(test.mends)
		noError(t, x.b.Ping(x.ctx))
	}
}

// answerOf is an error that Redis answered with.
type answerOf string

func (a answerOf) Error() string { return string(a) }
func (answerOf) RedisError()     {}

func TestOnlyTheWordOfARefusalIsShown(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{fmt.Errorf("set: %w", answerOf("OOM command not allowed when used memory > 'maxmemory'.")), "OOM"},
		{answerOf("CLUSTERDOWN The cluster is down"), "CLUSTERDOWN"},
		{answerOf("redis: nil"), ""},
		{answerOf("ERR"), "ERR"},
		{answerOf(""), ""},
		{context.DeadlineExceeded, ""},
		{errors.New("OOM"), ""},
	}
	for _, test := range tests {
		if got := refusal(test.err); got != test.want {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}
