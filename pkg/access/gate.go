package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"schedule-server/pkg/job"
)

const (
	// fresh is how long the gate goes by what the database said: a key that is
	// made or deleted by another process counts after that long everywhere.
	fresh = time.Second
	// stale is how long it goes by it while the database does not answer.
	stale = 10 * time.Minute
	// known is how many tokens, and how many addresses, half of the memory holds.
	known = 4096
	// strainedLookups is how many tokens of addresses that have used up their failures are looked up at once, so that
	// a flood of guesses takes no more of the database than that.
	strainedLookups = 2
	// strainedWait is the longest such a token waits for its turn.
	strainedWait = 5 * time.Second
)

// Finder looks up what a token stands for. Errors are *job.Error:
// job.CodeNotFound where there is no such thing.
type Finder interface {
	// HasKeys reports whether there is any key, an expired one included.
	HasKeys(ctx context.Context) (bool, error)
	// FindKey reads a key.
	FindKey(ctx context.Context, id string) (*Key, error)
	// FindSession reads a session and its key.
	FindSession(ctx context.Context, id string) (*Session, *Key, error)
}

// GateOptions are what a Gate needs beside the database.
type GateOptions struct {
	// Now is the clock. Required.
	Now func() job.Instant
	// Open lets everybody do everything as long as no key was made.
	Open bool
}

// Gate tells who is let in. It is safe for concurrent use.
type Gate struct {
	keys Finder
	now  func() job.Instant
	open bool

	mu sync.Mutex
	// let are the tokens that were good when they were last looked up.
	let *bounded[fingerprint, guest]
	// empty is whether there was no key when that was last looked up.
	empty     bool
	emptyAt   job.Instant
	emptyRead bool
	// epoch counts the changes that this process made: what was read before one is not kept after it.
	epoch int
	// used is when keys were used that the database does not know of yet.
	used map[string]job.Instant
	// bad are tokens of the right form that were shown and not good: showing one again is no further guess.
	bad *bounded[fingerprint, struct{}]
	// failures are the addresses that showed bad tokens, and how many more they may.
	failures *bounded[netip.Prefix, *rate.Limiter]
	// strained are the lookups for addresses that have used up their failures.
	strained *semaphore.Weighted
}

// fingerprint identifies a token in memory without holding its text. It covers the kind, so a token of one kind is
// never found when it is shown as another.
type fingerprint [sha256.Size]byte

func fingerprintOf(kind Kind, text string) fingerprint {
	return sha256.Sum256([]byte(string(kind) + "\x00" + text))
}

// guest is a bearer of a good token.
type guest struct {
	Guest
	seen job.Instant
}

// Guest is who was let in.
type Guest struct {
	// Scope is what they may do. The zero value: nothing, no key was shown.
	Scope Scope
	// Key is theirs. Nil: there is none, because none was shown or because the gate is open.
	Key *Key
	// Session is the id of the login. Empty: the key itself was shown.
	Session string
	// ExpiresAt is when they are let in no longer. Nil: never.
	ExpiresAt *job.Instant
}

// Open reports whether they were let in because there is no key yet.
func (g *Guest) Open() bool { return g.Key == nil && g.Scope != "" }

// NewGate makes a gate.
func NewGate(keys Finder, o GateOptions) *Gate {
	return &Gate{keys: keys, now: o.Now, open: o.Open, used: map[string]job.Instant{},
		let: newBounded[fingerprint, guest](known), bad: newBounded[fingerprint, struct{}](known),
		failures: newBounded[netip.Prefix, *rate.Limiter](known), strained: semaphore.NewWeighted(strainedLookups)}
}

