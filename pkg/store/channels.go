package store

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// channelRow is a channel as it lies in its table.
type channelRow struct {
	ID        string       `db:"id"`
	Kind      notify.Type  `db:"kind"`
	Name      string       `db:"name"`
	Enabled   int64        `db:"enabled"`
	Language  string       `db:"language"`
	Settings  string       `db:"settings"`
	Sealed    string       `db:"sealed"`
	PerMinute int          `db:"per_minute"`
	Template  *string      `db:"template"`
	Failing   *job.Instant `db:"failing_since"`
	SentAt    *job.Instant `db:"sent_at"`
	Version   int64        `db:"version"`
	CreatedAt job.Instant  `db:"created_at"`
	UpdatedAt job.Instant  `db:"updated_at"`
}

const channelColumns = `c.id, c.kind, c.name, c.enabled, c.language, c.settings, c.sealed, c.per_minute, c.template, c.failing_since, c.sent_at,
	c.version, c.created_at, c.updated_at`

func (r *channelRow) channel() *notify.Channel {
	c := &notify.Channel{ID: r.ID, Kind: r.Kind, Name: r.Name, Enabled: r.Enabled != 0, Language: r.Language, Sealed: r.Sealed,
		Limit: notify.Limit{PerMinute: r.PerMinute}, Template: r.Template, Failing: r.Failing, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	if json.Unmarshal([]byte(r.Settings), &c.Settings) != nil {
		c.Settings = notify.Settings{}
	}
	return c
}

// notifyConfig is who may be told of what.
type notifyConfig struct {
	rules   notify.Rules
	version int64
	enabled map[string]bool
}

// anybody reports whether there is a channel to tell.
func (c *notifyConfig) anybody() bool { return len(c.enabled) > 0 }

// readConfig reads the rules and which channels are enabled.
func readConfig(ctx context.Context, q conn) (*notifyConfig, error) {
	config := &notifyConfig{enabled: map[string]bool{}}
	var ids []string
	if err := selectAll(ctx, q, &ids, "SELECT id FROM channels WHERE id > '' AND enabled = 1", args{}); err != nil {
		return nil, err
	}
	for _, id := range ids {
		config.enabled[id] = true
	}
	var row struct {
		Version int64  `db:"version"`
		Rules   string `db:"rules"`
	}
	if _, err := selectOne(ctx, q, &row, "SELECT version, rules FROM rules WHERE id = 1", args{}); err != nil {
		return nil, err
	}
	config.version = row.Version
	if err := json.Unmarshal([]byte(row.Rules), &config.rules); err != nil {
		return nil, &job.Error{Code: job.CodeInternal, Detail: "the rules of notifications cannot be read", Err: err}
	}
	return config, nil
}

// ListChannels reads all channels, by id.
func (s *Store) ListChannels(ctx context.Context) ([]notify.Channel, error) {
	rows, err := readAll[channelRow](ctx, s, "SELECT "+channelColumns+" FROM channels c ORDER BY c.id", args{})
	channels := make([]notify.Channel, len(rows))
	for i := range rows {
		channels[i] = *rows[i].channel()
	}
	return channels, fail("list channels", err)
}

// GetChannel reads a channel. The error is CodeNotFound when there is none.
func (s *Store) GetChannel(ctx context.Context, id string) (*notify.Channel, error) {
	if !storable(id) {
		return nil, job.NotFound("channel", id)
	}
	var row channelRow
	found, err := readOne(ctx, s, &row, "SELECT "+channelColumns+" FROM channels c WHERE c.id = :id", args{"id": id})
	switch {
	case err != nil:
		return nil, fail("get channel", err)
	case !found:
		return nil, job.NotFound("channel", id)
	}
	return row.channel(), nil
}

// ChangeChannel reads a channel, nil when there is none, lets change decide, and writes what it returns, with the shown and the sealed
// settings; nil deletes it. The error of change is returned as it is; CodeConflict: a rule or too many channels are in the way.
func (s *Store) ChangeChannel(ctx context.Context, id string, now job.Instant, change func(old *notify.Channel) (*notify.Channel, error)) (after *notify.Channel, err error) {
	err = s.write(ctx, "change channel", func(tx *sqlx.Tx) error {
		if err := s.d.lockTable(ctx, tx, "rules"); err != nil { // rules and channels name each other
			return err
		}
		var row channelRow
		found := false
		if storable(id) {
			if found, err = selectOne(ctx, tx, &row, "SELECT "+channelColumns+" FROM channels c WHERE c.id = :id"+s.d.forUpdate("c"), args{"id": id}); err != nil {
				return err
			}
		}
		var before *notify.Channel
		if found {
			before = row.channel()
		}
		if after, err = change(before); err != nil {
			return callerError{err}
		}
		if after == nil {
			return s.removeChannel(ctx, tx, before, now)
		}
		return s.saveChannel(ctx, tx, before, after, now)
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

func (s *Store) removeChannel(ctx context.Context, tx *sqlx.Tx, before *notify.Channel, now job.Instant) error {
	config, err := readConfig(ctx, tx)
	if err != nil {
		return err
	}
	for i := range config.rules.Rules {
		for _, id := range config.rules.Rules[i].Channels {
			if id == before.ID {
				return callerError{job.Errorf(job.CodeConflict, "the rule %q uses the channel", config.rules.Rules[i].ID)}
			}
		}
	}
	a := args{"id": before.ID, "now": int64(now)}
	for _, text := range []string{
		"DELETE FROM channels WHERE id = :id",
		"UPDATE notifications SET state = 'failed' WHERE channel = :id AND state = 'pending'",
		"UPDATE messages SET state = 'failed', finished_at = :now WHERE channel = :id AND state = 'queued'",
		"UPDATE notifications SET state = 'failed' WHERE channel = :id AND state = 'queued'",
	} {
		if _, err := execute(ctx, tx, text, a); err != nil {
			return err
		}
	}
	if err := s.closeChannel(ctx, tx, before.ID, now); err != nil {
		return err
	}
	return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), access.ActionDelChannel, before.ID, access.DiffOf(before, nil)))
}

func (s *Store) saveChannel(ctx context.Context, tx *sqlx.Tx, before, c *notify.Channel, now job.Instant) error {
	settings, err := json.Marshal(c.Settings)
	if err != nil {
		return err
	}
	enabled := 0
	if c.Enabled {
		enabled = 1
	}
	c.UpdatedAt, c.CreatedAt, c.Version = now, now, 1
	if before == nil {
		var count int
		if _, err := selectOne(ctx, tx, &count, "SELECT count(*) FROM channels", args{}); err != nil {
			return err
		}
		if count >= notify.MaxChannels {
			return callerError{job.Errorf(job.CodeConflict, "there are %d channels already", notify.MaxChannels)}
		}
	} else {
		c.CreatedAt, c.Version, c.Failing = before.CreatedAt, before.Version+1, before.Failing
	}
	_, err = execute(ctx, tx, `INSERT INTO channels (id, kind, name, enabled, language, settings, sealed, per_minute, template, version, created_at, updated_at)
		VALUES (:id, :kind, :name, :enabled, :language, :settings, :sealed, :per_minute, :template, :version, :created, :now)
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, enabled = excluded.enabled, language = excluded.language,
			settings = excluded.settings, sealed = excluded.sealed, per_minute = excluded.per_minute, template = excluded.template,
			version = excluded.version, updated_at = excluded.updated_at`,
		args{"id": c.ID, "kind": string(c.Kind), "name": cleanText(c.Name), "enabled": enabled, "language": c.Language, "settings": string(settings),
			"sealed": c.Sealed, "per_minute": c.Limit.PerMinute, "template": c.Template, "version": c.Version, "created": int64(c.CreatedAt), "now": int64(now)})
	if err != nil {
		return err
	}
	return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), access.ActionPutChannel, c.ID, access.DiffOf(before, c)))
}

