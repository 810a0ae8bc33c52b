package store

import (
	"context"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
)

const (
	// spaceFree is how many free pages a SQLite file may have, and spaceShare of how
	// many pages one may be free, before it is made smaller: what is free is used
	// again, and a file that shrinks and grows all the time does needless work.
	spaceFree  = 16 * 1024
	spaceShare = 4
)

// Space gives the room of what was removed back to the file system, where there
// is much of it. PostgreSQL sees to that itself.
func (p *Pruner) Space(ctx context.Context, _ job.Instant, _ string) (step job.ChoreStep, err error) {
	step.Done = true
	if p.s.d != sqlite {
		return step, nil
	}
	var free, pages int64
	for pragma, into := range map[string]*int64{"PRAGMA freelist_count": &free, "PRAGMA page_count": &pages} {
		if _, err := readOne(ctx, p.s, into, pragma, args{}); err != nil {
			return step, fail("look for free space", err)
		}
	}
	if free <= spaceFree || free*spaceShare <= pages {
		return step, nil
	}
	var given []int64 // the statement is worked through by reading its rows, of which there are none
	err = p.s.write(ctx, "give space back", func(tx *sqlx.Tx) error {
		return selectAll(ctx, tx, &given, "PRAGMA incremental_vacuum(256)", args{})
	})
	if err != nil {
		return step, err
	}
	var left int64
	if _, err := readOne(ctx, p.s, &left, "PRAGMA freelist_count", args{}); err != nil {
		return step, fail("look for free space", err)
	}
	// A file that was made by an earlier version gives nothing back.
	step.Done = left >= free
	return step, nil
}
