package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// testReseal seals by writing the key's name in front of the text.
func testReseal(t *testing.T, b *bundle) {
	const jobs = resealBatch + 5
	for i := range jobs {
		b.create(newJob(fmt.Sprintf("j%03d", i), func(j *job.Job) {
			j.Request.Sealed = map[string]string{"auth.password": "old:p", "auth.token": "new:t"}
		}))
	}
	b.create(newJob("open"))
	for _, name := range []string{"A", "B"} {
		_, _, err := b.PutSecret(t.Context(), &job.SecretChange{Name: name, Sealed: "old:" + name}, t0)
		if err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := b.PutSecret(t.Context(), &job.SecretChange{Name: "LOST", Sealed: "lost:x"}, t0)
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]int{}
	reseal := func(place, sealed string) (string, error) {
		places[place]++
		if strings.HasPrefix(sealed, "lost:") {
			return "", errors.New("no key")
		}
		return "new:" + sealed[4:], nil
	}
	done, err := b.Reseal(t.Context(), reseal)
	if err != nil {
		t.Fatal(err)
	}
	if done.Anew != jobs+2 || done.Kept != jobs || done.Failed != 1 || !slices.Equal(done.Faults, []string{"secret/LOST: no key"}) {
		t.Errorf("%+v", done)
	}
	if len(places) != 2*jobs+3 || slices.Max(slices.Collect(maps.Values(places))) != 1 || places["job/j007/auth.token"] != 1 {
		t.Errorf("%d places were asked for", len(places))
	}
	j := b.get("j204")
	if j.Request.Sealed["auth.password"] != "new:p" || j.Request.Sealed["auth.token"] != "new:t" || j.Version != 1 {
		t.Errorf("version %d, %v", j.Version, j.Request.Sealed)
	}
	// One that cannot be read holds up no other.
	if _, err := b.w.Exec("UPDATE definitions SET secrets = '{' WHERE job_id = 'j000'"); err != nil {
		t.Fatal(err)
	}
	done, err = b.Reseal(t.Context(), reseal)
	if err != nil {
		t.Fatal(err)
	}
	if done.Anew != 0 || done.Kept != 2*(jobs-1)+2 || done.Failed != 2 {
		t.Errorf("the second time: %+v", done)
	}
}
