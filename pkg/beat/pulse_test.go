package beat

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A beat is ready when it has fired, and not while it cannot enqueue what is due.
func TestABeatIsReadyWhileItFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b, err := New(w.store, w, w, Options{Now: w.now})
		if err != nil {
			t.Fatal(err)
		}
		says := func(when, want string) {
			t.Helper()
			if err := b.Check(t.Context()); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", when, err, want)
			}
		}
		says("before", "not begun yet")
		ended := make(chan error, 1)
		go func() { ended <- b.Run(t.Context()) }()
		time.Sleep(2 * time.Second)
		says("resting", "")
		w.register("a", `{"type":"interval","every":"1s"}`, "")
		w.setAway(true)
		time.Sleep(20 * time.Second)
		says("with what is due in its hands", "failing for")
		w.setAway(false)
		time.Sleep(5 * time.Second)
		says("well again", "")
		synctest.Wait()
	})
}

// A beat whose clock is off fires nothing, and says so; what fell due meanwhile is fired when it is right again.
func TestABeatWithAWrongClockFiresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.clockOff.Store(true)
		w.register("a", `{"type":"interval","every":"1s"}`, "")
		b, err := New(w.store, w, w, Options{Now: w.now})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- b.Run(t.Context()) }()
		time.Sleep(20 * time.Second)
		if n := len(w.deliveries()); n > 0 {
			t.Errorf("%d runs were enqueued", n)
		}
		if err := b.Check(t.Context()); err == nil {
			t.Error("it is ready")
		}
		w.clockOff.Store(false)
		time.Sleep(5 * time.Second)
		if len(w.deliveries()) == 0 || b.Check(t.Context()) != nil {
			t.Error("it does not fire with the right clock")
		}
	})
}
