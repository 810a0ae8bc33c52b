package job

// Replay names one call that a caller may repeat without repeating its effect.
type Replay struct {
	// Actor is who calls, Key the caller's own name for the call.
	Actor, Key string
	// Fingerprint stands for what is asked: another one under the same key is another call.
	Fingerprint string
	// At is when the call came.
	At Instant
}

// Answer is the answer to a call as it is kept to be given again.
type Answer struct {
	Status int `json:"status"`
	// Headers are those that belong to the answer's meaning.
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	// Omitted says that the body was too large to be kept.
	Omitted bool `json:"omitted,omitempty"`
}
