package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

const (
	// window is how long a channel gathers what happens after a message.
	window = 10 * time.Second
	// sendSoon is how long news of a message may take beyond what it was promised for.
	sendSoon = 45 * time.Second
	// maxGathered is how many notifications one message holds.
	maxGathered = 500
	// spreadAround is how far around full and half hours a channel waits that does not want to be called just then.
	spreadAround = 20 * time.Second
)

// addNotifications writes rows of the outbox. One that is there already stays as it is.
func (s *Store) addNotifications(ctx context.Context, tx *sqlx.Tx, rows *rowset) error {
	if rows.n == 0 {
		return nil
	}
	_, err := execute(ctx, tx, `INSERT INTO notifications (id, incident_id, job_id, transition, channel, state, notice, created_at, hold_until)
		SELECT v.id, v.incident_id, v.job_id, v.transition, v.channel, 'pending', v.notice, v.created_at, v.hold_until FROM `+
		s.d.rows("id TEXT", "incident_id TEXT", "job_id TEXT", "transition TEXT", "channel TEXT", "notice TEXT", "created_at BIGINT", "hold_until BIGINT")+
		" AS v WHERE 1 = 1 ON CONFLICT (id) DO NOTHING", args{"rows": rows.text()})
	return err
}

// waitingChannel is a channel for which something waits, with how many messages to it are under way.
type waitingChannel struct {
	channelRow
	UnderWay int `db:"under_way"`
}

const waitingChannels = "SELECT " + channelColumns + `, (SELECT count(*) FROM messages m WHERE m.channel = c.id AND m.state = 'queued') AS under_way
	FROM channels c WHERE c.enabled = 1 AND EXISTS (
		SELECT 1 FROM notifications n WHERE n.channel = c.id AND n.state = 'pending' AND n.hold_until <= :now) ORDER BY c.id`

// Dispatch makes messages of what waits in the outbox, one a channel at most: at once where the channel was quiet, else when
// its window is over and nothing of it is under way. PublicURL is for the links in them.
func (s *Store) Dispatch(ctx context.Context, publicURL string, now job.Instant) (tasks []job.Task, err error) {
	a := args{"now": int64(now)}
	ready := func(c waitingChannel) bool { return c.room(now) > 0 }
	// This is asked twice a second, so no claim is to wait for it while there is nothing to send.
	channels, err := readAll[waitingChannel](ctx, s, waitingChannels, a)
	if err != nil || !slices.ContainsFunc(channels, ready) {
		return nil, fail("look into the outbox", err)
	}
	err = s.write(ctx, "dispatch notifications", func(tx *sqlx.Tx) error {
		tasks, channels = nil, nil
		if err := selectAll(ctx, tx, &channels, waitingChannels+s.d.skipLocked("c"), a); err != nil {
			return err
		}
		for i := range channels {
			made, err := s.dispatchTo(ctx, tx, &channels[i], publicURL, now)
			if err != nil {
				return err
			}
			tasks = append(tasks, made...)
		}
		return nil
	})
	return tasks, err
}

// room is how many messages the channel takes now. Where a message holds many notifications, it is one at most.
func (c *waitingChannel) room(now job.Instant) int {
	preset, perMinute := notify.PresetOf(c.Kind), c.channel().PerMinute()
	if preset == nil || !c.mayBeTold(preset, perMinute, now) {
		return 0
	}
	most := 1
	if preset.Single {
		most = min(max(1, perMinute*int(window.Seconds())/60), 20)
	}
	return most - c.UnderWay
}

// messageRow is what is kept of a message.
type messageRow struct {
	ID         string       `db:"id"`
	Channel    string       `db:"channel"`
	State      string       `db:"state"`
	Body       string       `db:"body"`
	CreatedAt  job.Instant  `db:"created_at"`
	ExpectedBy job.Instant  `db:"expected_by"`
	FinishedAt *job.Instant `db:"finished_at"`
	Attempts   string       `db:"attempts"`
	Response   *string      `db:"response"`
}

const messageColumns = "m.id, m.channel, m.state, m.body, m.created_at, m.expected_by, m.finished_at, m.attempts, m.response"

