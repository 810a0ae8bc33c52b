package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// keptCalendars are the calendars of the database as a process last read them.
type keptCalendars struct {
	set trigger.Calendars
	mu  sync.Mutex
	// versions tell whether they are those of the database still.
	versions map[string]int64
	compiled map[string]*trigger.Calendar
}

// Calendars are the calendars of the database, for the parsers of this process. They are read anew by RefreshCalendars,
// and by every claim and change of a job that goes by one.
func (s *Store) Calendars() *trigger.Calendars { return &s.calendars.set }

// RefreshCalendars reads the calendars that changed.
func (s *Store) RefreshCalendars(ctx context.Context) error {
	_, err := s.readCalendars(ctx, s.r)
	return fail("read calendars", err)
}

// calendarRow is a calendar as it is stored.
type calendarRow struct {
	ID         string      `db:"id"`
	Version    int64       `db:"version"`
	Definition string      `db:"definition"`
	UpdatedAt  job.Instant `db:"updated_at"`
}

// readCalendars brings what the process knows up to date, and reports whether that was needed.
func (s *Store) readCalendars(ctx context.Context, q conn) (changed bool, err error) {
	var rows []calendarRow
	if err := selectAll(ctx, q, &rows, "SELECT id, version, '' AS definition, updated_at FROM calendars", args{}); err != nil {
		return false, err
	}
	versions := make(map[string]int64, len(rows))
	for _, r := range rows {
		versions[r.ID] = r.Version
	}
	k := &s.calendars
	k.mu.Lock()
	same := maps.Equal(versions, k.versions)
	k.mu.Unlock()
	if same {
		return false, nil
	}
	if err := selectAll(ctx, q, &rows, "SELECT id, version, definition, updated_at FROM calendars", args{}); err != nil {
		return false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	compiled := make(map[string]*trigger.Calendar, len(rows))
	versions = make(map[string]int64, len(rows))
	for _, r := range rows {
		versions[r.ID] = r.Version
		if known := k.compiled[r.ID]; known != nil && known.Version() == r.Version {
			compiled[r.ID] = known
			continue
		}
		var spec trigger.CalendarSpec
		err := json.Unmarshal([]byte(r.Definition), &spec)
		if err == nil {
			compiled[r.ID], err = trigger.CompileCalendar(r.ID, r.Version, spec)
		}
		if err != nil {
			delete(compiled, r.ID) // what goes by it says that there is none
			s.logger.ErrorContext(ctx, "a stored calendar cannot be read", "calendar", r.ID, "error", err)
		}
	}
	k.versions, k.compiled = versions, compiled
	k.set.Set(compiled)
	return true, nil
}

func usesCalendar(due []job.Due) bool {
	return slices.ContainsFunc(due, func(d job.Due) bool { return d.Schedule.Calendar != nil })
}

// calendarOf is the column of a job's calendar.
func calendarOf(j *job.Job) *string {
	if j.Schedule.Calendar == nil {
		return nil
	}
	return &j.Schedule.Calendar.ID
}

// checkCalendars refuses to write jobs that were planned by calendars that changed meanwhile, and keeps these from
// changing until the jobs are there: whoever changes one plans the jobs anew that it finds.
func (s *Store) checkCalendars(ctx context.Context, tx *sqlx.Tx) error {
	if err := s.d.lockTable(ctx, tx, "calendars"); err != nil {
		return err
	}
	changed, err := s.readCalendars(ctx, tx)
	if err == nil && changed {
		return callerError{job.Errorf(job.CodeConflict, "a calendar was changed a moment ago: send the job again")}
	}
	return err
}

const calendarUsers = "(SELECT count(*) FROM jobs j WHERE j.calendar = %s)"

// ListCalendars reads all calendars, the built-in ones too, by id.
func (s *Store) ListCalendars(ctx context.Context) ([]job.Calendar, error) {
	rows, err := readAll[calendarRow](ctx, s, "SELECT id, version, definition, updated_at FROM calendars", args{})
	if err != nil {
		return nil, fail("list calendars", err)
	}
	uses, err := readAll[struct {
		ID string `db:"calendar"`
		N  int64  `db:"n"`
	}](ctx, s, "SELECT calendar, count(*) AS n FROM jobs WHERE calendar IS NOT NULL GROUP BY calendar", args{})
	if err != nil {
		return nil, fail("list calendars", err)
	}
	all := map[string]*job.Calendar{}
	for id, spec := range trigger.BuiltInCalendars() {
		all[id] = &job.Calendar{ID: id, CalendarSpec: spec, BuiltIn: true}
	}
	for _, r := range rows {
		c := &job.Calendar{ID: r.ID, UpdatedAt: &r.UpdatedAt}
		if json.Unmarshal([]byte(r.Definition), &c.CalendarSpec) == nil {
			all[r.ID] = c
		}
	}
	for _, u := range uses {
		if c := all[u.ID]; c != nil {
			c.UsedBy = u.N
		}
	}
	list := make([]job.Calendar, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if err := all[id].Complete(); err == nil {
			list = append(list, *all[id])
		}
	}
	return list, nil
}

// GetCalendar reads one calendar. The error is CodeNotFound when there is none.
func (s *Store) GetCalendar(ctx context.Context, id string) (*job.Calendar, error) {
	all, err := s.ListCalendars(ctx)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].ID == id {
			return &all[i], nil
		}
	}
	return nil, job.NotFound("calendar", id)
}

