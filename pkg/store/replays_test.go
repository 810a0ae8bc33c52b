package store

import (
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