// mayBeTold reports whether a channel takes a message now.
func (r *channelRow) mayBeTold(preset *notify.Preset, perMinute int, now job.Instant) bool {
	if preset.Spread {
		at := now.Time().Unix() % 1800
		if seconds := int64(spreadAround.Seconds()); at < seconds || at >= 1800-seconds {
			return false
		}
	}
	gap := max(window, time.Minute/time.Duration(perMinute))
	return r.SentAt == nil || now.Sub(*r.SentAt) >= gap || now < *r.SentAt // the clock was set back
}

// dispatchTo makes the next message of a channel, or some where each holds one notification.
func (s *Store) dispatchTo(ctx context.Context, tx *sqlx.Tx, r *waitingChannel, publicURL string, now job.Instant) ([]job.Task, error) {
	most := r.room(now)
	if most <= 0 {
		return nil, nil
	}
	preset, channel := notify.PresetOf(r.Kind), r.channel()
	if !preset.Single {
		most = maxGathered
	}
	var rows []struct {
		ID     string `db:"id"`
		Notice string `db:"notice"`
	}
	err := selectAll(ctx, tx, &rows, `SELECT n.id, n.notice FROM notifications n WHERE n.channel = :id AND n.state = 'pending' AND n.hold_until <= :now
		ORDER BY n.created_at, n.id LIMIT :most`, args{"id": r.ID, "now": int64(now), "most": most})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var tasks []job.Task
	for start := 0; start < len(rows); {
		end := len(rows)
		if preset.Single {
			end = start + 1
		}
		message := &notify.Message{ID: job.NewID(now), SentAt: now, Language: r.Language, PublicURL: publicURL}
		if r.Template != nil {
			message.Template = *r.Template
		}
		ids := make([]string, 0, end-start)
		for _, row := range rows[start:end] {
			var notice notify.Notice
			if err := json.Unmarshal([]byte(row.Notice), &notice); err != nil {
				return nil, err
			}
			ids, message.Notices = append(ids, row.ID), append(message.Notices, notice)
		}
		task, err := s.addMessage(ctx, tx, channel, message, ids, now)
		if err != nil {
			return nil, err
		}
		tasks, start = append(tasks, *task), end
	}
	_, err = execute(ctx, tx, "UPDATE channels SET sent_at = :now WHERE id = :id", args{"id": r.ID, "now": int64(now)})
	return tasks, err
}

func (s *Store) addMessage(ctx context.Context, tx *sqlx.Tx, c *notify.Channel, m *notify.Message, ids []string, now job.Instant) (*job.Task, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	row := &messageRow{ID: m.ID, Channel: c.ID, State: "queued", Body: string(body), CreatedAt: now, ExpectedBy: now.Add(notify.SendTimeout + sendSoon), Attempts: "[]"}
	if _, err := execute(ctx, tx, `INSERT INTO messages (id, channel, state, body, created_at, expected_by, attempts)
		VALUES (:id, :channel, 'queued', :body, :now, :expected, '[]')`,
		args{"id": m.ID, "channel": c.ID, "body": string(body), "now": int64(now), "expected": int64(row.ExpectedBy)}); err != nil {
		return nil, err
	}
	_, err = execute(ctx, tx, "UPDATE notifications SET state = 'queued', message_id = :message WHERE "+s.d.in("id", ":ids"),
		args{"message": m.ID, "ids": s.d.list(ids)})
	return messageTask(row, c), err
}

// messageTask is the task that takes a message to its channel.
func messageTask(r *messageRow, c *notify.Channel) *job.Task {
	return c.Task(r.ID, r.Body, r.CreatedAt, decodeAttempts(r.Attempts))
}

func decodeAttempts(text string) []job.Attempt {
	var attempts []job.Attempt
	_ = json.Unmarshal([]byte(text), &attempts) // we wrote it
	return attempts
}

