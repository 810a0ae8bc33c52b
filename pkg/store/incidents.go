package store

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// incidentRow is an incident as it lies in its table.
type incidentRow struct {
	ID        string       `db:"id"`
	Kind      notify.Kind  `db:"kind"`
	JobID     string       `db:"job_id"`
	Subject   string       `db:"subject"`
	OpenedAt  job.Instant  `db:"opened_at"`
	ClosedAt  *job.Instant `db:"closed_at"`
	Times     int64        `db:"times"`
	Note      string       `db:"note"`
	RunID     string       `db:"run_id"`
	About     string       `db:"about"`
	Reminders int64        `db:"reminders"`
	RemindAt  *job.Instant `db:"remind_at"`
	AckUntil  *job.Instant `db:"ack_until"`
	AckBy     string       `db:"ack_by"`
	AckNote   string       `db:"ack_note"`

	// noted: it is among those that are written.
	noted bool
}

const incidentColumns = `i.id, i.kind, i.job_id, i.subject, i.opened_at, i.closed_at, i.times, i.note, i.run_id, i.about, i.reminders,
	i.remind_at, i.ack_until, i.ack_by, i.ack_note`

func (r *incidentRow) incident() notify.Incident {
	return notify.Incident{ID: r.ID, Kind: r.Kind, JobID: r.JobID, Subject: r.Subject, OpenedAt: r.OpenedAt, ClosedAt: r.ClosedAt, Count: r.Times,
		Note: r.Note, RunID: r.RunID, AcknowledgedUntil: r.AckUntil, AcknowledgedBy: r.AckBy, AcknowledgedNote: r.AckNote}
}

// incidentKey names an open incident: there is at most one.
type incidentKey struct {
	jobID   string
	kind    notify.Kind
	subject string
}

// transition is what happened to an incident in this transaction.
type transition struct {
	incident *incidentRow
	what     notify.Transition
	at       job.Instant
	// run is what it is about; nil: none.
	run *notify.RunAbout
}

// watcher collects, in one transaction, what becomes of incidents, and writes that with the rows of the outbox.
type watcher struct {
	s    *Store
	now  job.Instant
	open map[incidentKey]*incidentRow
	// made are new, touched have changed.
	made, touched []*incidentRow
	happened      []transition
	// changed are told to the pages.
	changed []job.IncidentChange
	// gone are jobs as they were before they were deleted in this transaction.
	gone map[string]*job.Job
	// config is read when somebody could be told.
	config *notifyConfig
}

// news adds what is told to the pages.
func (w *watcher) news(r *incidentRow) {
	w.changed = append(w.changed, job.IncidentChange{ID: r.ID, JobID: r.JobID, Kind: string(r.Kind), OpenedAt: r.OpenedAt, ClosedAt: r.ClosedAt})
}

// begin opens an incident, or counts once more what is open. Again: it is counted.
func (w *watcher) begin(key incidentKey, at job.Instant, note string, run *notify.RunAbout, again bool) {
	row := w.open[key]
	if row == nil {
		row = &incidentRow{ID: job.NewID(at), Kind: key.kind, JobID: key.jobID, Subject: key.subject, OpenedAt: at, About: "{}", noted: true}
		w.open[key] = row
		w.made = append(w.made, row)
	} else if !again {
		return
	} else {
		w.touch(row)
	}
	row.Times++
	row.Note = note
	if run != nil {
		row.RunID = run.ID
		if text, err := json.Marshal(run); err == nil {
			row.About = string(text) // for reminders
		}
	}
	w.happened = append(w.happened, transition{row, notify.Opened, at, run})
	w.news(row)
}

func (w *watcher) touch(row *incidentRow) {
	if !row.noted {
		row.noted = true
		w.touched = append(w.touched, row)
	}
}

// end closes an incident, if it is open.
func (w *watcher) end(key incidentKey, at job.Instant, note string, run *notify.RunAbout) {
	row := w.open[key]
	if row == nil {
		return
	}
	delete(w.open, key)
	w.touch(row)
	closed := max(at, row.OpenedAt)
	row.ClosedAt, row.RemindAt = &closed, nil
	if note != "" {
		row.Note = note
	}
	w.happened = append(w.happened, transition{row, notify.Closed, closed, run})
	w.news(row)
}

