package queue

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"schedule-server/pkg/job"
)

func TestShownURLsHoldNoSecret(t *testing.T) {
	for raw, want := range map[string]string{
		"redis://localhost":                                 "redis://localhost",
		"redis://:hunter2@h:1/0":                            "redis://h:1",
		"redis://hunter2@h:1/3?username=u&password=hunter2": "redis://h:1/3",
		"rediss://u:hunter2@[::1]:7000/":                    "rediss://[::1]:7000",
		"redis-sentinel://:hunter2@a:1,b,[::1]:3/2?master=my%20m&username=u&password=hunter2": "redis-sentinel://a:1,b:26379,[::1]:3?master=my+m",
		"rediss-sentinel://u:hunter2@a:1?password=hunter2&master=m":                           "rediss-sentinel://a:1?master=m",
		"redis-cluster://u:hunter2%40@a:1,b":                                                  "redis-cluster://a:1,b:6379",
		"redis-sentinel://a:1?master=m&password=x@hunter2":                                    "redis-sentinel://a:1?master=m",
		"redis-cluster://u:hun@ter2@a:1":                                                      "redis-cluster://a:1",
		"redis-sentinel://:hunter2/x@a:1?master=m":                                            "",
		"redis://:hunter2/x@host:1":                                                           "",
	} {
		if got := ShownURL(raw); got != want || strings.Contains(got, "hunter2") {
			t.Errorf("%s is shown as %q, want %q", raw, got, want)
		}
	}
}

func TestCheckURLSaysWhatOpenWould(t *testing.T) {
	for raw, ok := range map[string]bool{"redis://h:1": true, "redis-sentinel://h?master=m": true, "redis-sentinel://h": false, "h:1": false} {
		if err := CheckURL(raw); (err == nil) != ok {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// What Redis answered is told apart from that it does not answer, and with the address in both cases.
func TestTheLogSaysWhatIsWrongWithRedis(t *testing.T) {
	for want, err := range map[string]error{
		`msg="Redis refuses commands" error="WRONGPASS invalid"`: answerOf("WRONGPASS invalid"),
		`msg="cannot reach Redis" error="context deadline`:       context.DeadlineExceeded,
		`msg="cannot reach Redis" error="redis`:                  job.Unavailable("redis", context.DeadlineExceeded),
		`msg="Redis refuses commands" error="dial: the sentinels know no master`: fmt.Errorf("dial: %w",
			job.Errorf(job.CodeUnavailable, "the sentinels know no master")),
	} {
		var book logBook
		b, fault := Open(Options{URL: "redis://:hunter2@127.0.0.1:1/2", Logger: slog.New(slog.NewTextHandler(&book, nil))})
		noError(t, fault)
		b.outage.failed(err)
		if line := book.String(); !strings.Contains(strings.ReplaceAll(line, "address=redis://127.0.0.1:1/2 ", ""), want) ||
			!strings.Contains(line, "address=redis://127.0.0.1:1/2") || strings.Contains(line, "hunter2") {
			t.Errorf("the line is %s, want %s", line, want)
		}
		noError(t, b.Close())
	}
}

// The eviction of a key is no outage: the stream is made anew.
func TestAnEvictedStreamIsMadeAnew(t *testing.T) {
	for text, want := range map[string]bool{"ERR no such key": true, "NOGROUP No such": true, "ERR unknown command": false} {
		if isNoGroup(answerOf(text)) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// Tasks of another program in the same Redis are called that, and not once for each of them.
func TestTasksOfAnotherProgram(t *testing.T) {
	if _, err := readTask("run:deliver+later", nil); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("a task of a newer version: %v", err)
	}
	if _, err := readTask("email:send", nil); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a task of another program: %v", err)
	}
	x := newBench(t)
	client := asynq.NewClientFromRedisClient(x.b.client)
	for range 5 {
		_, err := client.Enqueue(asynq.NewTask("email:send", nil))
		noError(t, err)
	}
	x.work(x.b, &calls{answer: done})
	eventually(t, "the tasks are left alone", func() bool {
		info, err := x.inspector.GetQueueInfo("default")
		return err == nil && info.Retry == 5
	})
	if n := x.log.count("another program"); n != 1 {
		t.Errorf("%d lines:\n%s", n, x.log)
	}
}