// LateMessages are the messages of which there has been no news in time: they are delivered anew, under the same id.
func (s *Store) LateMessages(ctx context.Context, now job.Instant) (tasks []job.Task, err error) {
	var late int
	found, err := readOne(ctx, s, &late, "SELECT 1 FROM messages WHERE state = 'queued' AND expected_by < :now LIMIT 1", args{"now": int64(now)})
	if err != nil || !found {
		return nil, fail("look for late messages", err)
	}
	err = s.write(ctx, "deliver messages anew", func(tx *sqlx.Tx) error {
		tasks = nil
		var rows []messageRow
		err := selectAll(ctx, tx, &rows, "SELECT "+messageColumns+" FROM messages m WHERE m.state = 'queued' AND m.expected_by < :now ORDER BY m.expected_by LIMIT 200"+
			s.d.skipLocked("m"), args{"now": int64(now)})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		ids, channelIDs := make([]string, len(rows)), map[string]bool{}
		for i := range rows {
			ids[i], channelIDs[rows[i].Channel] = rows[i].ID, true
		}
		if _, err := execute(ctx, tx, "UPDATE messages SET expected_by = :by WHERE "+s.d.in("id", ":ids"),
			args{"ids": s.d.list(ids), "by": int64(now.Add(notify.SendTimeout + sendSoon))}); err != nil {
			return err
		}
		var found []channelRow
		if err := selectAll(ctx, tx, &found, "SELECT "+channelColumns+" FROM channels c WHERE "+s.d.in("c.id", ":ids"),
			args{"ids": s.d.list(sortedKeys(channelIDs))}); err != nil {
			return err
		}
		channels := make(map[string]*notify.Channel, len(found))
		for i := range found {
			channels[found[i].ID] = found[i].channel()
		}
		for i := range rows {
			if c := channels[rows[i].Channel]; c != nil { // who deletes a channel ends its messages
				tasks = append(tasks, *messageTask(&rows[i], c))
			}
		}
		return nil
	})
	return tasks, err
}

// recordMessages takes the events that are not of runs into the accounts of messages; those of neither are unknown.
func (s *Store) recordMessages(ctx context.Context, tx *sqlx.Tx, events []*job.Event, unknown *[]string) ([]job.IncidentChange, error) {
	if len(events) == 0 {
		return nil, nil
	}
	ids := map[string]bool{}
	for _, e := range events {
		if storable(e.RunID) {
			ids[e.RunID] = true
		}
	}
	var rows []messageRow
	err := selectAll(ctx, tx, &rows, "SELECT "+messageColumns+" FROM messages m WHERE "+s.d.in("m.id", ":ids")+" ORDER BY m.channel, m.id"+s.d.forUpdate("m"),
		args{"ids": s.d.list(sortedKeys(ids))})
	if err != nil {
		return nil, err
	}
	byID := map[string]*messageRow{}
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	var changes []job.IncidentChange
	for _, e := range events {
		row := byID[e.RunID]
		if row == nil {
			*unknown = append(*unknown, e.RunID)
			continue
		}
		told, err := s.recordMessage(ctx, tx, row, e)
		if err != nil {
			return nil, err
		}
		changes = append(changes, told...)
	}
	return changes, nil
}

// maxKeptAttempts is how many attempts a message keeps: the first one and the latest.
const maxKeptAttempts = 20

// recordMessage takes one event in. A message that has ended stays as it is.
func (s *Store) recordMessage(ctx context.Context, tx *sqlx.Tx, row *messageRow, e *job.Event) ([]job.IncidentChange, error) {
	if row.State != "queued" {
		return nil, nil
	}
	run := job.Run{ID: row.ID, State: job.StateQueued, Attempts: decodeAttempts(row.Attempts)}
	if !run.Apply(e) && !e.State.Final() {
		return nil, nil
	}
	if n := len(run.Attempts); n > maxKeptAttempts {
		run.Attempts = append(run.Attempts[:1:1], run.Attempts[n-maxKeptAttempts+1:]...)
	}
	expected := e.At.Add(notify.SendTimeout + sendSoon)
	if e.Attempt != nil && e.Attempt.NextRetryAt != nil {
		expected = e.Attempt.NextRetryAt.Add(sendSoon)
	}
	switch e.State {
	case job.StateSucceeded:
		row.State = "sent"
	case job.StateFailed, job.StateCanceled:
		row.State = "failed"
	}
	if row.State != "queued" {
		row.FinishedAt = &e.At
	}
	attempts, err := encodeAttempts(run.Attempts)
	if err != nil {
		return nil, err
	}
	row.Attempts = attempts
	if e.Response != nil {
		text, err := encode("response", e.Response)
		if err != nil {
			return nil, err
		}
		row.Response = &text
	}
	_, err = execute(ctx, tx, `UPDATE messages SET state = :state, attempts = :attempts, response = :response, expected_by = :expected, finished_at = :finished
		WHERE id = :id`, args{"id": row.ID, "state": row.State, "attempts": attempts, "response": row.Response, "expected": int64(expected), "finished": row.FinishedAt})
	if err != nil {
		return nil, err
	}
	if row.State != "queued" {
		if _, err := execute(ctx, tx, "UPDATE notifications SET state = :state WHERE message_id = :id AND state = 'queued'",
			args{"state": row.State, "id": row.ID}); err != nil {
			return nil, err
		}
	}
	return s.judgeChannel(ctx, tx, row.Channel, e)
}

