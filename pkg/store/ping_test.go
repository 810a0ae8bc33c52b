package store

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// A SQLite file that can be read and not written is no database to rely on.
func TestPingAsksForAWrite(t *testing.T) {
	t.Parallel()
	b := newBundle(t, "sqlite://"+t.TempDir()+"/jobs.db")
	if err := b.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.probe.asked = time.Time{}
	if _, err := b.w.Exec("PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if err := b.Ping(t.Context()); job.CodeOf(err) != job.CodeUnavailable || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("read-only: %v", err)
	}
	if _, err := b.w.Exec("PRAGMA query_only = 0"); err != nil {
		t.Fatal(err)
	}
	b.probe.asked = time.Time{}
	other := b.open()
	tx, err := other.w.Begin()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := b.Ping(ctx); job.CodeOf(err) != job.CodeUnavailable {
		t.Errorf("locked: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	b.probe.asked = time.Time{}
	if err := b.Ping(t.Context()); err != nil {
		t.Errorf("mended: %v", err)
	}
}

// A database that may not grow refuses as one on a full disk does: what is there
// stays whole and readable, and all goes on when there is room.
func TestNoRoomToGrow(t *testing.T) {
	b := newBundle(t, "sqlite://"+t.TempDir()+"/jobs.db")
	b.create(newJob("a"))
	var pages int
	if err := b.w.Get(&pages, "PRAGMA page_count"); err != nil {
		t.Fatal(err)
	}
	limit := func(pages int) {
		var got int
		if err := b.w.Get(&got, "PRAGMA max_page_count = "+strconv.Itoa(pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages)
	big := newJob("big", func(j *job.Job) { j.Request.Body = job.Body(strings.Repeat("x", 1<<20)) })
	err := b.CreateJob(t.Context(), big)
	if job.CodeOf(err) != job.CodeUnavailable || !strings.Contains(err.Error(), "its disk is full") {
		t.Fatalf("got %v", err)
	}
	b.get("a")
	limit(1 << 30)
	b.create(big)
	if got := b.claimAll(t0); len(got.Tasks) != 2 {
		t.Errorf("%d jobs were claimed", len(got.Tasks))
	}
	var verdict string
	if err := b.w.Get(&verdict, "PRAGMA integrity_check"); err != nil || verdict != "ok" {
		t.Errorf("the database is damaged: %q, %v", verdict, err)
	}
}
