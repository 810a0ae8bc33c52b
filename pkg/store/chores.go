package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// TakeChore makes the holder the only one to do a chore until the given moment,
// unless it is not due yet or another holds it, and says how far it has come. A
// chore that nobody ever did is due.
func (s *Store) TakeChore(ctx context.Context, name, holder string, now, until job.Instant) (place string, taken bool, err error) {
	var row struct {
		Due int64 `db:"due"`
	}
	found, err := readOne(ctx, s, &row, "SELECT CASE WHEN held_until > :now AND holder <> :holder THEN held_until ELSE due_at END AS due FROM chores WHERE name = :name",
		args{"name": name, "holder": holder, "now": int64(now)})
	if err != nil || found && row.Due > int64(now) {
		return "", false, fail("look for a chore", err) // most of the time, and without a write
	}
	err = s.write(ctx, "take a chore", func(tx *sqlx.Tx) error {
		taken, err = selectOne(ctx, tx, &place, `INSERT INTO chores (name, holder, held_until, due_at, place)
			VALUES (:name, :holder, :until, :now, '')
			ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
				WHERE chores.due_at <= :now AND (chores.held_until <= :now OR chores.holder = excluded.holder)
			RETURNING place`, args{"name": name, "holder": holder, "until": int64(until), "now": int64(now)})
		return err
	})
	return place, taken, err
}

// KeepChore notes how far a chore has come, until when the holder goes on with it,
// and when it is due again. It reports whether the holder still holds it.
func (s *Store) KeepChore(ctx context.Context, name, holder, place string, until, due job.Instant) (held bool, err error) {
	err = s.write(ctx, "keep a chore", func(tx *sqlx.Tx) error {
		n, err := execute(ctx, tx, "UPDATE chores SET place = :place, held_until = :until, due_at = :due WHERE name = :name AND holder = :holder",
			args{"name": name, "holder": holder, "place": place, "until": int64(until), "due": int64(due)})
		held = n > 0
		return err
	})
	return held, err
}
