package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor/v2"
	"github.com/hibiken/asynq"

	"schedule-server/pkg/job"
)

// The formats of what this package writes into Redis. Members may be added within
// a format; a new one begins when an older reader would misunderstand.
const (
	// formatJSON is that of outcomes and news, and was that of the first tasks and events, which are still read.
	formatJSON = 1
	// formatCBOR, with the same members, is that of tasks and events (docs/adr/0008-cbor.md).
	formatCBOR = 2
)

// errNewer marks what a newer version has written. It is kept for a reader of
// that version, which is there, or will be: two versions live side by side only
// while one replaces the other.
var errNewer = errors.New("written by a newer version")

// readCBOR reads a text that is not UTF-8 as it stands, as the one that JSON is
// read by does: a run whose account is refused for it would be called again.
var readCBOR = func() cbor.DecMode {
	mode, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return mode
}()

// errStrange marks what another program has put into a queue of ours, errForeign what
// another installation has. Both are left there for whoever it belongs to.
var (
	errStrange = errors.New("of another program that uses asynq: give it, or this service, a Redis database or queues of its own (--redis-prefix)")
	errForeign = errors.New("of another installation that uses the same Redis: give one of them a --redis-prefix")
)

type taskPayload struct {
	Format int `json:"v"`
	// Installation is whose task it is. Empty: of a version that did not say so.
	Installation string `json:"installation,omitempty"`
	job.Task
}

// encode makes the payload of a task of this installation.
func (b *Broker) encode(task *job.Task) ([]byte, error) {
	if own := b.installation.Load(); own != nil {
		return encodeTask(task, *own)
	}
	return encodeTask(task, "")
}

func encodeTask(task *job.Task, installation string) ([]byte, error) {
	payload, err := cbor.Marshal(taskPayload{Format: formatCBOR, Installation: installation, Task: *task})
	if err != nil {
		return nil, fmt.Errorf("encode the task of run %s: %w", task.RunID, err)
	}
	return payload, nil
}

// readTask reads the payload of an asynq task of that type. What a newer version, or
// another program, wrote goes back to the queue, uncounted, and is never given up; what nobody
// can read is given up at once, and its run is found among the archived ones.
func readTask(kind string, payload []byte) (*job.Task, error) {
	read, err := readPayload(kind, payload)
	if err != nil {
		return nil, err
	}
	return &read.Task, nil
}

// read is readTask, which leaves also a task of another installation in the queue.
func (b *Broker) read(kind string, payload []byte) (*job.Task, error) {
	read, err := readPayload(kind, payload)
	if err != nil {
		return nil, err
	}
	if own := b.installation.Load(); own != nil && read.Installation != "" && read.Installation != *own {
		return nil, leftAside(errForeign)
	}
	return &read.Task, nil
}

func readPayload(kind string, payload []byte) (*taskPayload, error) {
	unmarshal, format := readCBOR.Unmarshal, formatCBOR
	switch kind {
	case taskDeliver:
	case taskDeliverJSON:
		unmarshal, format = json.Unmarshal, formatJSON
	default:
		if strings.HasPrefix(kind, taskDeliverJSON) {
			return nil, newerTask()
		}
		return nil, leftAside(errStrange)
	}
	var read taskPayload
	err := unmarshal(payload, &read)
	switch {
	case err == nil && read.Format == format && read.RunID != "":
		return &read, nil
	case formatOf(payload, unmarshal) > format:
		return nil, newerTask()
	}
	return nil, fmt.Errorf("the payload cannot be read: %w", asynq.SkipRetry)
}

// formatOf is the format alone, which is readable even where the rest is not.
func formatOf(data []byte, unmarshal func([]byte, any) error) int {
	var envelope struct {
		Format int `json:"v"`
	}
	_ = unmarshal(data, &envelope) // a format that cannot be read is no newer one
	return envelope.Format
}

func encodeEvent(e *job.Event) ([]byte, error) {
	data, err := cbor.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode an event of run %s: %w", e.RunID, err)
	}
	return data, nil
}

// decodeEvent reads the fields of one entry of the stream.
func decodeEvent(fields map[string]any) (job.Event, error) {
	var e job.Event
	unmarshal := readCBOR.Unmarshal
	switch fields[fieldFormat] {
	case strconv.Itoa(formatCBOR):
	case strconv.Itoa(formatJSON):
		unmarshal = json.Unmarshal
	default:
		return e, errNewer
	}
	data, _ := fields[fieldEvent].(string)
	if err := unmarshal([]byte(data), &e); err != nil {
		return e, fmt.Errorf("decode an event: %w", err)
	}
	if e.RunID == "" || e.State == "" {
		return e, errors.New("an event without run or state")
	}
	return e, nil
}

// savedOutcome is what one delivery of a run leaves for the next.
type savedOutcome struct {
	Format  int           `json:"v"`
	RetryAt *job.Instant  `json:"retry_at,omitempty"`
	Made    []job.Attempt `json:"made"`
	// Lost says that asynq had taken the task away before the delivery ended: it
	// comes back at once, and must neither repeat the call nor come too early.
	Lost bool `json:"lost,omitempty"`
}