// watching reads the open incidents of jobs, for a transaction in which the jobs are locked.
func (s *Store) watching(ctx context.Context, tx *sqlx.Tx, ids []string, now job.Instant) (*watcher, error) {
	w := &watcher{s: s, now: now, open: map[incidentKey]*incidentRow{}}
	if len(ids) == 0 {
		return w, nil
	}
	var some int
	// The condition on job_id holds for all, and lets the first one be looked up in the index.
	found, err := selectOne(ctx, tx, &some, "SELECT 1 FROM incidents WHERE closed_at IS NULL AND job_id >= '' LIMIT 1", args{})
	if err != nil || !found {
		return w, err
	}
	var rows []incidentRow
	err = selectAll(ctx, tx, &rows, "SELECT "+incidentColumns+" FROM incidents i WHERE i.closed_at IS NULL AND "+s.d.in("i.job_id", ":ids"),
		args{"ids": s.d.list(ids)})
	for i := range rows {
		w.open[incidentKey{rows[i].JobID, rows[i].Kind, rows[i].Subject}] = &rows[i]
	}
	return w, err
}

// judge opens and closes the incidents that ended runs make or end, and those of jobs that were paused for failing.
// Begun are runs that are being called.
func (s *Store) judge(ctx context.Context, tx *sqlx.Tx, ended, begun []*job.Run, paused []job.Job, now job.Instant) ([]job.IncidentChange, error) {
	jobs := map[string]bool{}
	for _, run := range ended {
		if run.State != job.StateCanceled && (run.State != job.StateMissed || run.Reason != job.ReasonCoalesced) {
			jobs[run.JobID] = true
		}
	}
	for _, run := range begun {
		jobs[run.JobID] = true
	}
	if len(jobs) == 0 {
		return nil, nil
	}
	w, err := s.watching(ctx, tx, sortedKeys(jobs), now)
	if err != nil {
		return nil, err
	}
	if ended, err = s.ofJobs(ctx, tx, ended); err != nil {
		return nil, err
	}
	slices.SortStableFunc(ended, func(a, b *job.Run) int {
		return cmp.Or(cmp.Compare(finishedAt(a), finishedAt(b)), cmp.Compare(a.ID, b.ID))
	})
	for _, run := range begun {
		w.end(incidentKey{run.JobID, notify.KindLate, ""}, startOf(run), "", nil)
	}
	var missed []*job.Run
	for _, run := range ended {
		if run.State == job.StateSkipped || run.State == job.StateMissed && run.Reason == job.ReasonMisfire {
			missed = append(missed, run)
			continue
		}
		w.judge(run)
	}
	if err := w.judgeMissed(ctx, tx, missed); err != nil {
		return nil, err
	}
	for i := range paused {
		note := ""
		if paused[i].PauseReason != nil {
			note = *paused[i].PauseReason
		}
		w.begin(incidentKey{paused[i].ID, notify.KindPaused, ""}, paused[i].UpdatedAt, note, nil, false)
	}
	return w.write(ctx, tx)
}

// ofJobs leaves out the failed runs of jobs that are no more: nothing would ever close their incidents.
func (s *Store) ofJobs(ctx context.Context, tx *sqlx.Tx, ended []*job.Run) ([]*job.Run, error) {
	failed := map[string]bool{}
	for _, run := range ended {
		if run.State != job.StateSucceeded && run.State != job.StateCanceled {
			failed[run.JobID] = true
		}
	}
	if len(failed) == 0 {
		return slices.Clone(ended), nil
	}
	var there []string
	err := selectAll(ctx, tx, &there, "SELECT id FROM jobs WHERE "+s.d.in("id", ":ids"), args{"ids": s.d.list(sortedKeys(failed))})
	for _, id := range there {
		delete(failed, id)
	}
	return keep(slices.Clone(ended), func(r *job.Run) bool { return !failed[r.JobID] }), err
}

func startOf(r *job.Run) job.Instant {
	if r.StartedAt == nil {
		return r.ScheduledAt
	}
	return *r.StartedAt
}

