package access

import (
	"context"

	"schedule-server/pkg/job"
)

// Who acts where no key does.
const (
	// Anonymous calls a server that asks for no key.
	Anonymous = "anonymous"
	// Automatic is the service itself: a job that is paused because it fails, or goes on at the end of its pause.
	Automatic = "automatic"
	// CommandLine is whoever may run programs against the database.
	CommandLine = "command-line"
)

// Actor is who does something.
type Actor struct {
	// ID is the key's, or one of the words for where there is none. Ids of keys are none of these.
	ID string `json:"id"`
	// Name is the key's at that time. Empty: no key.
	Name string `json:"name"`
	// Address is where the call came from. Empty: from no network.
	Address string `json:"-"`
	// At is when the call came. Zero: there was none.
	At job.Instant `json:"-"`
	// RequestID is that of the call. Empty: there was none.
	RequestID string `json:"-"`
}

type actorKey struct{}

// WithActor says who acts in what is done with this context.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf is who acts, the service itself where nobody was named.
func ActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	return Actor{ID: Automatic}
}
