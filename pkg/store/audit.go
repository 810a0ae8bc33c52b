package store

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// Bounds of the audit log.
const (
	maxEntries = 1_000_000
	// pruneChunk is how many rows one transaction deletes, so that others get their turn.
	pruneChunk = 2000
)

// note writes lines of the audit log, in the transaction of what they tell of.
func (s *Store) note(ctx context.Context, tx conn, entries ...access.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var rows rowset
	for i := range entries {
		e := &entries[i]
		diff, err := json.Marshal(e.Diff)
		if err != nil {
			return &job.Error{Code: job.CodeInternal, Detail: "the audit log cannot be written", Err: err}
		}
		truncated := 0
		if e.Truncated {
			truncated = 1
		}
		rows.add(e.At, e.Actor.ID, e.Actor.Name, e.Address, e.RequestID, e.Action, e.Target, truncated, string(diff))
	}
	_, err := execute(ctx, tx, `INSERT INTO audit (at, actor, actor_name, address, request_id, action, target, truncated, diff)
		SELECT v.* FROM `+s.d.rows("at BIGINT", "actor TEXT", "actor_name TEXT", "address TEXT", "request_id TEXT", "action TEXT",
		"target TEXT", "truncated BIGINT", "diff TEXT")+" AS v", args{"rows": rows.text()})
	return err
}

// noteJobs writes into the audit log what became of jobs; before is nil where one was made.
func (s *Store) noteJobs(ctx context.Context, tx conn, edits []edit) error {
	entries := make([]access.Entry, len(edits))
	for i, e := range edits {
		c, target := e.change, e.change.after
		if target == nil {
			target = c.before
		}
		diff := access.DiffJobs(c.before, c.after)
		entries[i] = access.NewEntry(c.at, access.ActorOf(ctx), jobAction(c, diff), target.ID, diff)
	}
	return s.note(ctx, tx, entries...)
}

// jobAction names what became of a job.
func jobAction(c turnover, diff access.Diff) string {
	switch {
	case c.before == nil:
		return access.ActionCreateJob
	case c.after == nil:
		return access.ActionDeleteJob
	}
	for _, change := range diff.Changes {
		switch change.Field {
		case "status", "pause_reason", "paused_until":
		default:
			return access.ActionUpdateJob
		}
	}
	switch was, is := c.before.Status, c.after.Status; {
	case is == job.StatusPaused && len(diff.Changes) > 0:
		return access.ActionPauseJob
	case was == job.StatusPaused && is != was:
		return access.ActionResumeJob
	}
	return access.ActionUpdateJob
}

// AddEntry writes a line of the audit log about something that is not in this database.
func (s *Store) AddEntry(ctx context.Context, e access.Entry) error {
	return s.write(ctx, "add to the audit log", func(tx *sqlx.Tx) error { return s.note(ctx, tx, e) })
}

// ListEntries reads a page of the audit log, newest first. The error is
// CodeInvalid with Fields for a cursor that is none.
func (s *Store) ListEntries(ctx context.Context, q access.EntryQuery) (access.EntryPage, error) {
	var page access.EntryPage
	where, a, err := entryFilter(&q)
	if err != nil || a == nil {
		return page, err
	}
	limit := max(1, min(q.Limit, maxPage))
	a["limit"] = limit + 1
	size := func(r *entryRow) int { return len(r.Diff) }
	rows, full, err := readPage(ctx, s, size, `SELECT id, at, actor, actor_name, address, request_id, action, target, truncated, diff
		FROM audit`+where.String()+" ORDER BY id DESC LIMIT :limit", a)
	if err != nil {
		return page, fail("list audit log", err)
	}
	if full || len(rows) > limit {
		limit = min(limit, len(rows))
		rows = rows[:limit]
		page.NextCursor = cursor{List: "audit", ID: strconv.FormatInt(rows[limit-1].ID, 10)}.encode()
	}
	page.Entries = make([]access.Entry, len(rows))
	for i := range rows {
		if page.Entries[i], err = rows[i].entry(); err != nil {
			return page, err
		}
	}
	return page, nil
}

