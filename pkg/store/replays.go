package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// How long a call is remembered, and how long one may be under way.
const (
	replayKept     = 24 * time.Hour
	replayUnderWay = 2 * time.Minute
	// replaysPruned is how many old calls are forgotten with each new one.
	replaysPruned = 50
)

// BeginReplay notes that a call is under way, and answers nil; or, where the same
// call was made within a day, what was answered then. The error is CodeConflict while
// that call is under way, CodeInvalid when another call has the key.
func (s *Store) BeginReplay(ctx context.Context, r job.Replay) (answer *job.Answer, err error) {
	err = s.write(ctx, "begin a call", func(tx *sqlx.Tx) error {
		answer = nil
		if err := s.forgetReplays(ctx, tx, r); err != nil {
			return err
		}
		made, err := execute(ctx, tx, `INSERT INTO replays (actor, key, fingerprint, created_at) VALUES (:actor, :key, :fingerprint, :at)
			ON CONFLICT (actor, key) DO NOTHING`, replayArgs(r))
		if err != nil || made == 1 {
			return err
		}
		var row struct {
			Fingerprint string  `db:"fingerprint"`
			Answer      *string `db:"answer"`
		}
		if _, err := selectOne(ctx, tx, &row, "SELECT fingerprint, answer FROM replays WHERE actor = :actor AND key = :key", replayArgs(r)); err != nil {
			return err
		}
		switch {
		case row.Fingerprint != r.Fingerprint:
			return callerError{&job.Error{Code: job.CodeInvalid, Detail: "another call was made with this Idempotency-Key", Fields: []job.FieldError{
				{Field: "Idempotency-Key", Code: "invalid", Message: "it belongs to another call, made within the last 24 hours"}}}}
		case row.Answer == nil:
			return callerError{job.Errorf(job.CodeConflict, "the call with this Idempotency-Key is under way")}
		}
		answer = &job.Answer{}
		return json.Unmarshal([]byte(*row.Answer), answer)
	})
	return answer, err
}

// forgetReplays deletes old calls, and the one of this key if it was left unfinished.
func (s *Store) forgetReplays(ctx context.Context, tx *sqlx.Tx, r job.Replay) error {
	a := replayArgs(r)
	a["kept"], a["dead"], a["most"] = int64(r.At.Add(-replayKept)), int64(r.At.Add(-replayUnderWay)), replaysPruned
	_, err := execute(ctx, tx, `DELETE FROM replays WHERE actor = :actor AND key = :key
		AND (created_at <= :kept OR answer IS NULL AND created_at <= :dead)`, a)
	if err != nil {
		return err
	}
	_, err = execute(ctx, tx, `DELETE FROM replays WHERE (actor, key) IN
		(SELECT actor, key FROM replays WHERE created_at <= :kept ORDER BY created_at LIMIT :most)`, a)
	return err
}

func replayArgs(r job.Replay) args {
	return args{"actor": cleanText(r.Actor), "key": cleanText(r.Key), "fingerprint": r.Fingerprint, "at": int64(r.At)}
}

// EndReplay keeps the answer to a call; nil forgets the call, so that it may be made again.
func (s *Store) EndReplay(ctx context.Context, r job.Replay, answer *job.Answer) error {
	return s.write(ctx, "end a call", func(tx *sqlx.Tx) error {
		a := replayArgs(r)
		const own = " WHERE actor = :actor AND key = :key AND fingerprint = :fingerprint AND answer IS NULL"
		if answer == nil {
			_, err := execute(ctx, tx, "DELETE FROM replays"+own, a)
			return err
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		a["answer"] = string(text)
		_, err = execute(ctx, tx, "UPDATE replays SET answer = :answer"+own, a)
		return err
	})
}
