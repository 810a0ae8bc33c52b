package store

import (
	"context"
	"crypto/rand"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

// Installation is the id of this installation. It is made once for each database.
func (s *Store) Installation(ctx context.Context) (string, error) {
	var id string
	if found, err := readOne(ctx, s, &id, "SELECT id FROM installation", args{}); found || err != nil {
		return id, fail("read the installation's id", err)
	}
	err := s.write(ctx, "make the installation's id", func(tx *sqlx.Tx) error {
		if _, err := execute(ctx, tx, "INSERT INTO installation (one, id) VALUES (1, :id) ON CONFLICT (one) DO NOTHING", args{"id": rand.Text()}); err != nil {
			return err
		}
		_, err := selectOne(ctx, tx, &id, "SELECT id FROM installation", args{})
		return err
	})
	return id, err
}

// UseTransport notes that a process uses a Redis, for the time that it asks for, and
// returns no users. If other processes use another Redis, it returns these, and
// the process does not count as a user any more. A process without a Transport only asks.
//
// If use.Before is set, and the process is noted with it, that Redis has a new id:
// all users of the old id become users of the new one. One of them that uses another
// Redis in truth is refused when it asks next.
func (s *Store) UseTransport(ctx context.Context, use job.TransportUse) (others []job.TransportUser, err error) {
	a := args{
		"process": use.Process, "role": use.Role, "transport": use.Transport, "before": use.Before,
		"for": use.For.Milliseconds(), "half": use.For.Milliseconds() / 2,
	}
	others, settled, err := s.otherUsers(ctx, s.r, a)
	if err != nil || settled {
		return nil, fail("ask who uses which redis", err) // most of the time, and without a write
	}
	err = s.write(ctx, "note which redis is used", func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT id FROM installation"+s.d.forUpdate("installation")); err != nil {
			return err
		}
		if use.Before != "" && use.Before != use.Transport {
			if err := s.renameTransport(ctx, tx, a); err != nil {
				return err
			}
		}
		if others, _, err = s.otherUsers(ctx, tx, a); err != nil {
			return err
		}
		if len(others) > 0 || use.Transport == "" {
			_, err = execute(ctx, tx, "DELETE FROM transport_users WHERE process = :process", a)
			return err
		}
		_, err = execute(ctx, tx, `INSERT INTO transport_users (process, role, transport, until_at)
			VALUES (:process, :role, :transport, `+s.d.nowMS()+` + CAST(:for AS BIGINT))
			ON CONFLICT (process) DO UPDATE SET transport = excluded.transport, until_at = excluded.until_at`, a)
		return err
	})
	return others, err
}

// otherUsers are the processes that use another Redis. If there are none, settled
// reports whether the process itself is noted for at least half of its time.
func (s *Store) otherUsers(ctx context.Context, q conn, a args) (others []job.TransportUser, settled bool, err error) {
	var rows []struct {
		job.TransportUser
		Long bool `db:"long"`
	}
	err = selectAll(ctx, q, &rows, `SELECT process, role, transport, until_at > `+s.d.nowMS()+` + CAST(:half AS BIGINT) AS long
		FROM transport_users WHERE `+s.valid()+` AND (process = :process OR transport <> :transport) ORDER BY process`, a)
	for i := range rows {
		if rows[i].Process != a["process"] {
			others = append(others, rows[i].TransportUser)
		} else {
			settled = rows[i].Long && rows[i].Transport == a["transport"]
		}
	}
	return others, settled && len(others) == 0, err
}

// renameTransport makes the users of the id before those of the new one, if the process is one of them.
func (s *Store) renameTransport(ctx context.Context, tx conn, a args) error {
	var mine int
	found, err := selectOne(ctx, tx, &mine, "SELECT 1 FROM transport_users WHERE process = :process AND transport = :before AND "+s.valid(), a)
	if err != nil || !found {
		return err
	}
	_, err = execute(ctx, tx, "UPDATE transport_users SET transport = :transport WHERE transport = :before", a)
	return err
}

// valid is a condition: the row has not expired. One that lasts longer than any may was written before the clock was set back.
func (s *Store) valid() string {
	return "until_at > " + s.d.nowMS() + " AND until_at <= " + s.d.nowMS() + " + CAST(:for AS BIGINT)"
}

// LeaveTransport notes that a process uses no Redis any more, and drops what has expired.
func (s *Store) LeaveTransport(ctx context.Context, process string) error {
	return s.write(ctx, "leave redis", func(tx *sqlx.Tx) error {
		_, err := execute(ctx, tx, "DELETE FROM transport_users WHERE process = :process OR until_at < "+s.d.nowMS(), args{"process": process})
		return err
	})
}

// ForgetTransports drops what processes of a role noted, who are known to have ended. On PostgreSQL nobody knows, and it does nothing.
func (s *Store) ForgetTransports(ctx context.Context, role string) error {
	if s.d != sqlite {
		return nil
	}
	return s.write(ctx, "forget who used which redis", func(tx *sqlx.Tx) error {
		_, err := execute(ctx, tx, "DELETE FROM transport_users WHERE role = :role", args{"role": role})
		return err
	})
}
