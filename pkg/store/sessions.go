package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// maxSessions is how many logins with one key last at once; the oldest end first.
const maxSessions = 100

// FindSession reads a session and its key. The error is CodeNotFound when there is none.
func (s *Store) FindSession(ctx context.Context, id string) (*access.Session, *access.Key, error) {
	if !storable(id) {
		return nil, nil, job.NotFound("session", id)
	}
	var row struct {
		keyRow
		SessionID      string      `db:"session_id"`
		SessionHash    string      `db:"session_hash"`
		SessionCreated job.Instant `db:"session_created"`
		SessionExpires job.Instant `db:"session_expires"`
	}
	found, err := readOne(ctx, s, &row, "SELECT "+keyColumns+`, s.id AS session_id, s.hash AS session_hash,
			s.created_at AS session_created, s.expires_at AS session_expires
		FROM sessions s JOIN api_keys k ON k.id = s.key_id WHERE s.id = :id`, args{"id": id})
	switch {
	case err != nil:
		return nil, nil, fail("find session", err)
	case !found:
		return nil, nil, job.NotFound("session", id)
	}
	key := row.key()
	return &access.Session{ID: row.SessionID, KeyID: key.ID, Hash: row.SessionHash, CreatedAt: row.SessionCreated,
		ExpiresAt: row.SessionExpires}, &key, nil
}

// AddSession inserts a session, and ends the oldest of the same key when there are too many.
func (s *Store) AddSession(ctx context.Context, session *access.Session) error {
	return s.write(ctx, "add session", func(tx *sqlx.Tx) error {
		a := args{"id": session.ID, "key": session.KeyID, "hash": session.Hash, "created": int64(session.CreatedAt),
			"expires": int64(session.ExpiresAt), "most": maxSessions}
		for _, text := range []string{
			"INSERT INTO sessions (id, key_id, hash, created_at, expires_at) VALUES (:id, :key, :hash, :created, :expires)",
			`DELETE FROM sessions WHERE key_id = :key AND id NOT IN
				(SELECT id FROM sessions WHERE key_id = :key ORDER BY created_at DESC, id LIMIT :most)`,
		} {
			if _, err := execute(ctx, tx, text, a); err != nil {
				return err
			}
		}
		return s.note(ctx, tx, access.NewEntry(session.CreatedAt, access.ActorOf(ctx), access.ActionLogin, session.KeyID, access.Diff{}))
	})
}

// RemoveSession deletes a session; one that has ended is no error.
func (s *Store) RemoveSession(ctx context.Context, id string, now job.Instant) error {
	if !storable(id) {
		return nil
	}
	return s.write(ctx, "remove session", func(tx *sqlx.Tx) error {
		n, err := execute(ctx, tx, "DELETE FROM sessions WHERE id = :id", args{"id": id})
		if err != nil || n == 0 {
			return err
		}
		by := access.ActorOf(ctx)
		return s.note(ctx, tx, access.NewEntry(now, by, access.ActionLogout, by.ID, access.Diff{}))
	})
}