// judge takes one run in that was called.
func (w *watcher) judge(run *job.Run) {
	if run.State != job.StateSucceeded && run.State != job.StateFailed {
		return
	}
	at, id := finishedAt(run), run.JobID
	w.end(incidentKey{id, notify.KindMissed, ""}, at, "", nil)
	w.end(incidentKey{id, notify.KindLate, ""}, at, "", nil)
	if run.State == job.StateFailed {
		w.begin(incidentKey{id, notify.KindFailing, ""}, at, "", notify.AboutRun(run), true)
		return
	}
	if len(w.open) == 0 {
		return
	}
	for _, kind := range []notify.Kind{notify.KindFailing, notify.KindOverdue, notify.KindSilent} {
		if w.open[incidentKey{id, kind, ""}] != nil {
			w.end(incidentKey{id, kind, ""}, at, "", notify.AboutRun(run))
		}
	}
}

// judgeMissed opens incidents for occurrences that did not run, of the jobs of which somebody wants to know that.
func (w *watcher) judgeMissed(ctx context.Context, tx *sqlx.Tx, missed []*job.Run) error {
	if len(missed) == 0 {
		return nil
	}
	config, err := w.configure(ctx, tx)
	if err != nil || !config.anybody() {
		return err
	}
	wanted := map[string]bool{}
	if !config.rules.Wants(notify.KindMissed) {
		ids := map[string]bool{}
		for _, run := range missed {
			ids[run.JobID] = true
		}
		about, err := w.s.aboutJobs(ctx, tx, sortedKeys(ids))
		if err != nil {
			return err
		}
		for id, one := range about {
			wanted[id] = slices.Contains(one.policy.Notify.Kinds, string(notify.KindMissed))
		}
	}
	for _, run := range missed {
		if config.rules.Wants(notify.KindMissed) || wanted[run.JobID] {
			key := incidentKey{run.JobID, notify.KindMissed, ""}
			w.begin(key, max(finishedAt(run), w.now), "", notify.AboutRun(run), true)
		}
	}
	return nil
}

// aboutJob is what is known of a job that is told of.
type aboutJob struct {
	notify.About
	policy job.Policy
}

// aboutJobs reads what messages show of jobs.
func (s *Store) aboutJobs(ctx context.Context, tx *sqlx.Tx, ids []string) (map[string]*aboutJob, error) {
	var rows []jobRow
	err := selectAll(ctx, tx, &rows, "SELECT "+jobColumns+jobTables+"WHERE "+s.d.in("j.id", ":ids"), args{"ids": s.d.list(ids)})
	about := make(map[string]*aboutJob, len(rows))
	for i := range rows {
		j, _ := rows[i].job() // of one that cannot be read the id is known
		about[j.ID] = aboutOf(j)
	}
	return about, err
}

func aboutOf(j *job.Job) *aboutJob {
	return &aboutJob{notify.About{ID: j.ID, Name: j.Name, URL: job.RedactURL(j.Request.URL), Tags: append([]string{}, j.Tags...),
		TimeZone: j.Schedule.TimeZone}, j.Policy}
}

// configure reads rules and channels, once in a transaction.
func (w *watcher) configure(ctx context.Context, tx *sqlx.Tx) (*notifyConfig, error) {
	if w.config != nil {
		return w.config, nil
	}
	config, err := readConfig(ctx, tx)
	w.config = config
	return config, err
}

// write writes what was collected: the incidents, and who is to be told.
func (w *watcher) write(ctx context.Context, tx *sqlx.Tx) ([]job.IncidentChange, error) {
	if len(w.happened) == 0 && len(w.touched) == 0 {
		return nil, nil
	}
	config, err := w.configure(ctx, tx)
	if err != nil {
		return nil, err
	}
	var outbox rowset
	if config.anybody() {
		if err := w.address(ctx, tx, config, &outbox); err != nil {
			return nil, err
		}
	}
	if err := w.writeIncidents(ctx, tx); err != nil {
		return nil, err
	}
	return w.changed, w.s.addNotifications(ctx, tx, &outbox)
}

