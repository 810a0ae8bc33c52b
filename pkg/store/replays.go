package store

import (
	"context"
	"encoding/json"
	"hash/crc32"
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
	// An actor's calls are remembered up to this number, and their answers up to this size in all: the oldest are
	// forgotten before their day is over.
	replaysOfActor     = 10_000
	replayBytesOfActor = 64 << 20
	// trimEvery is how often the calls of an actor are counted: at one in so many of them.
	trimEvery = 64
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
	if err != nil || crc32.ChecksumIEEE([]byte(r.Key))%trimEvery != 0 {
		return err
	}
	return trimReplays(ctx, tx, a)
}

// trimReplays forgets the oldest calls of an actor beyond what is remembered of one. It adds the sizes up here: a
// window function of SQLite would copy the answers themselves.
func trimReplays(ctx context.Context, tx *sqlx.Tx, a args) error {
	var calls []struct {
		At   int64 `db:"created_at"`
		Size int64 `db:"size"`
	}
	err := selectAll(ctx, tx, &calls, `SELECT created_at, COALESCE(OCTET_LENGTH(answer), 0) AS size FROM replays
		WHERE actor = :actor ORDER BY created_at DESC`, a)
	if err != nil {
		return err
	}
	size := int64(0)
	for i, call := range calls {
		if size += call.Size; i < replaysOfActor && size <= replayBytesOfActor {
			continue
		}
		a["last"] = call.At
		_, err := execute(ctx, tx, "DELETE FROM replays WHERE actor = :actor AND created_at <= :last", a)
		return err
	}
	return nil
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
