package store

import (
	"context"
	"fmt"
	"strings"

	"schedule-server/pkg/job"
)

// conditions are joined by AND.
type conditions []string

func (c conditions) and(more ...string) conditions { return append(c[:len(c):len(c)], more...) }

func (c conditions) String() string {
	if len(c) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c, " AND ")
}

// resting is what the index jobs_resting holds.
const resting = "j.status <> 'active'"

// jobFilter says which jobs match. They are found by an index only of the columns that lookup accepts.
func (s *Store) jobFilter(q *job.JobQuery, lookup func(column string) bool) (where conditions, a args) {
	a = args{}
	equal := func(column, value string) {
		if value == "" {
			return
		}
		name := "j." + column
		if !lookup(column) {
			name = s.d.unindexed(name)
		} else if column == "status" && value != string(job.StatusActive) {
			where = append(where, resting)
		}
		where = append(where, name+" = :"+column)
		a[column] = value
	}
	equal("type", q.Type)
	equal("status", string(q.Status))
	equal("last_state", string(q.LastState))
	equal("host", strings.ToLower(q.Host))
	next := "j.next_run_at"
	if !lookup("next_run_at") {
		next = s.d.unindexed(next)
	}
	if q.DueSince != nil {
		where = append(where, next+" >= :due_since")
		a["due_since"] = *q.DueSince
	}
	if q.DueUntil != nil {
		where = append(where, next+" <= :due_until")
		a["due_until"] = *q.DueUntil
	}
	if q.Unfinished {
		where = append(where, "j.status <> 'completed'")
	}
	if q.Incident != "" {
		where = append(where, "j.id IN (SELECT i.job_id FROM incidents i WHERE i.closed_at IS NULL AND i.job_id >= '' AND i.kind = :incident)")
		a["incident"] = q.Incident
	}
	if q.IDContains != "" {
		where = append(where, s.d.contains("j.id", ":id_part"))
		a["id_part"] = q.IDContains
	}
	for i, tag := range q.Tags {
		name := fmt.Sprintf("tag%d", i)
		where = append(where, s.d.contains("j.tags", ":"+name))
		a[name] = tagLine(tag)
	}
	if q.Text != "" {
		where = append(where, s.d.contains("j.search", ":text"))
		a["text"] = fold(q.Text)
	}
	return where, a
}

// anyIndex looks jobs up by whatever index the database likes.
func anyIndex(string) bool { return true }

// manyJobs is above how many it is faster to walk a list in its order, and leave out
// what does not match, than to look all up and sort them.
const manyJobs = 3000

// chooseIndex says by which column a page is to be found: one that few jobs share, if
// there is such, and else by the order of the list alone. SQLite would take the index in
// any case, and sort a million jobs of one host to show fifty.
func (s *Store) chooseIndex(ctx context.Context, q *job.JobQuery) (lookup func(column string) bool, err error) {
	if s.d.weighs() {
		return anyIndex, nil
	}
	single := map[string]job.JobQuery{}
	if q.Host != "" {
		single["host"] = job.JobQuery{Host: q.Host}
	}
	if q.Type != "" {
		single["type"] = job.JobQuery{Type: q.Type}
	}
	if q.Status != "" && q.Status != job.StatusActive {
		single["status"] = job.JobQuery{Status: q.Status}
	}
	if q.LastState == job.StateFailed {
		single["last_state"] = job.JobQuery{LastState: q.LastState}
	}
	inOrder := q.Sort == "next_run_at" // the order is what bounds it then
	if isDue(q) && !inOrder {
		single["next_run_at"] = job.JobQuery{DueSince: q.DueSince, DueUntil: q.DueUntil}
	}
	chosen, least := "", int64(manyJobs+1)
	for _, column := range sortedKeys(single) {
		one := single[column]
		where, a := s.jobFilter(&one, anyIndex)
		a["limit"] = manyJobs + 1
		var n int64
		if _, err := readOne(ctx, s, &n, "SELECT count(*) FROM (SELECT 1 FROM jobs j"+where.String()+" LIMIT :limit) AS some", a); err != nil {
			return nil, err
		}
		if n < least {
			chosen, least = column, n
		}
	}
	if chosen == "" && inOrder {
		chosen = q.Sort
	}
	return func(column string) bool { return column == chosen }, nil
}

// isDue reports whether a query bounds when jobs are due.
func isDue(q *job.JobQuery) bool { return q.DueSince != nil || q.DueUntil != nil }

// countJobs counts all jobs that match. Most jobs are active: these are counted as all
// less the others, which have an index.
func (s *Store) countJobs(ctx context.Context, q job.JobQuery) (int64, error) {
	var less conditions
	switch {
	case q.Status == job.StatusActive:
		q.Status, less = "", conditions{resting}
	case q.Unfinished && q.Status == "":
		q.Unfinished, less = false, conditions{resting, "j.status = 'completed'"}
	}
	count := func(lookup func(string) bool, less ...string) (n int64, err error) {
		where, a := s.jobFilter(&q, lookup)
		where = where.and(less...)
		text := s.d.allJobs()
		if len(where) > 0 {
			text = "SELECT count(*) FROM jobs j" + where.String()
		}
		_, err = readOne(ctx, s, &n, text, a)
		return n, err
	}
	total, err := count(anyIndex)
	if err != nil || less == nil {
		return total, err
	}
	others, err := count(func(string) bool { return false }, less...)
	return max(0, total-others), err // jobs may have changed in between
}