// judgeChannel notes that a channel fails, from its third try on or for good, or works again.
func (s *Store) judgeChannel(ctx context.Context, tx *sqlx.Tx, id string, e *job.Event) ([]job.IncidentChange, error) {
	if e.Attempt == nil && !e.State.Final() {
		return nil, nil
	}
	works := e.State == job.StateSucceeded
	if !works && !e.State.Final() && e.N < 3 {
		return nil, nil
	}
	since := &e.At
	if works {
		since = nil
	}
	if _, err := execute(ctx, tx, `UPDATE channels SET failing_since = CASE WHEN :works = 1 THEN NULL ELSE COALESCE(failing_since, :since) END WHERE id = :id`,
		args{"id": id, "works": flag(works), "since": since}); err != nil {
		return nil, err
	}
	w, err := s.watching(ctx, tx, []string{""}, e.At)
	if err != nil {
		return nil, err
	}
	key := incidentKey{"", notify.KindService, channelSubject + id}
	if works {
		w.end(key, e.At, "", nil)
	} else {
		note := fmt.Sprintf("the channel %s takes no messages", id)
		if e.Attempt != nil && e.Attempt.Error != nil {
			note += ": " + *e.Attempt.Error
		}
		w.begin(key, e.At, note, nil, false)
	}
	return w.write(ctx, tx)
}

func flag(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// ListNotifications reads a page of notifications, newest first.
func (s *Store) ListNotifications(ctx context.Context, q *notify.NotificationQuery) (*notify.NotificationPage, error) {
	var where conditions
	a := args{"limit": q.Limit + 1}
	for column, value := range map[string]string{"state": q.State, "job_id": q.JobID, "incident_id": q.Incident, "channel": q.Channel} {
		if value != "" {
			where = where.and("n." + column + " = :" + column)
			a[column] = cleanText(value)
		}
	}
	if q.Cursor != "" {
		text, id, _ := strings.Cut(q.Cursor, "~")
		at, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, badCursor()
		}
		where = where.and("(n.created_at, n.id) < (:at, :after)")
		a["at"], a["after"] = at, cleanText(id)
	}
	rows, err := readAll[notificationRow](ctx, s, "SELECT "+notificationColumns+notificationTables+where.String()+
		" ORDER BY n.created_at DESC, n.id DESC LIMIT :limit", a)
	if err != nil {
		return nil, fail("list notifications", err)
	}
	page := &notify.NotificationPage{Notifications: []notify.Notification{}}
	for i := range rows {
		if i == q.Limit {
			page.NextCursor = itoa(int64(rows[i-1].CreatedAt)) + "~" + rows[i-1].ID
			break
		}
		page.Notifications = append(page.Notifications, *rows[i].notification())
	}
	return page, nil
}

// notificationRow is a notification with the message that it went with.
type notificationRow struct {
	ID         string            `db:"id"`
	IncidentID string            `db:"incident_id"`
	JobID      string            `db:"job_id"`
	Transition notify.Transition `db:"transition"`
	Channel    string            `db:"channel"`
	State      string            `db:"state"`
	Notice     string            `db:"notice"`
	CreatedAt  job.Instant       `db:"created_at"`
	HoldUntil  job.Instant       `db:"hold_until"`
	MessageID  *string           `db:"message_id"`
	FinishedAt *job.Instant      `db:"finished_at"`
	Attempts   *string           `db:"attempts"`
	Response   *string           `db:"response"`
}

