package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// testCheckSealed: of the secrets and of the jobs as they are, those that a key does not open are counted.
func testCheckSealed(t *testing.T, b *bundle) {
	check := func(want Sealed) {
		t.Helper()
		got, err := b.CheckSealed(t.Context(), func(place, sealed string) (string, error) {
			if sealed != "ours:"+place {
				return "", errors.New("another key")
			}
			return "text", nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "the sealed texts", got, want)
	}
	check(Sealed{})

	const jobs = resealBatch + 5
	for i := range jobs {
		id := fmt.Sprintf("j%03d", i)
		b.create(newJob(id, func(j *job.Job) {
			j.Request.Sealed = map[string]string{"auth.password": "ours:job/" + id + "/auth.password", "auth.token": "theirs"}
		}))
	}
	b.create(newJob("open"))
	for name, sealed := range map[string]string{"A": "ours:secret/A", "B": "theirs", "C": "ours:secret/A"} {
		if _, _, err := b.PutSecret(t.Context(), &job.SecretChange{Name: name, Sealed: sealed}, t0); err != nil {
			t.Fatal(err)
		}
	}
	b.create(newJob("uses", func(j *job.Job) { j.Request.Headers = map[string]string{"X-Key": "{{ secret.A }}"} }))
	check(Sealed{All: 2*jobs + 3, Shut: jobs + 2, First: "secret/B: another key"})

	// What was written anew opens. What was there before is no job's any more, though runs may follow it.
	b.claimAll(t0)
	for i := range jobs {
		b.change(fmt.Sprintf("j%03d", i), func(j *job.Job) { j.Request.Sealed = nil })
	}
	for _, name := range []string{"B", "C"} {
		if _, _, err := b.PutSecret(t.Context(), &job.SecretChange{Name: name, Sealed: "ours:secret/" + name}, t0); err != nil {
			t.Fatal(err)
		}
	}
	var before int
	if err := b.r.Get(&before, "SELECT count(*) FROM definitions WHERE secrets LIKE '%theirs%'"); err != nil || before == 0 {
		t.Fatalf("%d definitions of before, %v", before, err)
	}
	check(Sealed{All: 3})

	// One that cannot be read holds up no other.
	if _, err := b.w.Exec("UPDATE definitions SET secrets = '{' WHERE secrets IS NOT NULL"); err != nil {
		t.Fatal(err)
	}
	check(Sealed{All: 3})

	closed := b.open()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := closed.CheckSealed(t.Context(), nil); job.CodeOf(err) != job.CodeUnavailable || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("a closed store says %v", err)
	}
}
