package job

import "time"

// TransportUser is a process that uses the database together with a Redis.
type TransportUser struct {
	// Process is its name, with what tells it from those before it: "host:pid/…".
	Process string `db:"process"`
	// Role is what it does: "beat".
	Role string `db:"role"`
	// Transport is the id of its Redis.
	Transport string `db:"transport"`
}

// TransportUse asks whether a process may use its Redis with the database.
type TransportUse struct {
	TransportUser
	// Before is the id that the same Redis had until now. It is another one after Redis lost its data.
	Before string
	// For is how long the answer holds. The process asks again before.
	For time.Duration
}
