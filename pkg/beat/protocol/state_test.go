package protocol

import "fmt"

// The bounds of every scenario. Everything is an array of bytes, so that a state
// is comparable and a copy of it is one copy of memory.
const (
	maxRuns    = 3
	maxBeats   = 2
	maxWorkers = 2
	maxStream  = 10
	maxBatch   = 2
)

// The states of a run, as pkg/job names them; none is a row that is not there.
const (
	none uint8 = iota
	waiting
	queued
	running
	retrying
	succeeded
	failed
	skipped
	missed
	canceled
)

// Why a run is to be canceled.
const (
	keep uint8 = iota
	replaced
	deleted
)

// What an event says.
const (
	evStarted    uint8 = iota + 1
	evRetrying         // attempt n failed, another follows
	evSucceeded        // attempt n was the last
	evNotCalled        // canceled before a call
	evCut              // canceled in the middle of attempt n
	evWorkerLost       // the queue gave the run up
)

// event is one entry of the result stream; n is the attempt.
type event struct{ run, kind, n uint8 }

// run is a row of the database.
type run struct {
	state   uint8
	cancel  uint8 // the intent
	started uint8 // number of the latest attempt that began
	ended   uint8 // number of the latest attempt whose end is known
}

func (r *run) final() bool { return r.state >= succeeded }
func (r *run) open() bool  { return r.state != none && !r.final() }

// outcome is what one delivery saves for the next.
type outcome struct{ made, kind uint8 }

const (
	retryLater uint8 = iota + 1
	hasEnded
)

// entry is an event in the stream with the recorders that were handed it, as
// bits; ownerless: one of them died.
type entry struct {
	event
	owners uint8
}

const ownerless = 1 << 7

// database is one job with its runs: run i is the account of occurrence i.
type database struct {
	next    uint8 // occurrence that the claim looks at next
	deleted bool
	runs    [maxRuns]run
}

// other is a process that works on the same database with a Redis of its own: its tasks, and which of them it has called.
type other struct{ tasks, called uint8 }

// transport is everything in Redis.
type transport struct {
	tasks    [maxRuns]task
	outcomes [maxRuns]outcome // of a broken design: saved under keys of their own
	held     uint8            // runs that a worker without lease is still calling
	marks    uint8            // runs that are not to be called
	stream   [maxStream]entry
	length   uint8
}

// beat is the memory of a beat process: it is gone when the process dies.
type beat struct {
	// The firing loop: runs that are committed and to be enqueued.
	enqueue uint8
	torn    uint8 // of a broken claim: the occurrence that is enqueued before it is committed, plus 1
	// The settling beside it.
	settling            bool
	settleAt, settledAt uint8 // by the clock
	settleLeft          uint8 // entries that are waited for
	reconciler          reconciler
	recorder            recorder
}

// reconciler is a round of it.
type reconciler struct {
	step uint8
	runs uint8 // it is about these
	lost uint8 // of those: unknown to Redis
	gone uint8 // of those: archived
	left uint8 // entries that are waited for
	// made are the attempts that the database knows, seen is how each run stood when it was
	// read, and marks tell the tasks that were looked at.
	made, seen, marks [maxRuns]uint8
	called            uint8 // runs that were being called when it began
	overdue           bool  // it is about runs whose deadline has passed
}

// recorder is a batch of it.
type recorder struct {
	step    uint8
	n       uint8
	batch   [maxBatch]event
	enqueue uint8
}

// worker is the memory of a worker process.
type worker struct {
	step    uint8
	run     uint8
	made, n uint8 // attempts that are known, the one being made
	result  uint8 // kind of the event to report
	retried uint8
	payload uint8 // of a broken design: attempts that its message knows
	lost    bool  // the lease
	asleep  bool  // it is stopped, for longer than its lease and any deadline
	cut     bool  // asked to end the call
}

// deleter is the API while it deletes the job.
type deleter struct {
	step uint8
	runs uint8
	left uint8
}

// ghost is what only the observer knows.
type ghost struct {
	calls [maxRuns][2]uint8
	// forgiven: a fault hit the run, after which it may be called again. Once: a
	// worker died over it. Always: Redis lost it, or a worker slept through its lease.
	once, always uint8
	// hit are the runs that any fault ever hit.
	hit uint8
	// ended are runs whose end a worker has reported, and Redis not lost before
	// it was recorded; reported are those that ended by a call.
	ended, reported uint8
	// told is the latest attempt whose end was reported.
	told [maxRuns]uint8
	// atDue is ended as it was when each occurrence fell due.
	atDue [maxRuns]uint8
	// waits counts, up to 3 and from 1 again, how often each task was made to wait.
	waits [maxRuns]uint8
}

// state is all there is.
type state struct {
	db      database
	copied  bool     // a copy of the database was made
	copy    database // for a day on which it is put back
	redis   transport
	other   other
	beats   [maxBeats]beat
	workers [maxWorkers]worker
	api     deleter
	clock   uint8 // how many occurrences have fallen due
	faults  uint8 // how many may still happen
	ghost   ghost
}

func bit(i uint8) uint8 { return 1 << i }

func (e event) String() string {
	words := [...]string{"?", "started", "retrying", "succeeded", "not called", "cut off", "worker lost"}
	return fmt.Sprintf("run %d %s %d", e.run, words[e.kind], e.n)
}