// GetRules reads the rules and their version.
func (s *Store) GetRules(ctx context.Context) (*notify.Rules, int64, error) {
	config, err := readConfig(ctx, s.r)
	if err != nil {
		return nil, 0, fail("read rules", err)
	}
	return &config.rules, config.version, nil
}

// PutRules writes all rules. With an ifVersion other than 0 they must stand at it. The error is CodePreconditionFailed, or
// CodeInvalid with Fields.
func (s *Store) PutRules(ctx context.Context, rules *notify.Rules, ifVersion int64, now job.Instant) (version int64, err error) {
	err = s.write(ctx, "write rules", func(tx *sqlx.Tx) error {
		if err := s.d.lockTable(ctx, tx, "rules"); err != nil {
			return err
		}
		config, err := readConfig(ctx, tx)
		if err != nil {
			return err
		}
		if ifVersion != 0 && ifVersion != config.version {
			return callerError{job.Errorf(job.CodePreconditionFailed, "the rules are at version %d, not %d", config.version, ifVersion)}
		}
		var ids []string
		if err := selectAll(ctx, tx, &ids, "SELECT id FROM channels", args{}); err != nil {
			return err
		}
		known := map[string]bool{}
		for _, id := range ids {
			known[id] = true
		}
		if faults := rules.Validate(known); len(faults) > 0 {
			return callerError{&job.Error{Code: job.CodeInvalid, Detail: strconv.Itoa(len(faults)) + " fields are invalid", Fields: faults}}
		}
		text, err := json.Marshal(rules)
		if err != nil {
			return err
		}
		version = config.version + 1
		if _, err := execute(ctx, tx, "UPDATE rules SET rules = :rules, version = :version WHERE id = 1",
			args{"rules": string(text), "version": version}); err != nil {
			return err
		}
		return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), access.ActionPutRules, "rules", access.DiffOf(config.rules, rules)))
	})
	return version, err
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// exceptOf is the channel that an incident of the service is about; empty: it is about none.
func exceptOf(subject string) string {
	id, ok := strings.CutPrefix(subject, channelSubject)
	if !ok {
		return ""
	}
	return id
}

// channelSubject begins the subject of an incident about a channel.
const channelSubject = "channel:"

// closeChannel ends the incident of a channel that works again, or is no more.
func (s *Store) closeChannel(ctx context.Context, tx *sqlx.Tx, id string, now job.Instant) error {
	w, err := s.watching(ctx, tx, []string{""}, now)
	if err != nil {
		return err
	}
	w.end(incidentKey{"", notify.KindService, channelSubject + id}, now, "", nil)
	_, err = w.write(ctx, tx)
	return err
}
