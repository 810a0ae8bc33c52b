package access

import "slices"

// Scope is what a key may do. Each includes those before it. The zero value is
// none: nothing is allowed to it, and no route may ask for it.
type Scope string

// The scopes, from the least to the most.
const (
	// Anyone needs no key.
	Anyone Scope = "anyone"
	// Read sees jobs, runs and the state of the service.
	Read Scope = "read"
	// Run also starts runs.
	Run Scope = "run"
	// Write also makes, changes and deletes jobs.
	Write Scope = "write"
	// Admin also manages keys and secrets, and reads the audit log.
	Admin Scope = "admin"
)

// Scopes are those that a key can have, from the least to the most.
func Scopes() []Scope { return []Scope{Read, Run, Write, Admin} }

// Allows reports whether who has this scope may do what needs the other.
func (s Scope) Allows(needed Scope) bool {
	if needed == Anyone {
		return true
	}
	have, need := slices.Index(Scopes(), s), slices.Index(Scopes(), needed)
	return need >= 0 && have >= need
}
