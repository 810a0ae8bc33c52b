package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

const t0 = job.Instant(1_800_000_000_000)

// finder knows one key, and counts how often it is asked.
type finder struct {
	key   *Key
	away  bool
	asked int
}

func (f *finder) answer() error {
	f.asked++
	if f.away {
		return job.Unavailable("the database", errors.New("gone"))
	}
	if f.key == nil {
		return job.NotFound("key", "x")
	}
	return nil
}

func (f *finder) HasKeys(context.Context) (bool, error) {
	err := f.answer()
	if job.CodeOf(err) == job.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

func (f *finder) FindKey(_ context.Context, id string) (*Key, error) {
	if err := f.answer(); err != nil {
		return nil, err
	}
	if id != f.key.ID {
		return nil, job.NotFound("key", id)
	}
	return f.key, nil
}

func (f *finder) FindSession(_ context.Context, id string) (*Session, *Key, error) {
	return nil, nil, job.NotFound("session", id)
}

var home = netip.MustParseAddr("192.0.2.1")

// gateWithKey is a gate before one key, and a clock.
func gateWithKey(open bool) (g *Gate, f *finder, token Token, now *job.Instant) {
	token = NewToken(KindKey)
	f = &finder{key: &Key{ID: token.ID, Scope: Write, Hash: token.Hash()}}
	at := t0
	return NewGate(f, GateOptions{Now: func() job.Instant { return at }, Open: open}), f, token, &at
}

func enter(t *testing.T, g *Gate, text string) (Scope, job.Code) {
	t.Helper()
	guest, err := g.Enter(t.Context(), KindKey, text, home)
	if err != nil {
		return "", job.CodeOf(err)
	}
	return guest.Scope, ""
}

// A key that was good a moment ago is not looked up again; while the database is away, not for longer.
func TestGateRemembers(t *testing.T) {
	g, f, token, now := gateWithKey(false)
	want := func(scope Scope, code job.Code, asked int) {
		t.Helper()
		gotScope, gotCode := enter(t, g, token.Text())
		if gotScope != scope || gotCode != code || f.asked != asked {
			t.Errorf("scope %q, code %q, asked %d times; want %q, %q, %d", gotScope, gotCode, f.asked, scope, code, asked)
		}
	}
	want(Write, "", 1)
	want(Write, "", 1)
	*now = now.Add(fresh)
	want(Write, "", 2)
	f.away = true
	*now = now.Add(time.Minute)
	want(Write, "", 3)
	*now = now.Add(stale)
	want("", job.CodeUnavailable, 4)
	f.away = false
	want(Write, "", 5)
	f.key = nil // another process deleted it
	*now = now.Add(fresh)
	want("", job.CodeUnauthorized, 6)
	f.away = true
	want("", job.CodeUnavailable, 7) // what was refused is not remembered as good
}

func TestGateForgets(t *testing.T) {
	g, f, token, _ := gateWithKey(false)
	enter(t, g, token.Text())
	f.key = nil
	g.Forget()
	if _, code := enter(t, g, token.Text()); code != job.CodeUnauthorized {
		t.Errorf("after the key was deleted: %q", code)
	}
}

// A gate stands open until there is a key, at most a moment longer, and only if it may.
func TestGateOpens(t *testing.T) {
	g, f, token, now := gateWithKey(true)
	key := f.key
	f.key = nil
	if scope, _ := enter(t, g, ""); scope != Admin {
		t.Errorf("it is not open: %q", scope)
	}
	f.key = key // another process made it
	*now = now.Add(fresh)
	if scope, code := enter(t, g, ""); scope != "" || code != "" {
		t.Errorf("it stays open: %q %q", scope, code)
	}
	if scope, _ := enter(t, g, token.Text()); scope != Write {
		t.Errorf("the key is refused: %q", scope)
	}
	shut, f, _, _ := gateWithKey(false)
	f.key = nil
	if scope, _ := enter(t, shut, ""); scope != "" {
		t.Errorf("a gate that may not is open: %q", scope)
	}
	unsure, f, _, _ := gateWithKey(true)
	f.away = true
	if _, code := enter(t, unsure, ""); code != job.CodeUnavailable {
		t.Errorf("a gate that does not know whether it is open: %q", code)
	}
}

// A program that goes on with a key that is no good is told so, and keeps nobody else out.
func TestRepeatedKeyIsOneGuess(t *testing.T) {
	g, f, token, _ := gateWithKey(false)
	gone := NewToken(KindKey).Text()
	for range 100 {
		if _, code := enter(t, g, gone); code != job.CodeUnauthorized {
			t.Fatal(code)
		}
	}
	if scope, _ := enter(t, g, token.Text()); scope != Write {
		t.Error("a good key is kept out")
	}
	for range 20 { // different ones are guesses
		enter(t, g, NewToken(KindKey).Text())
	}
	if _, code := enter(t, g, NewToken(KindKey).Text()); code != job.CodeRateLimited {
		t.Errorf("a guess too many: %q", code)
	}
	f.asked = 0
	if _, code := enter(t, g, "sk_guess"); code != job.CodeRateLimited || f.asked != 0 {
		t.Errorf("what was never a key: %q, and the database is asked %d times", code, f.asked)
	}
	g.Forget() // somebody else has logged out
	if scope, _ := enter(t, g, token.Text()); scope != Write {
		t.Error("a good key that is not remembered is kept out by the guesses")
	}
}

// What the gate remembers is bounded, whoever calls.
func TestGateIsBounded(t *testing.T) {
	g, _, _, _ := gateWithKey(false)
	for i := range 5 * known {
		from := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		_, _ = g.Enter(t.Context(), KindKey, fmt.Sprint("guess ", i), from)
		_, _ = g.Enter(t.Context(), KindKey, NewToken(KindKey).Text(), from)
	}
	for name, n := range map[string]int{
		"tokens let in": len(g.let.younger) + len(g.let.older), "bad tokens": len(g.bad.younger) + len(g.bad.older),
		"addresses": len(g.failures.younger) + len(g.failures.older),
	} {
		if n > 2*known {
			t.Errorf("%d %s are remembered", n, name)
		}
	}
}

func TestNetworks(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.2", false}, {"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:2", true}, {"2001:db8::1", "2001:db8:0:1::1", false}, {"fe80::1%eth0", "fe80::2", true},
	} {
		if got := network(netip.MustParseAddr(c.a)) == network(netip.MustParseAddr(c.b)); got != c.same {
			t.Errorf("%s and %s: %t", c.a, c.b, got)
		}
	}
	if network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}