// entryFilter says which lines match; no arguments: none can.
func entryFilter(q *access.EntryQuery) (where conditions, a args, err error) {
	after, err := readCursor(q.Cursor, "audit")
	if err != nil || !storable(q.Actor, q.Action, q.Target) {
		return nil, nil, err
	}
	a = args{}
	if after != nil {
		id, err := strconv.ParseInt(after.ID, 10, 64)
		if err != nil {
			return nil, nil, badCursor()
		}
		where = where.and("id < :after")
		a["after"] = id
	}
	if q.Actor != "" {
		where, a["actor"] = where.and("(actor = :actor OR actor_name = :actor)"), q.Actor
	}
	if q.Action != "" {
		where, a["action"] = where.and("action = :action"), q.Action
	}
	if q.Target != "" {
		where, a["target"] = where.and("target = :target"), q.Target
	}
	if q.Since != nil {
		where, a["since"] = where.and("at >= :since"), int64(*q.Since)
	}
	if q.Until != nil {
		where, a["until"] = where.and("at <= :until"), int64(*q.Until)
	}
	return where, a, nil
}

// entryRow is a line of the audit log as it is kept.
type entryRow struct {
	ID        int64       `db:"id"`
	At        job.Instant `db:"at"`
	Actor     string      `db:"actor"`
	ActorName string      `db:"actor_name"`
	Address   string      `db:"address"`
	RequestID string      `db:"request_id"`
	Action    string      `db:"action"`
	Target    string      `db:"target"`
	Truncated int         `db:"truncated"`
	Diff      string      `db:"diff"`
}

func (r *entryRow) entry() (access.Entry, error) {
	by := access.Actor{ID: r.Actor, Name: r.ActorName, Address: r.Address, RequestID: r.RequestID}
	diff := access.Diff{Truncated: r.Truncated != 0}
	if err := json.Unmarshal([]byte(r.Diff), &diff.Changes); err != nil {
		return access.Entry{}, fail("read audit log", err)
	}
	e := access.NewEntry(r.At, by, r.Action, r.Target, diff)
	e.ID = r.ID
	return e, nil
}

// PruneAccess deletes sessions that ended before now, and lines of the audit log from before a moment. Where there are
// still too many lines, those who wrote the most lose their oldest.
func (s *Store) PruneAccess(ctx context.Context, now, auditBefore job.Instant) error {
	for _, text := range []string{
		"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < :now LIMIT :chunk)",
		"DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < :before LIMIT :chunk)",
	} {
		for deleted := int64(pruneChunk); deleted == pruneChunk; {
			var err error
			if deleted, err = s.prune(ctx, text, args{"now": int64(now), "before": int64(auditBefore)}); err != nil {
				return err
			}
		}
	}
	return s.boundAudit(ctx, maxEntries)
}

func (s *Store) prune(ctx context.Context, text string, a args) (deleted int64, err error) {
	if a["chunk"] == nil {
		a["chunk"] = pruneChunk
	}
	err = s.write(ctx, "prune", func(tx *sqlx.Tx) (err error) {
		deleted, err = execute(ctx, tx, text, a)
		return err
	})
	return deleted, err
}

// boundAudit deletes lines of the audit log beyond a number: each time the oldest of whoever has most of them. So one
// who floods the log, to have what it told forgotten, loses lines of their own.
func (s *Store) boundAudit(ctx context.Context, most int64) error {
	type share struct {
		Actor string `db:"actor"`
		Lines int64  `db:"lines"`
	}
	shares, err := readAll[share](ctx, s, "SELECT actor, count(*) AS lines FROM audit GROUP BY actor", args{})
	if err != nil {
		return fail("count the audit log", err)
	}
	excess := -most
	for _, who := range shares {
		excess += who.Lines
	}
	for excess > 0 {
		first := &shares[0]
		for i := range shares {
			if shares[i].Lines > first.Lines {
				first = &shares[i]
			}
		}
		deleted, err := s.prune(ctx, "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE actor = :actor ORDER BY id LIMIT :chunk)",
			args{"actor": first.Actor, "chunk": min(excess, pruneChunk)})
		if err != nil || deleted == 0 {
			return err
		}
		first.Lines -= deleted
		excess -= deleted
	}
	return nil
}
