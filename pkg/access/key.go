package access

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

// Bounds of what is kept.
const (
	maxName = 100 // characters of a key's name
	maxKeys = 500
	// sessionLife is how long a login lasts.
	sessionLife = 7 * 24 * time.Hour
)

// Key lets programs in, and people who log in with it.
type Key struct {
	// ID is no secret: it stands in the key's text after "sk_".
	ID    string `json:"id"`
	Name  string `json:"name"`
	Scope Scope  `json:"scope"`
	// Hash is what Token.Matches compares with.
	Hash      string      `json:"-"`
	CreatedAt job.Instant `json:"created_at"`
	// ExpiresAt is the moment from which the key lets nobody in. Nil: never.
	ExpiresAt *job.Instant `json:"expires_at"`
	// LastUsedAt is about when it was last used, to the minute. Nil: never.
	LastUsedAt *job.Instant `json:"last_used_at"`
}

// Session is a login with a key, and ends with it.
type Session struct {
	ID, KeyID, Hash      string
	CreatedAt, ExpiresAt job.Instant
}

// KeyInput is what a key is made of.
type KeyInput struct {
	// Name tells people what the key is for.
	Name  string
	Scope Scope
	// ExpiresAt is when the key ends. Nil: never.
	ExpiresAt *job.Instant
}

// check names what is wrong with an input.
func (in *KeyInput) check(now job.Instant) error {
	var faults []job.FieldError
	switch {
	case in.Name == "":
		faults = append(faults, job.FieldError{Field: "name", Code: "required", Message: "a key needs a name"})
	case !utf8.ValidString(in.Name), strings.ContainsFunc(in.Name, unicode.IsControl), utf8.RuneCountInString(in.Name) > maxName:
		faults = append(faults, job.FieldError{Field: "name", Code: "invalid",
			Message: fmt.Sprintf("a name is at most %d characters, without control characters", maxName)})
	}
	if !slices.Contains(Scopes(), in.Scope) {
		faults = append(faults, job.FieldError{Field: "scope", Code: "invalid", Message: "scope is read, run, write or admin"})
	}
	if in.ExpiresAt != nil && *in.ExpiresAt <= now {
		faults = append(faults, job.FieldError{Field: "expires_at", Code: "invalid",
			Message: fmt.Sprintf("%s is in the past; now is %s", *in.ExpiresAt, now)})
	}
	return invalid(faults)
}

func invalid(faults []job.FieldError) error {
	switch len(faults) {
	case 0:
		return nil
	case 1:
		return &job.Error{Code: job.CodeInvalid, Detail: "1 field is invalid", Fields: faults}
	}
	return &job.Error{Code: job.CodeInvalid, Detail: fmt.Sprintf("%d fields are invalid", len(faults)), Fields: faults}
}

// keepsOut reports whether a key keeps the service in hand for good: the scope
// admin, and no end. As soon as there are keys there is one of these.
func (k *Key) keepsOut() bool { return k.Scope == Admin && k.ExpiresAt == nil }

// admit reports why a key may not be added to those that there are.
func admit(existing []Key, added *Key) error {
	switch {
	case len(existing) >= maxKeys:
		return job.Errorf(job.CodeConflict, "there are %d keys already: delete some that are not used", len(existing))
	case len(existing) == 0 && !added.keepsOut():
		return invalid([]job.FieldError{{Field: "scope", Code: "invalid",
			Message: "the first key must have the scope admin and no end: from now on every caller needs a key, and only an admin can make more"}})
	}
	return nil
}

// release reports why a key may not be taken from those that there are.
func release(existing []Key, id string) error {
	at := slices.IndexFunc(existing, func(k Key) bool { return k.ID == id })
	if at < 0 {
		return job.NotFound("key", id)
	}
	others := slices.Delete(slices.Clone(existing), at, at+1)
	if !slices.ContainsFunc(others, func(k Key) bool { return k.keepsOut() }) {
		return job.Errorf(job.CodeConflict, "this is the last key with the scope admin that does not expire: make another before you delete it")
	}
	return nil
}
