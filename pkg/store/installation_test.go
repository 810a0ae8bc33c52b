package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

func testInstallation(t *testing.T, b *bundle) {
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		s := b.open()
		all.Go(func() {
			var err error
			if ids[i], err = s.Installation(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("the ids are %q", ids)
		}
	}
}

// use asks whether a process may use a Redis, and returns the names of those that use another.
func (b *bundle) use(process, transport, before string) []string {
	b.t.Helper()
	others, err := b.UseTransport(b.t.Context(), job.TransportUse{
		TransportUser: job.TransportUser{Process: process, Role: "beat", Transport: transport}, Before: before, For: time.Minute})
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, other := range others {
		if other.Role != "beat" || other.Transport == "" {
			b.t.Errorf("%+v", other)
		}
		names = append(names, other.Process)
	}
	return names
}

// mayUse checks the answer to use.
func (b *bundle) mayUse(process, transport, before string, others ...string) {
	b.t.Helper()
	if got := b.use(process, transport, before); fmt.Sprint(got) != fmt.Sprint(others) {
		b.t.Fatalf("%s asks for %q: used with another Redis by %v, want %v", process, transport, got, others)
	}
}

// ages moves the end of what a process noted.
func (b *bundle) ages(process string, by time.Duration) {
	b.t.Helper()
	n, err := execute(b.t.Context(), b.w, "UPDATE transport_users SET until_at = until_at + :by WHERE process = :process",
		args{"process": process, "by": by.Milliseconds()})
	if err != nil || n != 1 {
		b.t.Fatal(n, err)
	}
}

func testTransports(t *testing.T, b *bundle) {
	if _, err := b.Installation(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("one Redis at a time", func(t *testing.T) {
		b.mayUse("a", "one", "")
		b.mayUse("b", "one", "")
		b.mayUse("a", "one", "one")
		b.mayUse("c", "two", "", "a", "b")
		b.mayUse("c", "", "", "a", "b") // it only asks
		b.mayUse("a", "one", "one")     // who was refused is in nobody's way
		if err := b.LeaveTransport(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		b.mayUse("c", "two", "", "b")
		b.ages("b", -2*time.Minute)
		b.mayUse("c", "two", "")
		b.mayUse("b", "one", "one", "c") // it was away for too long
		b.ages("c", time.Hour)           // the clock was set back since
		b.mayUse("b", "one", "")
		b.mayUse("c", "two", "two", "b")
		b.ages("b", -2*time.Minute)
	})
	t.Run("a Redis that lost its data", func(t *testing.T) {
		b.mayUse("a", "one", "")
		b.mayUse("b", "one", "")
		b.mayUse("dead", "one", "")
		b.mayUse("new", "again", "", "a", "b", "dead")
		b.mayUse("a", "again", "one") // it saw the id change
		b.mayUse("b", "again", "one")
		b.mayUse("new", "again", "")
		b.mayUse("b", "one", "", "a", "dead", "new") // it uses another Redis in truth
		b.mayUse("never noted", "other", "again", "a", "dead", "new")
	})
}

// Of two that ask at once for different ones exactly one may.
func testTransportsConcurrently(t *testing.T, b *bundle) {
	if _, err := b.Installation(t.Context()); err != nil {
		t.Fatal(err)
	}
	stores := []*Store{b.open(), b.open(), b.open(), b.open()}
	for round := range 20 {
		refused := make([]bool, len(stores))
		var all sync.WaitGroup
		for i, s := range stores {
			all.Go(func() {
				others, err := s.UseTransport(t.Context(), job.TransportUse{For: time.Minute,
					TransportUser: job.TransportUser{Process: fmt.Sprint(i), Role: "beat", Transport: fmt.Sprint("redis ", i)}})
				if err != nil {
					t.Error(err)
				}
				refused[i] = len(others) > 0
			})
		}
		all.Wait()
		admitted := 0
		for i, s := range stores {
			if !refused[i] {
				admitted++
			}
			if err := s.LeaveTransport(t.Context(), fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		if admitted != 1 {
			t.Fatalf("round %d: %d may use a Redis of their own", round, admitted)
		}
	}
}

// What processes noted that have ended is in nobody's way, where it is known that they have.
func testForgetTransports(t *testing.T, b *bundle) {
	if _, err := b.Installation(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.mayUse("dead", "one", "")
	for _, role := range []string{"another", "beat"} {
		b.mayUse("a", "two", "", "dead")
		if err := b.ForgetTransports(t.Context(), role); err != nil {
			t.Fatal(err)
		}
	}
	if b.d == postgres {
		b.mayUse("a", "two", "", "dead")
		return
	}
	b.mayUse("a", "two", "")
}
