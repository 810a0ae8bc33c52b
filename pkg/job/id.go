package job

import (
	"crypto/rand"
	"crypto/sha256"

	"github.com/oklog/ulid/v2"
)

// OccurrenceID is the run id of one occurrence: a ULID whose time is the
// scheduled moment and whose other 80 bits are a hash of the job's id. The same
// occurrence has the same id wherever it is computed, so that the primary key of
// the runs, the asynq task id and the Idempotency-Key each refuse a second run.
// Ids sort by scheduled moment.
func OccurrenceID(jobID string, scheduledAt Instant) string {
	sum := sha256.Sum256([]byte(jobID))
	return makeULID(scheduledAt, sum[:10])
}

// NewID is a random ULID of the given moment: for manual runs, and for jobs
// whose user left the id to us.
func NewID(at Instant) string {
	var entropy [10]byte
	rand.Read(entropy[:]) // never fails: crypto/rand aborts the program instead
	return makeULID(at, entropy[:])
}

func makeULID(at Instant, entropy []byte) string {
	var id ulid.ULID
	_ = id.SetTime(uint64(max(at, 0))) // moments end in the year 9999, ULIDs in 10889
	_ = id.SetEntropy(entropy)         // ten bytes, as it wants
	return id.String()
}