// Open reports whether the gate stands open to everybody: it may, and there is
// no key. The error is job.CodeUnavailable.
func (g *Gate) Open(ctx context.Context) (bool, error) {
	if !g.open {
		return false, nil
	}
	g.mu.Lock()
	now, epoch := g.now(), g.epoch
	empty, at, read := g.empty, g.emptyAt, g.emptyRead
	g.mu.Unlock()
	if read && within(at, now, fresh) {
		return empty, nil
	}
	has, err := g.keys.HasKeys(ctx)
	if err != nil {
		if read && job.CodeOf(err) == job.CodeUnavailable {
			return empty, nil
		}
		return false, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.epoch == epoch {
		g.empty, g.emptyAt, g.emptyRead = !has, now, true
	}
	return !has, nil
}

// Enter tells who shows a token, whose text may be empty, from an address. The
// error is job.CodeUnauthorized for one that is not good, job.CodeRateLimited
// with a TooMany when too many were not, job.CodeUnavailable.
func (g *Gate) Enter(ctx context.Context, kind Kind, text string, from netip.Addr) (Guest, error) {
	open, err := g.Open(ctx)
	switch {
	case err != nil:
		return Guest{}, err
	case open:
		return Guest{Scope: Admin}, nil
	case text == "":
		return Guest{}, nil
	}
	now := g.now()
	fp := fingerprintOf(kind, text)
	token, formed := ParseToken(kind, text)
	if !formed {
		return Guest{}, g.failed(fp, false, from, now, refused(kind))
	}
	g.mu.Lock()
	kept, ok := g.let.get(fp)
	epoch := g.epoch
	wait := g.waitOf(from, now)
	g.mu.Unlock()
	ok = ok && within(kept.seen, now, stale)
	if !ok || !within(kept.seen, now, fresh) {
		found, err := g.lookUp(ctx, token, now, wait)
		switch code := job.CodeOf(err); {
		case err == nil:
			kept = guest{found, now}
			g.keep(fp, kept, epoch)
		case code == job.CodeUnauthorized:
			return Guest{}, g.failed(fp, true, from, now, err)
		case !ok || code != job.CodeUnavailable:
			return Guest{}, err
		}
	}
	if kept.ExpiresAt != nil && *kept.ExpiresAt <= now {
		return Guest{}, expired(kind)
	}
	g.use(kept.Key.ID, now)
	return kept.Guest, nil
}

// waitOf is how long an address has to wait before it may show another bad token; zero: not at all. The caller holds mu.
func (g *Gate) waitOf(from netip.Addr, now job.Instant) time.Duration {
	bucket, counted := g.failures.get(network(from))
	if !counted {
		return 0
	}
	return waitOf(bucket, now)
}

// lookUp finds a token. An address that has used up its failures (wait is not zero) still has its good tokens
// found, a few at a time: whoever shows bad ones there must not keep out the others.
func (g *Gate) lookUp(ctx context.Context, token Token, now job.Instant, wait time.Duration) (Guest, error) {
	if wait > 0 {
		turn, stop := context.WithTimeout(ctx, strainedWait)
		defer stop()
		if g.strained.Acquire(turn, 1) != nil {
			return Guest{}, tooMany(wait)
		}
		defer g.strained.Release(1)
	}
	return g.find(ctx, token, now)
}

func within(at, now job.Instant, d time.Duration) bool {
	return at <= now && now < at.Add(d)
}

// find looks a token up in the database.
func (g *Gate) find(ctx context.Context, token Token, now job.Instant) (Guest, error) {
	kind := token.Kind
	var key *Key
	var err error
	guest := Guest{}
	hash := ""
	if kind == KindSession {
		var session *Session
		if session, key, err = g.keys.FindSession(ctx, token.ID); err == nil {
			guest.Session, guest.ExpiresAt, hash = session.ID, &session.ExpiresAt, session.Hash
		}
	} else if key, err = g.keys.FindKey(ctx, token.ID); err == nil {
		hash = key.Hash
	}
	switch {
	case job.CodeOf(err) == job.CodeNotFound, err == nil && !token.Matches(hash):
		return Guest{}, refused(kind)
	case err != nil:
		return Guest{}, err
	}
	guest.Key, guest.Scope = key, key.Scope
	if key.ExpiresAt != nil && (guest.ExpiresAt == nil || *key.ExpiresAt < *guest.ExpiresAt) {
		guest.ExpiresAt = key.ExpiresAt
	}
	if guest.ExpiresAt != nil && *guest.ExpiresAt <= now {
		return Guest{}, expired(kind)
	}
	return guest, nil
}

func refused(kind Kind) error {
	if kind == KindSession {
		return job.Errorf(job.CodeUnauthorized, "this login has ended: log in again")
	}
	return job.Errorf(job.CodeUnauthorized, "there is no such key")
}

func expired(kind Kind) error {
	if kind == KindSession {
		return refused(kind)
	}
	return job.Errorf(job.CodeUnauthorized, "the key has expired")
}

// keep remembers a good token, unless keys changed since it was looked up.
func (g *Gate) keep(fp fingerprint, who guest, epoch int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.epoch == epoch {
		g.let.put(fp, who)
	}
}

// failed counts a token that was not good, and answers what its bearer is told. One of the right form is counted
// once: a program that goes on with a key that was deleted must not keep people at its address from logging in.
func (g *Gate) failed(fp fingerprint, formed bool, from netip.Addr, now job.Instant, why error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.let.drop(fp) // it may have been good before
	if _, repeated := g.bad.get(fp); repeated {
		return why
	}
	if formed {
		g.bad.put(fp, struct{}{})
	}
	bucket, ok := g.failures.get(network(from))
	if !ok {
		bucket = rate.NewLimiter(rate.Every(failureEvery), failureBurst)
		g.failures.put(network(from), bucket)
	}
	if !bucket.AllowN(now.Time(), 1) {
		return tooMany(waitOf(bucket, now))
	}
	return why
}

// Forget drops what the gate remembers: keys or sessions have changed.
func (g *Gate) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.epoch++
	g.let.clear()
	g.emptyRead = false
}

// use notes that a key was used.
func (g *Gate) use(id string, now job.Instant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used[id] = now
}

// LastUse is when a key was used last that the database does not know of yet.
func (g *Gate) LastUse(id string) (job.Instant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.used[id]
	return at, ok
}

// takeUsed takes what was noted since it was taken before.
func (g *Gate) takeUsed() map[string]job.Instant {
	g.mu.Lock()
	defer g.mu.Unlock()
	used := g.used
	g.used = map[string]job.Instant{}
	return used
}

// TooMany says how long somebody has to wait.
type TooMany struct{ Wait time.Duration }

// Error says it in words.
func (t TooMany) Error() string { return "wait " + t.Wait.String() }

func tooMany(wait time.Duration) error {
	return &job.Error{Code: job.CodeRateLimited, Detail: "too many keys from your address were not good: wait a little", Err: TooMany{wait}}
}

// WaitOf is how long the caller of an error has to wait; zero for any other error.
func WaitOf(err error) time.Duration {
	var many TooMany
	if errors.As(err, &many) {
		return many.Wait
	}
	return 0
}
