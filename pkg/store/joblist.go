package store

import (
	"context"
	"fmt"

	"schedule-server/pkg/job"
)

// maxPage bounds what one page of any list holds.
const maxPage = 500

// order is how a list of jobs is sorted.
type order struct {
	// column is the sort key; "id" alone needs no second.
	column string
	// numeric tells the type of the key.
	numeric bool
	// nullable keys come last, whatever the direction.
	nullable   bool
	descending bool
	// sorted: few are looked up and then sorted, no index is walked in this order.
	sorted bool
}

func orderOf(q *job.JobQuery) (order, error) {
	o := order{column: q.Sort, descending: q.Descending}
	switch q.Sort {
	case "", "id":
		o.column = "id"
	case "name":
	case "next_run_at":
		o.numeric, o.nullable = true, true
	case "updated_at":
		o.numeric = true
	default:
		return o, &job.Error{Code: job.CodeInvalid, Detail: "1 field is invalid", Fields: []job.FieldError{{
			Field: "sort", Code: "invalid", Message: "sort is id, name, next_run_at or updated_at"}}}
	}
	return o, nil
}

func (o order) list() string { return fmt.Sprintf("jobs:%s:%t", o.column, o.descending) }

func (o order) direction() (compare, word string) {
	if o.descending {
		return "<", "DESC"
	}
	return ">", "ASC"
}

// cursorAfter is the place of a row in the order.
func (o order) cursorAfter(r *jobRow) string {
	c := cursor{List: o.list(), ID: r.ID}
	switch o.column {
	case "name":
		c.Text = &r.Name
	case "updated_at":
		c.Number = (*int64)(&r.UpdatedAt)
	case "next_run_at":
		c.Number = (*int64)(r.NextRunAt)
	}
	return c.encode()
}

// ListJobs reads a page of jobs and counts all that match. A job that stays as it
// is while others come and go is listed exactly once. The error is CodeInvalid
// with Fields for a sort or a cursor that is none.
func (s *Store) ListJobs(ctx context.Context, q job.JobQuery) (job.JobPage, error) {
	var page job.JobPage
	o, err := orderOf(&q)
	if err != nil {
		return page, err
	}
	after, err := readCursor(q.Cursor, o.list())
	if err != nil {
		return page, err
	}
	if !storableQuery(&q) {
		return page, nil // nothing is stored under such a text
	}
	lookup, err := s.chooseIndex(ctx, &q)
	if err != nil {
		return page, fail("list jobs", err)
	}
	o.sorted = isDue(&q) && o.column != "next_run_at" && lookup("next_run_at")
	where, a := s.jobFilter(&q, lookup)
	limit := max(1, min(q.Limit, maxPage))
	rows, full, err := s.jobPage(ctx, o, after, where, a, limit+1)
	if err != nil {
		return page, fail("list jobs", err)
	}
	if full {
		limit = min(limit, len(rows))
	}
	switch {
	case q.Uncounted:
	case after == nil && len(rows) <= limit && !full:
		page.Total = int64(len(rows)) // that was all
	default:
		if page.Total, err = s.countJobs(ctx, q); err != nil {
			return page, fail("count jobs", err)
		}
	}
	if len(rows) > limit || full {
		rows = rows[:limit]
		page.NextCursor = o.cursorAfter(&rows[limit-1])
	}
	page.Jobs = make([]job.Job, len(rows))
	for i := range rows {
		j, _ := rows[i].job() // one that cannot be read is marked
		page.Jobs[i] = *j
	}
	if q.Recent > 0 {
		err = s.addRecent(ctx, page.Jobs, min(q.Recent, maxRecent))
	}
	return page, err
}

// storableQuery reports whether anything could be stored under the texts of a query.
func storableQuery(q *job.JobQuery) bool {
	return storable(q.Text, q.IDContains, q.Type, string(q.Status), string(q.LastState), q.Host) && storable(q.Tags...)
}

// jobPage reads up to limit rows after a place, fewer when they are large: full reports that there may be more then.
// Keys that are NULL are a list of their own behind the others: both databases walk an index for either.
func (s *Store) jobPage(ctx context.Context, o order, after *cursor, where conditions, a args, limit int) (rows []jobRow, full bool, err error) {
	a["limit"] = limit
	if o.column == "id" {
		return s.jobRows(ctx, o, where, a, after)
	}
	inNulls := after != nil && after.Text == nil && after.Number == nil
	if !inNulls {
		keyed := where
		if o.nullable {
			keyed = where.and("j." + o.column + " IS NOT NULL")
		}
		if rows, full, err = s.jobRows(ctx, o, keyed, a, after); err != nil || full || len(rows) == limit || !o.nullable {
			return rows, full, err
		}
		after = nil
	}
	a["limit"] = limit - len(rows)
	unkeyed := order{column: "id", descending: o.descending}
	more, full, err := s.jobRows(ctx, unkeyed, where.and("j."+o.column+" IS NULL"), a, after)
	return append(rows, more...), full, err
}

// jobRows reads rows of one list of keys.
func (s *Store) jobRows(ctx context.Context, o order, where conditions, a args, after *cursor) (rows []jobRow, full bool, err error) {
	compare, word := o.direction()
	id, key := "j.id", "j."+o.column
	if o.sorted { // SQLite would rather walk all jobs
		id, key = s.d.unindexed(id), s.d.unindexed(key)
	}
	by := id + " " + word
	if o.column != "id" {
		by = key + " " + word + ", " + by
	}
	if after != nil {
		a["after_id"] = after.ID
		switch {
		case o.column == "id":
			where = where.and(id + " " + compare + " :after_id")
		case o.numeric && after.Number != nil:
			a["after_key"] = *after.Number
		case !o.numeric && after.Text != nil:
			a["after_key"] = *after.Text
		default:
			a["after_key"] = nil // a forged cursor: it is after nothing
		}
		if o.column != "id" {
			where = where.and("(" + key + ", " + id + ") " + compare + " (:after_key, :after_id)")
		}
	}
	size := func(r *jobRow) int { return len(r.Request) + len(r.Description) + len(r.Policy) + len(r.Schedule) }
	return readPage(ctx, s, size, "SELECT "+jobColumns+jobTables+where.String()+" ORDER BY "+by+" LIMIT :limit", a)
}