// PutCalendar writes a calendar that Complete has found valid, and reports whether it is new. Jobs that go by it are
// planned anew by PlanCalendars.
func (s *Store) PutCalendar(ctx context.Context, c *job.Calendar, now job.Instant) (created bool, err error) {
	definition, err := json.Marshal(c.CalendarSpec)
	if err != nil || !storable(c.ID, string(definition)) {
		return false, unstorableCalendar()
	}
	err = s.write(ctx, "put calendar", func(tx *sqlx.Tx) error {
		if err := s.d.lockTable(ctx, tx, "calendars"); err != nil {
			return err
		}
		var sums struct {
			N       int64 `db:"n"`
			Version int64 `db:"version"`
		}
		if _, err := selectOne(ctx, tx, &sums, "SELECT count(*) AS n, COALESCE(MAX(version), 0) AS version FROM calendars", args{}); err != nil {
			return err
		}
		var before *string
		var old string
		found, err := selectOne(ctx, tx, &old, "SELECT definition FROM calendars WHERE id = :id", args{"id": c.ID})
		if err != nil {
			return err
		}
		if found {
			before = &old
		}
		if created = !found; created && sums.N >= job.MaxCalendars {
			return callerError{job.Errorf(job.CodeConflict, "there are %d calendars already", job.MaxCalendars)}
		}
		_, err = execute(ctx, tx, `INSERT INTO calendars (id, version, planned, definition, updated_at) VALUES (:id, :version, 0, :definition, :now)
			ON CONFLICT (id) DO UPDATE SET version = excluded.version, definition = excluded.definition, updated_at = excluded.updated_at`,
			args{"id": c.ID, "version": max(sums.Version+1, int64(now)), "definition": string(definition), "now": int64(now)})
		if err != nil {
			return err
		}
		after := string(definition)
		return s.noteCalendar(ctx, tx, access.ActionPutCalendar, c.ID, before, &after, now)
	})
	if err != nil {
		return false, err
	}
	return created, s.RefreshCalendars(ctx)
}

func unstorableCalendar() error {
	return job.Errorf(job.CodeInvalid, "texts must be UTF-8 without NUL")
}

// DeleteCalendar deletes a calendar that was written. The error is CodeNotFound, or CodeConflict as long as a job goes by it.
func (s *Store) DeleteCalendar(ctx context.Context, id string, now job.Instant) error {
	if !storable(id) {
		return job.NotFound("calendar", id)
	}
	err := s.write(ctx, "delete calendar", func(tx *sqlx.Tx) error {
		if err := s.d.lockTable(ctx, tx, "calendars"); err != nil {
			return err
		}
		var old string
		found, err := selectOne(ctx, tx, &old, "SELECT definition FROM calendars WHERE id = :id", args{"id": id})
		if err != nil {
			return err
		}
		if !found {
			if _, builtIn := trigger.BuiltInCalendars()[id]; builtIn {
				return callerError{job.Errorf(job.CodeConflict, "the calendar %q comes with the program: there is nothing to delete", id)}
			}
			return callerError{job.NotFound("calendar", id)}
		}
		var users int64
		if _, err := selectOne(ctx, tx, &users, "SELECT "+fmt.Sprintf(calendarUsers, ":id"), args{"id": id}); err != nil {
			return err
		}
		if users > 0 {
			return callerError{job.Errorf(job.CodeConflict, "the calendar %q is used by %d jobs", id, users)}
		}
		if _, err := execute(ctx, tx, "DELETE FROM calendars WHERE id = :id", args{"id": id}); err != nil {
			return err
		}
		return s.noteCalendar(ctx, tx, access.ActionDelCalendar, id, &old, nil, now)
	})
	if err != nil {
		return err
	}
	return s.RefreshCalendars(ctx)
}

// plannedAtOnce is how many jobs one step of PlanCalendars plans anew: few enough that a claim hardly waits for it.
const plannedAtOnce = 250

