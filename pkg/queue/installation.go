package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// Every Redis keeps a mark: the id of the installation that uses it, and a random id of
// its own, its transport. Every process compares it again and again with what
// the database says, and does not touch a Redis that belongs to another installation, nor
// one while other processes use another Redis with the same database. The
// protocol and its cases are in docs/adr/0010-whose-redis.md.

const (
	// examineEvery is how often the mark is compared; examineSoon, while Redis must not be used.
	examineEvery = 3 * time.Second
	examineSoon  = 500 * time.Millisecond
	// examineWithin bounds one comparison.
	examineWithin = 5 * time.Second
	// useFor is how long a process counts as a user of its Redis since it said so last.
	useFor = 12 * time.Second
	// leftAlone is how long a Redis that was seen with another installation is not
	// claimed after its mark has gone: the other's processes put the mark back.
	leftAlone = 15 * time.Second
	// markWithin is how soon processes that use a Redis mark it again.
	markWithin = examineEvery + 2*time.Second
	// wavering is how soon a transport that comes back, after another was seen, shows
	// that the address leads to two servers.
	wavering = time.Minute
)

// Registry is the database, as far as it knows of Redis.
type Registry interface {
	// Installation is the id of the database.
	Installation(ctx context.Context) (string, error)
	// UseTransport notes that a process uses a Redis, or returns those that use another one.
	UseTransport(ctx context.Context, use job.TransportUse) (others []job.TransportUser, err error)
	// LeaveTransport notes that a process uses none any more.
	LeaveTransport(ctx context.Context, process string) error
}

// Identity compares whose Redis this is. Make it with NewIdentity or FollowIdentity.
type Identity struct {
	b *Broker
	// registry is nil in a process without a database: it learns its installation from Redis.
	registry Registry
	role     string
	clock    func() time.Time
	// lasts is useFor.
	lasts time.Duration

	// found says that it was found out at least once; told, that operators were told that Redis is not used.
	found, told  bool
	installation string
	// transport is that of the Redis that this process uses now. Empty: none.
	transport string
	// foreignAt is when Redis was last seen with another installation.
	foreignAt time.Time
	// unmarkedSince is since when Redis has no mark, although others use one.
	unmarkedSince time.Time
	// last is the transport that was seen last, left those that were seen before it.
	last string
	left map[string]time.Time
}

// NewIdentity makes the Identity of a process with a database. Until Examine or Run
// finds that it may, the process does not use Redis. Role is "beat" for example.
func (b *Broker) NewIdentity(registry Registry, role string) *Identity {
	b.admission.set(job.Errorf(job.CodeUnavailable, "it is not known yet whose redis this is"))
	return &Identity{b: b, registry: registry, role: role, clock: time.Now, lasts: useFor, left: map[string]time.Time{}}
}

// FollowIdentity makes the Identity of a process without a database.
func (b *Broker) FollowIdentity() *Identity {
	return &Identity{b: b, clock: time.Now}
}

// Run compares until the context ends, and then notes that this process uses Redis no
// more. Now and then it also looks whether Redis throws keys away. It returns nil.
func (i *Identity) Run(ctx context.Context) error {
	var asked time.Time
	for ctx.Err() == nil {
		wait := examineEvery
		if !i.Examine(ctx) {
			wait = examineSoon
		} else if i.clock().Sub(asked) >= evictionEvery {
			asked = i.clock()
			i.b.noteEviction(ctx)
		}
		pause(ctx, wait)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLast)
	defer cancel()
	i.leave(last)
	return nil
}

// Examine compares once, and reports whether this process may use Redis. What cannot be
// compared, because Redis or the database is away, stays as it was.
func (i *Identity) Examine(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, examining{}, true), examineWithin)
	defer cancel()
	verdict, err := i.examine(ctx)
	if err != nil {
		return i.unknown(err)
	}
	i.found = true
	changed := i.b.admission.set(verdict)
	switch {
	case verdict != nil && changed:
		i.told = true
		i.b.log.Error("redis is not used", "error", verdict)
	case verdict == nil && i.told:
		i.told = false
		i.b.log.Info("redis is used again")
	}
	return verdict == nil
}

// unknown leaves everything as it was. If nothing was ever found out, the error is why Redis cannot be used.
func (i *Identity) unknown(err error) bool {
	refused, _ := i.b.admission.state()
	if refused != nil && !i.found {
		var reason *job.Error
		if !errors.As(err, &reason) {
			reason = job.Unavailable("redis", err)
		}
		i.b.admission.set(reason)
	}
	return refused == nil
}

// examine returns why this process must not use Redis, nil if it may. The error says that this was not found out.
func (i *Identity) examine(ctx context.Context) (*job.Error, error) {
	if i.registry != nil && i.installation == "" {
		id, err := i.registry.Installation(ctx)
		if err != nil {
			return nil, err
		}
		i.installation = id
		i.b.installation.Store(&id)
	}
	mark, err := i.mark(ctx)
	if err != nil {
		return nil, err
	}
	if mark == "" {
		return i.claim(ctx)
	}
	i.unmarkedSince = time.Time{}
	return i.compare(ctx, mark)
}

// mark reads the mark; empty if there is none.
func (i *Identity) mark(ctx context.Context) (string, error) {
	mark, err := i.b.client.Get(ctx, i.b.key(keyInstallation)).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return mark, unavailable(err)
}