func (w *watcher) writeIncidents(ctx context.Context, tx *sqlx.Tx) error {
	columns := []string{"id TEXT", "kind TEXT", "job_id TEXT", "subject TEXT", "opened_at BIGINT", "closed_at BIGINT", "times BIGINT", "note TEXT",
		"run_id TEXT", "about TEXT", "reminders BIGINT", "remind_at BIGINT"}
	for _, part := range []struct {
		rows []*incidentRow
		text string
	}{
		{w.made, `INSERT INTO incidents (id, kind, job_id, subject, opened_at, closed_at, times, note, run_id, about, reminders, remind_at,
			ack_by, ack_note) SELECT v.*, '', '' FROM ` + w.s.d.rows(columns...) + " AS v"},
		{w.touched, `UPDATE incidents SET closed_at = v.closed_at, times = v.times, note = v.note, run_id = v.run_id, about = v.about,
			reminders = v.reminders, remind_at = v.remind_at FROM ` + w.s.d.rows(columns...) + " AS v WHERE incidents.id = v.id"},
	} {
		if len(part.rows) == 0 {
			continue
		}
		var rows rowset
		for _, r := range part.rows {
			rows.add(r.ID, string(r.Kind), r.JobID, r.Subject, r.OpenedAt, r.ClosedAt, r.Times, r.Note, r.RunID, r.About, r.Reminders, r.RemindAt)
		}
		if _, err := execute(ctx, tx, part.text, args{"rows": rows.text()}); err != nil {
			return err
		}
	}
	return nil
}

// address finds who is told of what happened, and adds a row of the outbox for each.
func (w *watcher) address(ctx context.Context, tx *sqlx.Tx, config *notifyConfig, outbox *rowset) error {
	ids, incidents := map[string]bool{}, map[string]bool{}
	for _, h := range w.happened {
		if h.incident.JobID != "" {
			ids[h.incident.JobID] = true
		}
		incidents[h.incident.ID] = true
	}
	about, err := w.s.aboutJobs(ctx, tx, sortedKeys(ids))
	if err != nil {
		return err
	}
	for id, j := range w.gone {
		about[id] = aboutOf(j)
	}
	matches, err := w.s.matchRules(ctx, tx, &config.rules, sortedKeys(ids), w.gone)
	if err != nil {
		return err
	}
	told, err := w.s.toldChannels(ctx, tx, sortedKeys(incidents))
	if err != nil {
		return err
	}
	for i := range w.happened {
		h := &w.happened[i]
		situation := &notify.Situation{Kind: h.incident.Kind, Count: h.incident.Times, Matches: matches[h.incident.JobID], At: h.at,
			Except: exceptOf(h.incident.Subject), Told: told[h.incident.ID]}
		var shown *notify.About
		if one := about[h.incident.JobID]; one != nil {
			situation.Own, shown = one.policy.Notify, &one.About
		}
		if err := w.tell(config, situation, h, shown, told, outbox); err != nil {
			return err
		}
	}
	return nil
}

// tell adds the rows for one transition.
func (w *watcher) tell(
	config *notifyConfig, situation *notify.Situation, h *transition, shown *notify.About, told map[string]map[string]bool, outbox *rowset,
) error {
	r := h.incident
	if h.what == notify.Opened && r.ClosedAt == nil {
		if every := config.rules.RemindEvery(situation); every > 0 && r.RemindAt == nil {
			at := h.at.Add(every)
			r.RemindAt = &at
		}
	}
	notice := notify.Notice{Incident: r.incident(), Transition: h.what, At: h.at, Job: shown, Run: h.run, Count: r.Times}
	if h.what == notify.Opened {
		notice.Incident.ClosedAt = nil // it may have been closed in the same transaction
	}
	suffix := string(h.what)
	if h.what == notify.Reminder {
		suffix += itoa(r.Reminders)
	}
	for _, target := range config.rules.Targets(situation, h.what) {
		if !config.enabled[target.Channel] {
			continue
		}
		notice.ID = r.ID + "." + suffix + "." + target.Channel
		text, err := json.Marshal(&notice)
		if err != nil {
			return err
		}
		outbox.add(notice.ID, r.ID, r.JobID, string(h.what), target.Channel, string(text), h.at, target.Hold)
		if h.what == notify.Opened {
			if told[r.ID] == nil {
				told[r.ID] = map[string]bool{}
			}
			told[r.ID][target.Channel] = true
		}
	}
	return nil
}

