package access

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"schedule-server/pkg/job"
)

// Store keeps keys, sessions and the audit log. Errors are *job.Error:
// job.CodeNotFound where there is no such thing.
type Store interface {
	Finder
	// ListKeys reads all keys, in the order in which they were made.
	ListKeys(ctx context.Context) ([]Key, error)
	// AddKey inserts a key unless admit, given those that there are, refuses. Nobody else changes keys meanwhile.
	AddKey(ctx context.Context, k *Key, admit func(existing []Key) error) error
	// RemoveKey deletes a key, and the sessions of it, unless release refuses.
	RemoveKey(ctx context.Context, id string, now job.Instant, release func(existing []Key) error) error
	// TouchKeys notes when keys were last used.
	TouchKeys(ctx context.Context, used map[string]job.Instant) error
	// AddSession inserts a session; only the latest of a key are kept.
	AddSession(ctx context.Context, s *Session) error
	// RemoveSession deletes a session.
	RemoveSession(ctx context.Context, id string, now job.Instant) error
	// PruneAccess deletes sessions that ended before now, and lines of the audit log from before the given moment.
	PruneAccess(ctx context.Context, now, auditBefore job.Instant) error
}

// How often a Keeper writes down when keys were used, and prunes.
const (
	touchEvery = time.Minute
	pruneEvery = time.Hour
)

// DefaultRetention is how long lines of the audit log are kept when nothing else is said.
const DefaultRetention = 365 * 24 * time.Hour

// Options are what a Keeper needs beside the database.
type Options struct {
	// Now is the clock. Required.
	Now func() job.Instant
	// Open lets everybody do everything as long as no key was made.
	Open bool
	// Retention is how long lines of the audit log are kept. Zero: DefaultRetention.
	Retention time.Duration
	// Logger takes what goes wrong behind the scenes. Nil: nothing is logged.
	Logger *slog.Logger
}

// Keeper gives keys out and takes them back. It is safe for concurrent use.
type Keeper struct {
	*Gate
	store     Store
	retention time.Duration
	logger    *slog.Logger
}

// NewKeeper makes a keeper of the keys in a store.
func NewKeeper(store Store, o Options) *Keeper {
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Keeper{Gate: NewGate(store, GateOptions{Now: o.Now, Open: o.Open}), store: store, retention: o.Retention, logger: o.Logger}
}

// Create makes a key and answers its token, whose text is not kept. The first
// key must have the scope admin and no end. The error is job.CodeInvalid with fields, or job.CodeConflict.
func (k *Keeper) Create(ctx context.Context, in KeyInput) (*Key, Token, error) {
	now := k.now()
	if err := in.check(now); err != nil {
		return nil, Token{}, err
	}
	token := NewToken(KindKey)
	key := &Key{ID: token.ID, Name: in.Name, Scope: in.Scope, Hash: token.Hash(), CreatedAt: now, ExpiresAt: in.ExpiresAt}
	defer k.Forget()
	if err := k.store.AddKey(ctx, key, func(existing []Key) error { return admit(existing, key) }); err != nil {
		return nil, Token{}, err
	}
	return key, token, nil
}

// List reads all keys, in the order in which they were made.
func (k *Keeper) List(ctx context.Context) ([]Key, error) {
	keys, err := k.store.ListKeys(ctx)
	for i := range keys {
		k.complete(&keys[i])
	}
	return keys, err
}

// Get reads a key.
func (k *Keeper) Get(ctx context.Context, id string) (*Key, error) {
	key, err := k.store.FindKey(ctx, id)
	if err != nil {
		return nil, err
	}
	k.complete(key)
	return key, nil
}

// complete adds what the database does not know yet.
func (k *Keeper) complete(key *Key) {
	if at, ok := k.LastUse(key.ID); ok && (key.LastUsedAt == nil || *key.LastUsedAt < at) {
		key.LastUsedAt = &at
	}
}

// Delete ends a key and every login with it. The last key with the scope admin
// and no end stays: the error is job.CodeConflict.
func (k *Keeper) Delete(ctx context.Context, id string) error {
	defer k.Forget()
	return k.store.RemoveKey(ctx, id, k.now(), func(existing []Key) error { return release(existing, id) })
}

// Login begins a session with a key, from an address. The error is as that of Enter, or
// job.CodeConflict where the gate is open: there is no key to log in with.
func (k *Keeper) Login(ctx context.Context, key string, from netip.Addr, actor Actor) (Guest, Token, error) {
	guest, err := k.Enter(ctx, KindKey, key, from)
	switch {
	case err != nil:
		return Guest{}, Token{}, err
	case guest.Key == nil:
		return Guest{}, Token{}, job.Errorf(job.CodeConflict, "no key was made yet, so that there is nothing to log in with: everything is open")
	}
	now := k.now()
	token := NewToken(KindSession)
	ends := now.Add(sessionLife)
	if guest.ExpiresAt != nil {
		ends = min(ends, *guest.ExpiresAt)
	}
	session := &Session{ID: token.ID, KeyID: guest.Key.ID, Hash: token.Hash(), CreatedAt: now, ExpiresAt: ends}
	actor.ID, actor.Name = guest.Key.ID, guest.Key.Name
	if err := k.store.AddSession(WithActor(ctx, actor), session); err != nil {
		return Guest{}, Token{}, err
	}
	guest.Session, guest.ExpiresAt = session.ID, &ends
	return guest, token, nil
}

// Logout ends the session that a token stands for; a token that stands for none is no error. It is looked up
// whatever bad tokens the caller's address has shown: a logout must not fail because of a neighbour's guesses.
func (k *Keeper) Logout(ctx context.Context, text string, actor Actor) error {
	token, ok := ParseToken(KindSession, text)
	if !ok {
		return nil
	}
	guest, err := k.find(ctx, token, k.now())
	switch {
	case job.CodeOf(err) == job.CodeUnauthorized:
		return nil
	case err != nil:
		return err
	}
	defer k.Forget()
	actor.ID, actor.Name = guest.Key.ID, guest.Key.Name
	return k.store.RemoveSession(WithActor(ctx, actor), guest.Session, k.now())
}

// Run writes down when keys were used, and prunes, until the context ends.
func (k *Keeper) Run(ctx context.Context) error {
	touch, prune := time.NewTicker(touchEvery), time.NewTicker(pruneEvery)
	defer touch.Stop()
	defer prune.Stop()
	k.Prune(ctx)
	for {
		select {
		case <-touch.C:
			k.Flush(ctx)
		case <-prune.C:
			k.Prune(ctx)
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer stop()
			k.Flush(last)
			return nil
		}
	}
}

// Flush writes down when keys were used since the last time. What cannot be
// written is told to the log and given up: it is a help to people, no account.
func (k *Keeper) Flush(ctx context.Context) {
	used := k.takeUsed()
	if len(used) == 0 {
		return
	}
	if err := k.store.TouchKeys(ctx, used); err != nil {
		k.logger.Warn("last use of keys not written", "keys", len(used), "error", err)
	}
}

// Prune deletes what has ended.
func (k *Keeper) Prune(ctx context.Context) {
	now := k.now()
	if err := k.store.PruneAccess(ctx, now, now.Add(-k.retention)); err != nil {
		k.logger.Warn("sessions and audit log not pruned", "error", err)
	}
}