// claim marks a Redis that has no mark: it is new, or lost its data.
func (i *Identity) claim(ctx context.Context) (*job.Error, error) {
	refused, _ := i.b.admission.state()
	switch {
	case i.registry == nil: // whoever has a database marks it
		return refused, nil
	case !i.foreignAt.IsZero() && i.clock().Sub(i.foreignAt) < leftAlone:
		return refused, nil
	case i.transport == "":
		others, err := i.use(ctx, "")
		if err != nil {
			return nil, err
		}
		if len(others) > 0 {
			return i.unmarked(others)
		}
	}
	i.unmarkedSince = time.Time{}
	mark := i.installation + "/" + rand.Text()
	if err := i.b.client.SetNX(ctx, i.b.key(keyInstallation), mark, 0).Err(); err != nil {
		return nil, unavailable(err)
	}
	found, err := i.mark(ctx) // somebody else may have been first
	switch {
	case err != nil:
		return nil, err
	case found == "":
		return nil, unavailable(errAnswer)
	case found == mark && i.transport == "":
		i.b.log.Info("redis had no mark, and is marked as this installation's", "installation", i.installation)
	case found == mark:
		i.b.log.Warn("redis lost the mark of this installation, or all of its data; it is marked again", "installation", i.installation)
	}
	return i.compare(ctx, found)
}

// unmarked is what is found of a Redis without a mark while others use one: it is another
// one, unless it has just lost its data, and they mark it again.
func (i *Identity) unmarked(others []job.TransportUser) (*job.Error, error) {
	now := i.clock()
	if i.unmarkedSince.IsZero() {
		i.unmarkedSince = now
	}
	if now.Sub(i.unmarkedSince) < markWithin {
		return nil, job.Errorf(job.CodeUnavailable, "redis is not marked as that of this installation yet")
	}
	return i.elsewhere(others), nil
}

// compare holds a mark against what this process, and the database, know.
func (i *Identity) compare(ctx context.Context, mark string) (*job.Error, error) {
	installation, transport, _ := strings.Cut(mark, "/")
	if i.registry == nil && i.installation == "" {
		i.installation = installation
		i.b.installation.Store(&installation)
	}
	if installation != i.installation {
		i.foreignAt = i.clock()
		i.leave(ctx)
		return i.foreign(installation), nil
	}
	if i.registry == nil {
		i.last = transport
		return nil, nil
	}
	if refused := i.wavers(transport); refused != nil {
		i.leave(ctx)
		return refused, nil
	}
	others, err := i.use(ctx, transport)
	if err != nil {
		return nil, err
	}
	if len(others) > 0 {
		i.transport = ""
		return i.elsewhere(others), nil
	}
	i.transport = transport
	return nil, nil
}

// wavers refuses an address that leads now to the one and now to the other Redis.
func (i *Identity) wavers(transport string) *job.Error {
	now := i.clock()
	if i.last != "" && i.last != transport {
		i.left[i.last] = now
	}
	i.last = transport
	for id, at := range i.left {
		if now.Sub(at) >= wavering {
			delete(i.left, id)
		}
	}
	if _, back := i.left[transport]; !back {
		return nil
	}
	return &job.Error{Code: job.CodeUnavailable, Detail: "redis-url leads to more than one Redis: make it lead to one", Err: fmt.Errorf("the last one has the id %s", transport)}
}

// use asks the database whether this process may use a Redis.
func (i *Identity) use(ctx context.Context, transport string) ([]job.TransportUser, error) {
	return i.registry.UseTransport(ctx, job.TransportUse{
		TransportUser: job.TransportUser{Process: i.b.life, Role: i.role, Transport: transport}, Before: i.transport, For: i.lasts,
	})
}

// leave notes that this process does not use the Redis that it used, as far as that goes: it expires anyhow.
func (i *Identity) leave(ctx context.Context) {
	if i.registry != nil && i.transport != "" {
		i.transport = ""
		_ = i.registry.LeaveTransport(ctx, i.b.life)
	}
}

// The reasons tell everybody what to do, and only operators who it is about.

// foreign is why a Redis of another installation is not used.
func (i *Identity) foreign(installation string) *job.Error {
	if i.registry == nil {
		return &job.Error{Code: job.CodeUnavailable, Detail: "this Redis belongs to another installation now: restart this process if it is to work for that one",
			Err: fmt.Errorf("the other one has the id %s, this process worked for %s", installation, i.installation)}
	}
	return &job.Error{Code: job.CodeUnavailable, Detail: "this Redis is used by another installation: set a --redis-prefix (REDIS_PREFIX) in all processes of this one, or use another Redis or database number",
		Err: fmt.Errorf("the other one has the id %s, this one %s; if the other one is gone for good, empty its Redis, or delete the key %s", installation, i.installation, i.b.key(keyInstallation))}
}

// elsewhere is why a Redis is not used while others use another one; nil for no others.
func (i *Identity) elsewhere(others []job.TransportUser) *job.Error {
	if len(others) == 0 {
		return nil
	}
	process, _, _ := strings.Cut(others[0].Process, "/")
	more := ""
	if n := len(others) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return &job.Error{Code: job.CodeUnavailable, Detail: "this database is used with another Redis: give all processes the same --redis-url and --redis-prefix",
		Err: fmt.Errorf("the other one (id %s) is used by a %s at %s%s; after a move to another Redis, this process begins when those have stopped", others[0].Transport, others[0].Role, process, more)}
}
