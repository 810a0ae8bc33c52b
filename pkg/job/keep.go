package job

import "time"

// MaxKept is the most runs of one kind that a job may keep.
const MaxKept = 10_000

// Keep says how much history a job keeps. Beyond it runs are removed in a while,
// never at once; those that have not ended always stay. The answers of targets go
// first: they stay for the newer half of each number, and for half the age.
type Keep struct {
	// Successes is how many runs that succeeded are kept, 0 to MaxKept.
	Successes int `json:"successes"`
	// Failures is how many runs that failed are kept, 0 to MaxKept; of those that
	// were skipped, missed or canceled as many beside them.
	Failures int `json:"failures"`
	// MaxAge is how long after its moment a run of any kind is kept, 1h to 10 years.
	MaxAge Duration `json:"max_age"`
}

// DefaultKeep is what a job keeps that says nothing, and what is kept of a job
// that is no more, as far as age goes.
func DefaultKeep() Keep {
	return Keep{Successes: 100, Failures: 100, MaxAge: Duration(30 * 24 * time.Hour)}
}