// PlanCalendars is the chore that plans the jobs anew whose calendar changed, some at a time.
func (s *Store) PlanCalendars(ctx context.Context, now job.Instant, place string) (job.ChoreStep, error) {
	id, version, after, err := s.calendarToPlan(ctx, place)
	if err != nil || id == "" {
		return job.ChoreStep{Done: true}, err
	}
	var ids []string
	err = s.write(ctx, "plan by a calendar", func(tx *sqlx.Tx) error {
		var changedAt job.Instant
		found, err := selectOne(ctx, tx, &changedAt, "SELECT updated_at FROM calendars WHERE id = :id AND version = :version",
			args{"id": id, "version": version})
		if ids = nil; err != nil || !found {
			return err
		}
		err = selectAll(ctx, tx, &ids, "SELECT id FROM jobs WHERE calendar = :id AND id > :after ORDER BY id LIMIT :limit",
			args{"id": id, "after": after, "limit": plannedAtOnce})
		if err != nil {
			return err
		}
		if err := s.planAnew(ctx, tx, ids, changedAt, now); err != nil || len(ids) == plannedAtOnce {
			return err
		}
		_, err = execute(ctx, tx, "UPDATE calendars SET planned = :version WHERE id = :id AND version = :version", args{"id": id, "version": version})
		return err
	})
	if err != nil || len(ids) < plannedAtOnce {
		return job.ChoreStep{}, err // from the beginning: another may have changed
	}
	return job.ChoreStep{Place: strings.Join([]string{id, strconv.FormatInt(version, 10), ids[len(ids)-1]}, "\x1f")}, nil
}

// calendarToPlan says which calendar the chore goes on with, and after which job; id is "" when none has changed.
func (s *Store) calendarToPlan(ctx context.Context, place string) (id string, version int64, after string, err error) {
	if parts := strings.SplitN(place, "\x1f", 3); len(parts) == 3 {
		if version, err = strconv.ParseInt(parts[1], 10, 64); err == nil {
			return parts[0], version, parts[2], nil
		}
	}
	var row calendarRow
	_, err = readOne(ctx, s, &row, "SELECT id, version, '' AS definition, updated_at FROM calendars WHERE planned <> version ORDER BY version LIMIT 1", args{})
	return row.ID, row.Version, "", fail("look for a calendar that changed", err)
}

// planAnew plans jobs as of the change of their calendar. What was due before it, and was not claimed, stays planned: the
// next claim judges it. What the change drops after it fell due is accounted for.
func (s *Store) planAnew(ctx context.Context, tx *sqlx.Tx, ids []string, changedAt, now job.Instant) error {
	rows, err := s.lockRows(ctx, tx, ids)
	if err != nil || len(rows) == 0 {
		return err
	}
	if _, err := s.readCalendars(ctx, tx); err != nil {
		return err
	}
	var changes []turnover
	var plans rowset
	for i := range rows {
		before, err := rows[i].job()
		if err != nil || before.Status != job.StatusActive || before.NextRunAt != nil && *before.NextRunAt <= changedAt {
			continue
		}
		schedule, err := before.Compile(&s.parser)
		if err != nil {
			continue // whoever claims it says so
		}
		after := *before
		after.Plan(schedule, max(changedAt, before.UpdatedAt))
		if after.NextRunAt == nil && before.NextRunAt == nil || after.NextRunAt != nil && before.NextRunAt != nil && *after.NextRunAt == *before.NextRunAt {
			continue
		}
		changes = append(changes, turnover{before: before, after: &after, at: now})
		plans.add(after.ID, string(after.Status), after.NextRunAt, after.DueAt)
	}
	if len(changes) == 0 {
		return nil
	}
	dropped, err := s.overtake(ctx, tx, changes)
	if err != nil {
		return err
	}
	_, err = execute(ctx, tx, `UPDATE jobs SET status = v.status, next_run_at = v.next_run_at, due_at = v.due_at
		FROM `+s.d.rows("id TEXT", "status TEXT", "next_run_at BIGINT", "due_at BIGINT")+" AS v WHERE jobs.id = v.id", args{"rows": plans.text()})
	if err != nil {
		return err
	}
	return s.writeLastRuns(ctx, tx, dropped)
}

// noteCalendar writes who changed a calendar into the audit log: how many days it has, not all of them.
func (s *Store) noteCalendar(ctx context.Context, tx *sqlx.Tx, action, id string, before, after *string, now job.Instant) error {
	type told struct {
		Name string `json:"name,omitempty"`
		Off  int    `json:"off,omitempty"`
		Work int    `json:"work,omitempty"`
	}
	tell := func(definition *string) (t told) {
		var spec trigger.CalendarSpec
		if definition != nil && json.Unmarshal([]byte(*definition), &spec) == nil {
			t = told{spec.Name, len(spec.Off), len(spec.Work)}
		}
		return t
	}
	return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), action, id, access.DiffOf(tell(before), tell(after))))
}

// followEvery is how often a process looks whether another has written a calendar.
const followEvery = time.Second

// FollowCalendars keeps what the process knows of the calendars up to date until the context ends. It returns nil.
func (s *Store) FollowCalendars(ctx context.Context) error {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			_ = s.RefreshCalendars(ctx) // a database that is away is told of by those who need it
		}
	}
}
