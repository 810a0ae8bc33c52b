package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

const keyColumns = "k.id, k.name, k.scope, k.hash, k.created_at, k.expires_at, k.last_used_at"

// keyRow is a key as it is kept.
type keyRow struct {
	ID         string       `db:"id"`
	Name       string       `db:"name"`
	Scope      access.Scope `db:"scope"`
	Hash       string       `db:"hash"`
	CreatedAt  job.Instant  `db:"created_at"`
	ExpiresAt  *job.Instant `db:"expires_at"`
	LastUsedAt *job.Instant `db:"last_used_at"`
}

func (r *keyRow) key() access.Key { return access.Key(*r) }

// HasKeys reports whether there is any key, an expired one included.
func (s *Store) HasKeys(ctx context.Context) (bool, error) {
	var n int
	_, err := readOne(ctx, s, &n, "SELECT count(*) FROM (SELECT 1 FROM api_keys LIMIT 1) AS k", args{})
	return n > 0, fail("look for keys", err)
}

// FindKey reads a key. The error is CodeNotFound when there is none.
func (s *Store) FindKey(ctx context.Context, id string) (*access.Key, error) {
	if !storable(id) {
		return nil, job.NotFound("key", id)
	}
	var row keyRow
	found, err := readOne(ctx, s, &row, "SELECT "+keyColumns+" FROM api_keys k WHERE k.id = :id", args{"id": id})
	switch {
	case err != nil:
		return nil, fail("find key", err)
	case !found:
		return nil, job.NotFound("key", id)
	}
	key := row.key()
	return &key, nil
}

const listKeys = "SELECT " + keyColumns + " FROM api_keys k ORDER BY k.created_at, k.id"

// ListKeys reads all keys, in the order in which they were made.
func (s *Store) ListKeys(ctx context.Context) ([]access.Key, error) {
	rows, err := readAll[keyRow](ctx, s, listKeys, args{})
	return keysOf(rows), fail("list keys", err)
}

func keysOf(rows []keyRow) []access.Key {
	keys := make([]access.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].key()
	}
	return keys
}

// AddKey inserts a key, unless admit, given those that there are, refuses; its
// error is returned as it is. Nobody else adds or removes one meanwhile.
func (s *Store) AddKey(ctx context.Context, k *access.Key, admit func(existing []access.Key) error) error {
	return s.changeKeys(ctx, "add key", admit, func(tx *sqlx.Tx, _ []access.Key) error {
		var ends any
		if k.ExpiresAt != nil {
			ends = int64(*k.ExpiresAt)
		}
		if _, err := execute(ctx, tx, `INSERT INTO api_keys (id, name, scope, hash, created_at, expires_at)
			VALUES (:id, :name, :scope, :hash, :created_at, :expires_at)`, args{"id": k.ID, "name": k.Name, "scope": string(k.Scope),
			"hash": k.Hash, "created_at": int64(k.CreatedAt), "expires_at": ends}); err != nil {
			return err
		}
		return s.note(ctx, tx, access.NewEntry(k.CreatedAt, access.ActorOf(ctx), access.ActionCreateKey, k.ID, access.DiffOf(nil, shownKey(k))))
	})
}

// RemoveKey deletes a key and the sessions of it, unless release, given those
// that there are, refuses; its error is returned as it is.
func (s *Store) RemoveKey(ctx context.Context, id string, now job.Instant, release func(existing []access.Key) error) error {
	return s.changeKeys(ctx, "remove key", release, func(tx *sqlx.Tx, existing []access.Key) error {
		for _, text := range []string{"DELETE FROM api_keys WHERE id = :id", "DELETE FROM sessions WHERE key_id = :id"} {
			if _, err := execute(ctx, tx, text, args{"id": id}); err != nil {
				return err
			}
		}
		for i := range existing {
			if k := &existing[i]; k.ID == id {
				return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), access.ActionDeleteKey, id, access.DiffOf(shownKey(k), nil)))
			}
		}
		return nil
	})
}

// shownKey is what the audit log tells of a key.
func shownKey(k *access.Key) any {
	return struct {
		Name      string       `json:"name"`
		Scope     access.Scope `json:"scope"`
		ExpiresAt *job.Instant `json:"expires_at"`
	}{k.Name, k.Scope, k.ExpiresAt}
}

func (s *Store) changeKeys(ctx context.Context, doing string, allow func([]access.Key) error, work func(*sqlx.Tx, []access.Key) error) error {
	return s.write(ctx, doing, func(tx *sqlx.Tx) error {
		if err := s.d.lockTable(ctx, tx, "api_keys"); err != nil {
			return err
		}
		var rows []keyRow
		if err := selectAll(ctx, tx, &rows, listKeys, args{}); err != nil {
			return err
		}
		existing := keysOf(rows)
		if err := allow(existing); err != nil {
			return callerError{err}
		}
		return work(tx, existing)
	})
}

// TouchKeys notes when keys were last used; a later moment stays.
func (s *Store) TouchKeys(ctx context.Context, used map[string]job.Instant) error {
	var rows rowset
	for _, id := range sortedKeys(used) {
		rows.add(id, used[id])
	}
	if rows.n == 0 {
		return nil
	}
	return s.write(ctx, "touch keys", func(tx *sqlx.Tx) error {
		_, err := execute(ctx, tx, "UPDATE api_keys SET last_used_at = v.at FROM "+s.d.rows("id TEXT", "at BIGINT")+
			" AS v WHERE api_keys.id = v.id AND (last_used_at IS NULL OR last_used_at < v.at)", args{"rows": rows.text()})
		return err
	})
}
