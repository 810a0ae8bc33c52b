package store

import (
	"fmt"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func testReplays(t *testing.T, b *bundle) {
	ctx := t.Context()
	begin := func(r job.Replay) (*job.Answer, error) { return b.BeginReplay(ctx, r) }
	r := job.Replay{Actor: "me", Key: "k", Fingerprint: "f", At: t0}
	if a, err := begin(r); a != nil || err != nil {
		t.Fatal(a, err)
	}
	_, err := begin(r)
	wantCode(t, err, job.CodeConflict)
	other := r
	other.Actor = "you"
	if a, err := begin(other); a != nil || err != nil {
		t.Fatal(a, err)
	}
	want := &job.Answer{Status: 201, Headers: map[string]string{"ETag": `"1"`}, Body: "ü"}
	if err := b.EndReplay(ctx, r, want); err != nil {
		t.Fatal(err)
	}
	got, err := begin(r)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the answer", got, want)
	changed := r
	changed.Fingerprint = "g"
	_, err = begin(changed)
	wantCode(t, err, job.CodeInvalid)

	// A call that failed may be made again, one whose process died after a while.
	if err := b.EndReplay(ctx, other, nil); err != nil {
		t.Fatal(err)
	}
	for _, at := range []job.Instant{t0 + 1, t0.Add(replayUnderWay + time.Second)} {
		other.At = at
		if a, err := begin(other); a != nil || err != nil {
			t.Fatal(a, err)
		}
	}
	r.At = t0.Add(replayKept)
	if a, err := begin(r); a != nil || err != nil {
		t.Fatal("after a day:", a, err)
	}
}

// What is older than a day goes with later calls, whoever made them.
func testOldReplays(t *testing.T, b *bundle) {
	const old = replaysPruned + 10
	begin := func(key string, at job.Instant) (left int) {
		t.Helper()
		if _, err := b.BeginReplay(t.Context(), job.Replay{Actor: "me", Key: key, Fingerprint: "f", At: at}); err != nil {
			t.Fatal(err)
		}
		if err := b.w.Get(&left, "SELECT count(*) FROM replays"); err != nil {
			t.Fatal(err)
		}
		return left
	}
	for i := range old {
		begin(fmt.Sprint("old ", i), t0)
	}
	later := t0.Add(replayKept)
	if left := begin("young", later-1); left != old+1 {
		t.Errorf("within a day %d calls are left", left)
	}
	if left := begin("one", later); left != old-replaysPruned+2 {
		t.Errorf("after one call %d are left", left)
	}
	if left := begin("two", later); left != 3 {
		t.Errorf("after two calls %d are left", left)
	}
}
