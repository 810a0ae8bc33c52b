package trigger

import "time"

// Warning is something about a valid schedule that may surprise.
type Warning struct {
	// Code is machine-readable, one of the Warn constants.
	Code string `json:"code"`
	// Message says it in English.
	Message string `json:"message"`
	// MessageZH says it in Chinese.
	MessageZH string `json:"message_zh"`
}

// Warnings returns what may surprise about the schedule as seen from now. attemptTimeout is how long one run may
// take; 0 leaves that check out.
func (s *Schedule) Warnings(now Instant, attemptTimeout time.Duration) []Warning { return nil }
