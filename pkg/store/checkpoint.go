package store

import "context"

// checkpoint writes a SQLite log back into its file without holding anybody up,
// on a connection beside the one that writes: otherwise a commit does so when the
// log is full, and all writers wait for it. That it could not is no fault: a later one will.
func (s *Store) checkpoint(ctx context.Context) {
	if s.d == sqlite {
		_, _ = s.r.ExecContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)")
	}
}
