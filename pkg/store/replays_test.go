package store

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

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

// Of one caller's calls only so many are remembered, and only so many bytes of their answers; those of others stay.
func testManyReplays(t *testing.T, b *bundle) {
	fill := func(actor string, calls, size int) {
		t.Helper()
		answer := job.Answer{Status: 201, Body: strings.Repeat("x", size)}
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		err = b.write(t.Context(), "fill", func(tx *sqlx.Tx) error {
			_, err := execute(t.Context(), tx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :calls)
				INSERT INTO replays (actor, key, fingerprint, created_at, answer)
				SELECT CAST(:actor AS TEXT), 'k' || i, 'f', CAST(:at AS BIGINT) + i, CAST(:answer AS TEXT) FROM n`,
				args{"calls": calls, "actor": actor, "at": int64(t0), "answer": string(text)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	left := func(actor string) (n int, oldest string) {
		t.Helper()
		// One call in trimEvery looks; the last of these keys is one.
		at := t0.Add(time.Hour)
		for i := range 10 * trimEvery {
			key := fmt.Sprint("new", i)
			if crc32.ChecksumIEEE([]byte(key))%trimEvery != 0 {
				continue
			}
			if _, err := b.BeginReplay(t.Context(), job.Replay{Actor: actor, Key: key, Fingerprint: "f", At: at}); err != nil {
				t.Fatal(err)
			}
			break
		}
		if err := b.w.Get(&n, b.w.Rebind("SELECT count(*) FROM replays WHERE actor = ?"), actor); err != nil {
			t.Fatal(err)
		}
		if err := b.w.Get(&oldest, b.w.Rebind("SELECT key FROM replays WHERE actor = ? ORDER BY created_at LIMIT 1"), actor); err != nil {
			t.Fatal(err)
		}
		return n, oldest
	}
	fill("quiet", 3, 10)
	fill("busy", replaysOfActor+5, 10)
	if n, oldest := left("busy"); n != replaysOfActor+1 || oldest != "k6" {
		t.Errorf("%d calls are left, the oldest %s", n, oldest)
	}
	const size = 1 << 20
	fill("wordy", 70, size)
	if n, _ := left("wordy"); n != replayBytesOfActor/(size+100)+1 {
		t.Errorf("%d large answers are left", n)
	}
	if n, _ := left("quiet"); n != 4 {
		t.Errorf("%d calls of another are left", n)
	}
}