// toldChannels are the channels that were told of the opening of incidents.
func (s *Store) toldChannels(ctx context.Context, tx *sqlx.Tx, ids []string) (map[string]map[string]bool, error) {
	var rows []struct {
		IncidentID string `db:"incident_id"`
		Channel    string `db:"channel"`
	}
	err := selectAll(ctx, tx, &rows, "SELECT incident_id, channel FROM notifications WHERE transition = 'opened' AND "+s.d.in("incident_id", ":ids"),
		args{"ids": s.d.list(ids)})
	told := map[string]map[string]bool{}
	for _, r := range rows {
		if told[r.IncidentID] == nil {
			told[r.IncidentID] = map[string]bool{}
		}
		told[r.IncidentID][r.Channel] = true
	}
	return told, err
}

// matchRules says by job which rules pick it, by their places.
func (s *Store) matchRules(ctx context.Context, tx *sqlx.Tx, rules *notify.Rules, ids []string, gone map[string]*job.Job) (map[string]map[int]bool, error) {
	matches := make(map[string]map[int]bool, len(ids))
	for _, id := range ids {
		matches[id] = map[int]bool{}
	}
	for i := range rules.Rules {
		filter := &rules.Rules[i].Filter
		matching := ids
		if !filter.Empty() {
			query := filter.Query()
			where, a := s.jobFilter(&query, func(string) bool { return false })
			a["ids"] = s.d.list(ids)
			matching = nil
			err := selectAll(ctx, tx, &matching, "SELECT j.id FROM jobs j"+where.and(s.d.in("j.id", ":ids")).String(), a)
			if err != nil {
				return nil, err
			}
			for id := range gone { // whoever was told that it fails is told that it is gone
				matching = append(matching, id)
			}
		}
		for _, id := range matching {
			if matches[id] != nil {
				matches[id][i] = true
			}
		}
	}
	return matches, nil
}

// closeOf closes the incidents of jobs that were deleted, and ends the pauses of those that go on again. It also has
// jobs that are to be watched looked at.
func (s *Store) closeOf(ctx context.Context, tx *sqlx.Tx, edits []edit, now job.Instant) error {
	var ids []string
	for _, e := range edits {
		if e.row != nil {
			ids = append(ids, e.row.ID)
		} else if e.change.before != nil { // a claim has no row of it
			ids = append(ids, e.change.before.ID)
		}
	}
	w, err := s.watching(ctx, tx, ids, now)
	if err != nil || len(w.open) == 0 {
		return err
	}
	w.gone = map[string]*job.Job{}
	for _, e := range edits {
		if e.change.before != nil {
			w.changedJob(e.change.before, e.change.after, now)
		}
	}
	_, err = w.write(ctx, tx)
	return err
}

// changedJob closes what a change of a job ends.
func (w *watcher) changedJob(before, after *job.Job, now job.Instant) {
	id := before.ID
	if after == nil {
		w.gone[id] = before
		for _, kind := range notify.Kinds() {
			w.end(incidentKey{id, kind, ""}, now, "the job was deleted", nil)
		}
		return
	}
	if after.Status != job.StatusPaused {
		w.end(incidentKey{id, notify.KindPaused, ""}, now, "", nil)
	}
	for kind, watched := range map[notify.Kind]*job.Duration{notify.KindLate: after.Policy.Expect.StartWithin,
		notify.KindOverdue: after.Policy.Expect.FinishWithin, notify.KindSilent: after.Policy.Expect.SuccessEvery} {
		if watched == nil {
			w.end(incidentKey{id, kind, ""}, now, "it is no longer watched", nil)
		}
	}
}

