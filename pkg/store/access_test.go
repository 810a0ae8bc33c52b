package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// by is a context in which a key acts.
func by(t *testing.T, id string) context.Context {
	return access.WithActor(t.Context(), access.Actor{ID: id, Name: "the " + id, Address: "192.0.2.1", RequestID: "r-" + id, At: t0})
}

func anyKeys([]access.Key) error { return nil }

func (b *bundle) addKey(id string, edit ...func(*access.Key)) *access.Key {
	b.t.Helper()
	k := &access.Key{ID: id, Name: "Name of " + id, Scope: access.Admin, Hash: "hash of " + id, CreatedAt: t0}
	for _, e := range edit {
		e(k)
	}
	if err := b.AddKey(b.t.Context(), k, anyKeys); err != nil {
		b.t.Fatal(err)
	}
	return k
}

func testKeys(t *testing.T, b *bundle) {
	has := func() bool {
		t.Helper()
		any, err := b.HasKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return any
	}
	if has() {
		t.Error("a new database has keys")
	}
	ends := t0.Add(time.Hour)
	first := b.addKey("first")
	second := b.addKey("second", func(k *access.Key) { k.CreatedAt, k.ExpiresAt, k.Scope, k.Name = t0+1, &ends, access.Read, `"ß` })
	if !has() {
		t.Error("there are no keys")
	}
	refusal := errors.New("no")
	seen := 0
	err := b.AddKey(t.Context(), &access.Key{ID: "third"}, func(existing []access.Key) error { seen = len(existing); return refusal })
	if err != refusal || seen != 2 {
		t.Errorf("%v, with %d keys", err, seen)
	}
	if err := b.RemoveKey(t.Context(), "first", t0, func([]access.Key) error { return refusal }); err != refusal {
		t.Error(err)
	}
	wantCode(t, b.AddKey(t.Context(), first, anyKeys), job.CodeConflict)
	used := t0.Add(time.Minute)
	for _, at := range []job.Instant{used, t0} { // the later stays
		if err := b.TouchKeys(t.Context(), map[string]job.Instant{"second": at, "none": at}); err != nil {
			t.Fatal(err)
		}
	}
	second.LastUsedAt = &used
	keys, err := b.ListKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the keys", keys, []access.Key{*first, *second})
	one, err := b.FindKey(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the key", one, second)
	for _, id := range []string{"none", "", "\x00", "\xff"} {
		_, err := b.FindKey(t.Context(), id)
		wantCode(t, err, job.CodeNotFound)
	}
	if err := b.RemoveKey(t.Context(), "second", t0, anyKeys); err != nil {
		t.Fatal(err)
	}
	_, err = b.FindKey(t.Context(), "second")
	wantCode(t, err, job.CodeNotFound)
}

// testKeysConcurrently lets many remove a key as long as another is there: one stays.
func testKeysConcurrently(t *testing.T, b *bundle) {
	stores := []*Store{b.Store, b.open()}
	const n = 6
	for i := range n {
		b.addKey(fmt.Sprint(i))
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			err := stores[i%2].RemoveKey(t.Context(), fmt.Sprint(i), t0, func(existing []access.Key) error {
				if len(existing) == 1 {
					return job.Errorf(job.CodeConflict, "the last")
				}
				return nil
			})
			if err != nil && job.CodeOf(err) != job.CodeConflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if keys, err := b.ListKeys(t.Context()); err != nil || len(keys) != 1 {
		t.Errorf("%d keys are left, %v", len(keys), err)
	}
}

func testSessions(t *testing.T, b *bundle) {
	key := b.addKey("key")
	add := func(id string, at job.Instant) *access.Session {
		s := &access.Session{ID: id, KeyID: "key", Hash: "hash of " + id, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
		if err := b.AddSession(by(t, "key"), s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := add("first", t0)
	session, of, err := b.FindSession(t.Context(), "first")
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the session", session, first)
	wantEqual(t, "its key", of, key)
	for i := range maxSessions { // the oldest makes room
		add(fmt.Sprint(i), t0.Add(time.Second))
	}
	missing := func(ids ...string) {
		t.Helper()
		for _, id := range ids {
			_, _, err := b.FindSession(t.Context(), id)
			wantCode(t, err, job.CodeNotFound)
		}
	}
	missing("first", "none", "\x00")
	for range 2 { // the second time is no error
		if err := b.RemoveSession(by(t, "key"), "0", t0); err != nil {
			t.Fatal(err)
		}
	}
	missing("0")
	add("late", t0.Add(time.Minute))
	if err := b.PruneAccess(t.Context(), t0.Add(time.Hour+2*time.Second), 0); err != nil {
		t.Fatal(err)
	}
	missing("1", "99")
	if _, _, err := b.FindSession(t.Context(), "late"); err != nil {
		t.Error(err)
	}
	if err := b.RemoveKey(t.Context(), "key", t0, anyKeys); err != nil {
		t.Fatal(err)
	}
	missing("late")
	if got := b.actions(access.EntryQuery{Action: access.ActionLogout}); len(got) != 1 || got[0] != "session.delete key by key" {
		t.Errorf("the logouts are %v", got)
	}
}

func (b *bundle) entries(q access.EntryQuery) access.EntryPage {
	b.t.Helper()
	if q.Limit == 0 {
		q.Limit = 500
	}
	page, err := b.ListEntries(b.t.Context(), q)
	if err != nil {
		b.t.Fatal(err)
	}
	return page
}

// actions are lines of the audit log in short, newest first.
func (b *bundle) actions(q access.EntryQuery) []string {
	b.t.Helper()
	var list []string
	for _, e := range b.entries(q).Entries {
		list = append(list, e.Action+" "+e.Target+" by "+e.Actor.ID)
	}
	return list
}

func testAuditJobs(t *testing.T, b *bundle) {
	j := newJob("a", func(j *job.Job) {
		j.Request.Headers = map[string]string{"X-Api-Key": "hunter2", "X-A": "1"}
		j.Request.URL = "http://user:hunter2@example.com/?token=hunter2"
	})
	if err := b.CreateJob(by(t, "key"), j); err != nil {
		t.Fatal(err)
	}
	change := func(ctx context.Context, edit func(*job.Job)) {
		t.Helper()
		clock := func() job.Instant { return t0 }
		if _, _, err := b.ChangeJob(ctx, "a", clock, func(old *job.Job, _ job.Instant) (*job.Job, error) {
			if edit == nil {
				return nil, nil
			}
			edit(old)
			return old, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	reason := "holidays"
	change(by(t, "key"), nil) // nothing changed, nothing is told
	change(by(t, "key"), func(j *job.Job) { j.Pause(nil, reason) })
	change(by(t, "key"), func(j *job.Job) {
		j.Status, j.PauseReason = job.StatusActive, nil
		next := t0
		j.NextRunAt, j.DueAt = &next, &next
	})
	change(t.Context(), func(j *job.Job) { j.Request.Headers["X-Api-Key"] = "hunter3"; j.Name = "new" })
	run := queuedRun("a", t0+1, t0)
	run.Trigger = job.TriggerManual
	if _, err := b.StartRun(by(t, "key"), "a", func(*job.Due) (*job.Run, error) { return &run, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := b.MarkCanceled(by(t, "key"), run.ID, t0); err != nil {
		t.Fatal(err)
	}
	_, _, err := b.ChangeJob(by(t, "key"), "a", func() job.Instant { return t0 }, func(*job.Job, job.Instant) (*job.Job, error) {
		return nil, errors.New("refused")
	})
	if err == nil {
		t.Fatal("not refused")
	}
	if _, err := b.DeleteJob(by(t, "key"), "a", 0, t0); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the log", b.actions(access.EntryQuery{}), []string{
		"job.delete a by key", "run.cancel " + run.ID + " by key", "job.run a by key", "job.update a by automatic",
		"job.resume a by key", "job.pause a by key", "job.create a by key"})

	page := b.entries(access.EntryQuery{Action: "job.update"})
	update := page.Entries[0]
	update.ID = 0
	wantEqual(t, "the update", update, access.Entry{At: update.At, Actor: access.Actor{ID: "automatic"}, Action: "job.update", Target: "a",
		Diff: []access.Change{
			{Field: "name", Before: []byte(`"Name of a"`), After: []byte(`"new"`)},
			{Field: "request.headers.X-Api-Key", Before: []byte(`"[redacted]"`), After: []byte(`"[redacted]"`)},
		}})
	pause := b.entries(access.EntryQuery{Action: "job.pause"}).Entries[0]
	if pause.Address != "192.0.2.1" || pause.RequestID != "r-key" || pause.Actor.Name != "the key" || pause.At != t0 {
		t.Errorf("the pause is told as %+v", pause)
	}
	for _, e := range b.entries(access.EntryQuery{}).Entries {
		if text := fmt.Sprintf("%s", e.Diff); strings.Contains(text, "hunter") {
			t.Errorf("a credential is told: %s", text)
		}
	}
}

func testAuditPages(t *testing.T, b *bundle) {
	for i := range 10 {
		actor := access.Actor{ID: []string{"k1", "k2"}[i%2], Name: []string{"one", "two"}[i%2]}
		e := access.NewEntry(t0.Add(time.Duration(i)*time.Second), actor, []string{"x", "y", "z"}[i%3], fmt.Sprint("t", i%5), access.Diff{})
		if err := b.AddEntry(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	since, until := t0.Add(3*time.Second), t0.Add(5*time.Second)
	for name, c := range map[string]struct {
		q    access.EntryQuery
		want int
	}{
		"all": {access.EntryQuery{}, 10}, "actor": {access.EntryQuery{Actor: "k1"}, 5}, "actor by name": {access.EntryQuery{Actor: "two"}, 5},
		"action": {access.EntryQuery{Action: "x"}, 4}, "target": {access.EntryQuery{Target: "t1"}, 2},
		"time": {access.EntryQuery{Since: &since, Until: &until}, 3}, "both": {access.EntryQuery{Actor: "k1", Action: "x"}, 2},
		"none": {access.EntryQuery{Target: "none"}, 0}, "hostile": {access.EntryQuery{Target: "\x00"}, 0},
	} {
		if got := len(b.entries(c.q).Entries); got != c.want {
			t.Errorf("%s: %d lines, want %d", name, got, c.want)
		}
	}
	var ids []int64
	q := access.EntryQuery{Limit: 3}
	for more := true; more; {
		page := b.entries(q)
		for _, e := range page.Entries {
			ids = append(ids, e.ID)
		}
		// What is new does not come into the pages that follow.
		if err := b.AddEntry(t.Context(), access.NewEntry(t0, access.Actor{ID: "k"}, "new", "new", access.Diff{})); err != nil {
			t.Fatal(err)
		}
		q.Cursor, more = page.NextCursor, page.NextCursor != ""
	}
	descending := slices.Clone(ids)
	slices.SortFunc(descending, func(a, b int64) int { return int(b - a) })
	if len(ids) != 10 || !slices.Equal(ids, descending) {
		t.Errorf("the pages hold %v", ids)
	}
	for _, text := range []string{"x", cursor{List: "runs", ID: "1"}.encode(), cursor{List: "audit", ID: "x"}.encode()} {
		_, err := b.ListEntries(t.Context(), access.EntryQuery{Limit: 1, Cursor: text})
		wantCode(t, err, job.CodeInvalid)
	}
}

// testAuditBounds drops what is old, and what is too much.
func testAuditBounds(t *testing.T, b *bundle) {
	add := func(target string, at job.Instant) {
		t.Helper()
		if err := b.AddEntry(t.Context(), access.NewEntry(at, access.Actor{ID: "k"}, "x", target, access.Diff{})); err != nil {
			t.Fatal(err)
		}
	}
	add("old", t0-1)
	add("kept", t0)
	if err := b.PruneAccess(t.Context(), t0, t0); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "by age", b.actions(access.EntryQuery{}), []string{"x kept by k"})
	// One who floods the log drives out none but their own lines.
	for i := range 5 {
		by := access.Actor{ID: "flood"}
		if err := b.AddEntry(t.Context(), access.NewEntry(t0, by, "x", fmt.Sprint("flood", i), access.Diff{})); err != nil {
			t.Fatal(err)
		}
	}
	add("kept too", t0)
	if err := b.boundAudit(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "by number", b.actions(access.EntryQuery{}), []string{"x kept too by k", "x flood4 by flood", "x flood3 by flood", "x kept by k"})
	if err := b.boundAudit(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "within the number", len(b.actions(access.EntryQuery{})), 4)
}
