package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"schedule-server/pkg/job"
)

func testOpenReadOnly(t *testing.T, b *bundle) {
	b.create(newJob("a"), newJob("b", func(j *job.Job) { j.Name = "B" }), newJob("c"))
	s, err := OpenReadOnly(t.Context(), b.url, Options{})
	if err != nil || s == nil {
		t.Fatalf("%v, %v", s, err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, reader := range []*Store{s, b.Store} {
		got, err := reader.PickJobs(t.Context(), job.Pick{IDs: []string{"c", "none", "b"}}, t0)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "picked", idsOf(got), []string{"b", "c"})
		wantEqual(t, "whole", got[0].Name, "B")
		got, err = reader.PickJobs(t.Context(), job.Pick{IDs: []string{"c"}, Others: true}, t0)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, "picked with the others", idsOf(got), []string{"a", "b", "c"})
		if got, err = reader.PickJobs(t.Context(), job.Pick{}, t0); len(got) > 0 || err != nil {
			t.Errorf("of nothing: %v, %v", got, err)
		}
	}

	if _, err := b.w.Exec("DELETE FROM goose_db_version WHERE version_id > 9"); err != nil {
		t.Fatal(err)
	}
	old, err := OpenReadOnly(t.Context(), b.url, Options{})
	if wantCode(t, err, job.CodeConflict); old != nil {
		t.Error("a schema that lacks columns is read")
	}
	if _, err := b.w.Exec("DROP TABLE goose_db_version"); err != nil {
		t.Fatal(err)
	}
	if none, err := OpenReadOnly(t.Context(), b.url, Options{}); none != nil || err != nil {
		t.Errorf("without a schema: %v, %v", none, err)
	}
}

// TestOpenReadOnlyWritesNothing compares the folder before and after: without a database, with one at rest, in use and left by a crash.
func TestOpenReadOnlyWritesNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	url := "sqlite://" + filepath.Join(folder, "schedule.db")
	look := func(when string, jobs int) {
		t.Helper()
		before := filesIn(t, folder)
		s, err := OpenReadOnly(t.Context(), url, Options{})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		n := -1
		if s != nil {
			got, err := s.PickJobs(t.Context(), job.Pick{Others: true}, t0)
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			n = len(got)
			if err := s.Close(); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
		}
		if after := filesIn(t, folder); n != jobs || !maps.Equal(before, after) {
			t.Errorf("%s: %d jobs, and the folder went from\n%v to\n%v", when, n, before, after)
		}
	}
	look("without a folder", -1)
	b := newBundle(t, url)
	b.create(newJob("a"))
	look("in use", 1)
	crashed := filesIn(t, folder)
	for name := range crashed { // as a crash leaves it: the log is not written back
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(folder+"2", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder+"2", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	look("at rest", 1)
	resting, err := OpenReadOnly(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b = newBundle(t, url)
	_, err = resting.PickJobs(t.Context(), job.Pick{Others: true}, t0)
	wantCode(t, err, job.CodeConflict) // somebody else has it now
	if err := errors.Join(resting.Close(), b.Close()); err != nil {
		t.Fatal(err)
	}
	folder += "2"
	url = "sqlite://" + filepath.Join(folder, "schedule.db")
	look("after a crash", 1)
	if err := os.WriteFile(filepath.Join(folder, "empty.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	url = "sqlite://" + filepath.Join(folder, "empty.db")
	look("an empty file", -1)
}

// filesIn are the files of a folder with what is in them. The index of a log in use, -shm, is left out: its locks are in it.
func filesIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = fmt.Sprintf("%d %x", len(data), sha256.Sum256(data))
		if filepath.Ext(e.Name()) == ".db-shm" {
			found[e.Name()] = "an index"
		}
	}
	return found
}
