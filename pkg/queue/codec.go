package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/hibiken/asynq"

	"schedule-server/pkg/job"
)

// format is the version of what this package writes into Redis. Members may be
// added within a version; it rises when an older reader would misunderstand.
const format = 1

// errNewer marks what a newer version has written. It is kept for a reader of
// that version, which is there, or will be: two versions live side by side only
// while one replaces the other.
var errNewer = errors.New("written by a newer version")

type taskPayload struct {
	Format int `json:"v"`
	job.Task
}

func encodeTask(task *job.Task) ([]byte, error) {
	payload, err := json.Marshal(taskPayload{Format: format, Task: *task})
	if err != nil {
		return nil, fmt.Errorf("encode the task of run %s: %w", task.RunID, err)
	}
	return payload, nil
}

// taskReader reads tasks. It remembers their policies, which many tasks share and
// whose reading is most of the work. Its zero value is ready.
type taskReader struct {
	mu sync.Mutex
	// policies are what was read before, by its JSON. Nobody changes them.
	policies map[string]*job.Policy
}

// maxPolicies is how many policies are remembered, maxPolicyText how long the JSON of one may be.
const (
	maxPolicies   = 256
	maxPolicyText = 4 << 10
)

// read reads an asynq task. What a newer version wrote goes back to the
// queue, uncounted, and is never given up; what nobody can read is given up at
// once, and its run is found among the archived ones.
func (r *taskReader) read(t *asynq.Task) (*job.Task, error) {
	if t.Type() != taskDeliver {
		return nil, newerTask()
	}
	var payload struct {
		taskPayload
		Policy json.RawMessage `json:"policy"`
	}
	err := json.Unmarshal(t.Payload(), &payload)
	if err == nil {
		err = r.readPolicy(payload.Policy, &payload.Task.Policy)
	}
	switch {
	case err == nil && payload.Format == format && payload.RunID != "":
		return &payload.Task, nil
	case formatOf(t.Payload()) > format:
		return nil, newerTask()
	}
	return nil, fmt.Errorf("the payload cannot be read: %w", asynq.SkipRetry)
}

// readPolicy reads a policy, or remembers it; one that is not there stays the zero policy.
func (r *taskReader) readPolicy(text json.RawMessage, policy *job.Policy) error {
	if len(text) == 0 {
		return nil
	}
	r.mu.Lock()
	known := r.policies[string(text)]
	r.mu.Unlock()
	if known != nil {
		*policy = *known
		return nil
	}
	if err := json.Unmarshal(text, policy); err != nil || len(text) > maxPolicyText {
		return err
	}
	read := *policy
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.policies == nil || len(r.policies) >= maxPolicies {
		r.policies = make(map[string]*job.Policy)
	}
	r.policies[string(text)] = &read
	return nil
}

// formatOf is the version alone, which is readable even where the rest is not.
func formatOf(data []byte) int {
	var envelope struct {
		Format int `json:"v"`
	}
	_ = json.Unmarshal(data, &envelope) // a version that cannot be read is no newer one
	return envelope.Format
}

func encodeEvent(e *job.Event) (string, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("encode an event of run %s: %w", e.RunID, err)
	}
	return string(data), nil
}

// decodeEvent reads the fields of one entry of the stream.
func decodeEvent(fields map[string]any) (job.Event, error) {
	var e job.Event
	if version, _ := fields[fieldFormat].(string); version != fmt.Sprint(format) {
		return e, errNewer
	}
	data, _ := fields[fieldEvent].(string)
	if err := json.Unmarshal([]byte(data), &e); err != nil {
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
