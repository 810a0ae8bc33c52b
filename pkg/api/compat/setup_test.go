package compat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/api/compat"
	"schedule-server/pkg/job"
	"schedule-server/pkg/queue"
	"schedule-server/pkg/service"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// bundle is the API over an empty store, with a clock that a test sets.
type bundle struct {
	app  *fiber.App
	jobs *memory // nil over the real service
	now  job.Instant
	logs bytes.Buffer
}

// setup keeps the jobs in memory.
func setup(tb testing.TB) *bundle {
	b := &bundle{}
	b.jobs = &memory{jobs: map[string]job.Job{}, now: b.clock}
	b.serve(b.jobs)
	return b
}

// setupService keeps them as the product does: by the service, in a database, beside a queue.
func setupService(tb testing.TB) *bundle {
	tb.Helper()
	b := &bundle{}
	db, err := store.Open(tb.Context(), "sqlite://"+filepath.Join(tb.TempDir(), "test.db"), store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	redis, err := queue.NewEmbedded()
	if err != nil {
		tb.Fatal(err)
	}
	broker, err := queue.Open(queue.Options{URL: redis.URL(), Now: b.clock, Name: "test:1"})
	if err != nil {
		tb.Fatal(err)
	}
	service := service.New(db, broker, service.Options{Now: b.clock})
	tb.Cleanup(func() {
		err := service.Wait(context.Background())
		if err = errors.Join(err, broker.Close(), db.Close()); err != nil {
			tb.Error(err)
		}
		redis.Close()
	})
	b.serve(service)
	return b
}

func (b *bundle) clock() job.Instant { return b.now }

func (b *bundle) serve(jobs compat.Jobs) {
	b.now = trigger.InstantOf(time.Date(2026, 11, 23, 2, 4, 44, 0, time.UTC))
	b.app = fiber.New(fiber.Config{Immutable: true})
	handler := compat.New(jobs, compat.Options{Now: b.clock, Logger: slog.New(slog.NewTextHandler(&b.logs, nil))})
	handler.Mount(b.app)
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	body string
}

// call makes a request; headers are pairs of name and value.
func (b *bundle) call(tb testing.TB, method, target, body string, headers ...string) reply {
	tb.Helper()
	request := httptest.NewRequest(method, "http://service.test"+target, strings.NewReader(body))
	request.RequestURI = target // the path alone, or the Host header would be left out
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.app.Test(request, -1)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, target, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply{response, string(text)}
}

// add posts a job of a kind.
func (b *bundle) add(tb testing.TB, kind, body string) reply {
	tb.Helper()
	return b.call(tb, "POST", "/scheduler/"+kind+"/add_job", body, "Content-Type", "application/json")
}

// with asks for one job by a path such as get_job.
func (b *bundle) with(tb testing.TB, method, path, id string) reply {
	tb.Helper()
	return b.call(tb, method, "/scheduler/"+path+"?job_id="+url.QueryEscape(id), "")
}

const (
	ok      = `{"success":true,"error":{"code":"","message":""},"data":{}}`
	unknown = `{"success":false,"error":{"code":"10013","message":"查询Job ID不存在"},"data":{}}`
)

// want fails the test unless the reply has a status and a body.
func (r reply) want(tb testing.TB, status int, body string) {
	tb.Helper()
	if r.StatusCode != status || r.body != body {
		tb.Errorf("answered %d %s\nwant     %d %s", r.StatusCode, r.body, status, body)
	}
}

// compact is JSON without white space.
func compact(tb testing.TB, text []byte) string {
	tb.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		tb.Fatalf("%v in %s", err, text)
	}
	return out.String()
}