const (
	notificationColumns = `n.id, n.incident_id, n.job_id, n.transition, n.channel, n.state, n.notice, n.created_at, n.hold_until, n.message_id,
		m.finished_at, m.attempts, m.response`
	notificationTables = " FROM notifications n LEFT JOIN messages m ON m.id = n.message_id"
)

func (r *notificationRow) notification() *notify.Notification {
	n := &notify.Notification{ID: r.ID, IncidentID: r.IncidentID, JobID: r.JobID, Transition: r.Transition, Channel: r.Channel, State: r.State,
		CreatedAt: r.CreatedAt, HoldUntil: r.HoldUntil, MessageID: r.MessageID, FinishedAt: r.FinishedAt, Attempts: []job.Attempt{}}
	if r.Attempts != nil {
		n.Attempts = append(n.Attempts, decodeAttempts(*r.Attempts)...)
	}
	if r.Response != nil && json.Unmarshal([]byte(*r.Response), &n.Answer) != nil {
		n.Answer = nil
	}
	var notice notify.Notice
	if json.Unmarshal([]byte(r.Notice), &notice) == nil {
		n.Kind, n.Text = notice.Incident.Kind, notice.Headline("en")
	}
	return n
}

// RetryNotification has a notification that has failed told again. The error is CodeNotFound, or CodeConflict for one that has not failed.
func (s *Store) RetryNotification(ctx context.Context, id string, now job.Instant) (*notify.Notification, error) {
	var row notificationRow
	err := s.write(ctx, "tell again", func(tx *sqlx.Tx) error {
		row = notificationRow{}
		if !storable(id) {
			return callerError{job.NotFound("notification", id)}
		}
		n, err := execute(ctx, tx, `UPDATE notifications SET state = 'pending', hold_until = created_at, message_id = NULL, serial = serial + 1
				WHERE id = :id AND state = 'failed' AND channel IN (SELECT c.id FROM channels c)`, args{"id": id})
		if err != nil {
			return err
		}
		found, err := selectOne(ctx, tx, &row, "SELECT "+notificationColumns+notificationTables+" WHERE n.id = :id", args{"id": id})
		switch {
		case err != nil:
			return err
		case !found:
			return callerError{job.NotFound("notification", id)}
		case n == 0:
			return callerError{job.Errorf(job.CodeConflict, "the notification is %s, and only one that has failed, of a channel that is there, is told again", row.State)}
		}
		return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), access.ActionTellAgain, id, access.Diff{}))
	})
	if err != nil {
		return nil, err
	}
	return row.notification(), nil
}

// keepTold is how long incidents that are closed, and what was told of them, are kept.
const keepTold = 90 * 24 * time.Hour

// Told is a chore: it removes incidents that were closed long ago, what was told of them, and messages that nothing belongs to.
func (p *Pruner) Told(ctx context.Context, now job.Instant, _ string) (step job.ChoreStep, err error) {
	err = p.s.write(ctx, "prune notifications", func(tx *sqlx.Tx) error {
		step = job.ChoreStep{}
		var ids []string
		err := selectAll(ctx, tx, &ids, "SELECT id FROM incidents WHERE closed_at IS NOT NULL AND closed_at < :before AND id < :newest LIMIT :chunk",
			args{"before": int64(now.Add(-keepTold)), "newest": boundaryID(now.Add(-keepTold), 0), "chunk": pruneChunk})
		if err != nil {
			return err
		}
		a := args{"ids": p.s.d.list(ids), "before": int64(now.Add(-keepTold)), "chunk": pruneChunk}
		removed := int64(0)
		for _, text := range []string{
			"DELETE FROM notifications WHERE " + p.s.d.in("incident_id", ":ids"),
			"DELETE FROM incidents WHERE " + p.s.d.in("id", ":ids"),
			`DELETE FROM messages WHERE id IN (SELECT m.id FROM messages m WHERE m.created_at < :before AND m.state <> 'queued'
				AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.message_id = m.id) LIMIT :chunk)`,
		} {
			n, err := execute(ctx, tx, text, a)
			if err != nil {
				return err
			}
			removed += n
		}
		step.Removed, step.Done = int(removed), removed < pruneChunk
		return nil
	})
	return step, err
}