// OpenKinds are the kinds of the open incidents of jobs.
func (s *Store) OpenKinds(ctx context.Context, ids []string) (map[string][]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := readAll[struct {
		JobID string `db:"job_id"`
		Kind  string `db:"kind"`
	}](ctx, s, "SELECT job_id, kind FROM incidents WHERE closed_at IS NULL AND "+s.d.in("job_id", ":ids")+" ORDER BY job_id, kind",
		args{"ids": s.d.list(storableOf(ids))})
	kinds := make(map[string][]string, len(rows))
	for _, r := range rows {
		kinds[r.JobID] = append(kinds[r.JobID], r.Kind)
	}
	return kinds, fail("read incidents", err)
}

// CountIncidents counts the open incidents by kind.
func (s *Store) CountIncidents(ctx context.Context) (map[string]int64, error) {
	rows, err := readAll[struct {
		Kind string `db:"kind"`
		N    int64  `db:"n"`
	}](ctx, s, "SELECT kind, count(*) AS n FROM incidents WHERE closed_at IS NULL GROUP BY kind", args{})
	counts := make(map[string]int64, len(rows))
	for _, r := range rows {
		counts[r.Kind] = r.N
	}
	return counts, fail("count incidents", err)
}

// ListIncidents reads a page of incidents, newest first.
func (s *Store) ListIncidents(ctx context.Context, q *notify.IncidentQuery) (*notify.IncidentPage, error) {
	var where conditions
	a := args{"limit": q.Limit + 1}
	switch q.State {
	case "open":
		where = where.and("i.closed_at IS NULL")
	case "closed":
		where = where.and("i.closed_at IS NOT NULL")
	}
	for column, value := range map[string]string{"job_id": q.JobID, "kind": string(q.Kind)} {
		if value != "" {
			where = where.and("i." + column + " = :" + column)
			a[column] = cleanText(value)
		}
	}
	if q.Since != nil {
		where = where.and("i.opened_at >= :since")
		a["since"] = int64(*q.Since)
	}
	if q.Cursor != "" {
		where = where.and("i.id < :cursor")
		a["cursor"] = cleanText(q.Cursor)
	}
	rows, err := readAll[incidentRow](ctx, s, "SELECT "+incidentColumns+" FROM incidents i"+where.String()+" ORDER BY i.id DESC LIMIT :limit", a)
	if err != nil {
		return nil, fail("list incidents", err)
	}
	page := &notify.IncidentPage{Incidents: []notify.Incident{}}
	for i := range rows {
		if i == q.Limit {
			page.NextCursor = rows[i-1].ID
			break
		}
		page.Incidents = append(page.Incidents, rows[i].incident())
	}
	return page, nil
}

// Acknowledge keeps an open incident from being reminded of until a moment. The error is CodeNotFound, or CodeConflict for one that is closed.
func (s *Store) Acknowledge(ctx context.Context, id string, until *job.Instant, note string, now job.Instant) (*notify.Incident, error) {
	var row incidentRow
	err := s.write(ctx, "acknowledge", func(tx *sqlx.Tx) error {
		row = incidentRow{}
		found := false
		var err error
		if storable(id) {
			found, err = selectOne(ctx, tx, &row, "SELECT "+incidentColumns+" FROM incidents i WHERE i.id = :id"+s.d.forUpdate("i"), args{"id": id})
		}
		switch {
		case err != nil:
			return err
		case !found:
			return callerError{job.NotFound("incident", id)}
		case row.ClosedAt != nil:
			return callerError{job.Errorf(job.CodeConflict, "the incident is closed")}
		}
		forever := job.Instant(253402300799000) // no end was given: until it is closed
		if until == nil {
			until = &forever
		}
		by := access.ActorOf(ctx)
		row.AckUntil, row.AckBy, row.AckNote = until, cmp.Or(by.Name, by.ID), note
		if _, err = execute(ctx, tx, "UPDATE incidents SET ack_until = :until, ack_by = :by, ack_note = :note WHERE id = :id",
			args{"id": id, "until": int64(*until), "by": row.AckBy, "note": cleanText(note)}); err != nil {
			return err
		}
		return s.note(ctx, tx, access.NewEntry(now, by, access.ActionAckIncident, id, access.DiffOf(nil, map[string]any{"until": until, "note": note})))
	})
	if err != nil {
		return nil, err
	}
	incident := row.incident()
	return &incident, nil
}
