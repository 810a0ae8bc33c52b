package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// secretRow is what may be known of a secret, as it is stored.
type secretRow struct {
	Name      string      `db:"name"`
	Hosts     *string     `db:"hosts"`
	CreatedAt job.Instant `db:"created_at"`
	UpdatedAt job.Instant `db:"updated_at"`
}

const secretColumns = "s.name, s.hosts, s.created_at, s.updated_at"

func (r *secretRow) info() *job.SecretInfo {
	return &job.SecretInfo{Name: r.Name, Hosts: decodeHosts(r.Hosts), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

// decodeHosts reads the column hosts; never nil. What cannot be read allows no host.
func decodeHosts(text *string) job.SecretHosts {
	hosts := job.SecretHosts{}
	if text != nil && json.Unmarshal([]byte(*text), &hosts) != nil {
		return job.SecretHosts{"?"}
	}
	return hosts
}

func encodeHosts(hosts job.SecretHosts) (*string, error) {
	if len(hosts) == 0 {
		return nil, nil
	}
	data, err := json.Marshal(hosts)
	text := string(data)
	return &text, err
}

// PutSecret makes a secret or changes the one of that name, and reports whether it
// is new. The error is CodeConflict when there are job.MaxSecrets already, and
// CodeInvalid with Fields for a new one without a value.
func (s *Store) PutSecret(ctx context.Context, c *job.SecretChange, now job.Instant) (kept *job.SecretInfo, created bool, err error) {
	err = s.write(ctx, "put secret", func(tx *sqlx.Tx) error {
		old, err := s.lockSecret(ctx, tx, c.Name)
		if err != nil {
			return err
		}
		created = old == nil
		kept = &job.SecretInfo{Name: c.Name, Hosts: job.SecretHosts{}, CreatedAt: now}
		if old != nil {
			*kept = *old
		}
		kept.UpdatedAt = now
		if c.Hosts != nil {
			kept.Hosts = *c.Hosts
		}
		if err := s.saveSecret(ctx, tx, kept, c.Sealed, created); err != nil {
			return err
		}
		return s.noteSecret(ctx, tx, access.ActionPutSecret, old, kept, now)
	})
	if err != nil {
		return nil, false, err
	}
	return kept, created, nil
}

func (s *Store) saveSecret(ctx context.Context, tx *sqlx.Tx, info *job.SecretInfo, sealed string, created bool) error {
	hosts, err := encodeHosts(info.Hosts)
	if err != nil {
		return err
	}
	a := args{"name": info.Name, "sealed": sealed, "hosts": hosts, "now": int64(info.UpdatedAt)}
	if !created {
		_, err := execute(ctx, tx, `UPDATE secrets SET sealed = CASE WHEN :sealed = '' THEN sealed ELSE :sealed END, hosts = :hosts,
			updated_at = :now WHERE name = :name`, a)
		return err
	}
	if sealed == "" {
		return callerError{&job.Error{Code: job.CodeInvalid, Detail: "1 field is invalid", Fields: []job.FieldError{
			{Field: "value", Code: "required", Message: "value is missing: there is no secret of this name yet"}}}}
	}
	var count int
	if _, err := selectOne(ctx, tx, &count, "SELECT count(*) FROM secrets", args{}); err != nil {
		return err
	}
	if count >= job.MaxSecrets {
		return callerError{job.Errorf(job.CodeConflict, "there are %d secrets already", job.MaxSecrets)}
	}
	_, err = execute(ctx, tx, `INSERT INTO secrets (name, sealed, hosts, created_at, updated_at)
		VALUES (:name, :sealed, :hosts, :now, :now)`, a)
	return err
}

// lockSecret reads a secret and keeps others from changing it; nil: there is none.
func (s *Store) lockSecret(ctx context.Context, tx *sqlx.Tx, name string) (*job.SecretInfo, error) {
	if !storable(name) {
		return nil, nil
	}
	var row secretRow
	found, err := selectOne(ctx, tx, &row, "SELECT "+secretColumns+" FROM secrets s WHERE s.name = :name"+s.d.forUpdate("s"),
		args{"name": name})
	if err != nil || !found {
		return nil, err
	}
	return row.info(), nil
}

// DeleteSecret deletes a secret. The error is CodeNotFound, or CodeConflict as long as a job uses it.
func (s *Store) DeleteSecret(ctx context.Context, name string, now job.Instant) error {
	return s.write(ctx, "delete secret", func(tx *sqlx.Tx) error {
		old, err := s.lockSecret(ctx, tx, name)
		if err != nil {
			return err
		}
		if old == nil {
			return callerError{noSecret(name)}
		}
		var user string
		used, err := selectOne(ctx, tx, &user, `SELECT j.id FROM definitions d JOIN jobs j ON j.id = d.job_id AND j.version = d.version
			WHERE d.secrets IS NOT NULL AND `+s.d.contains("d.secrets", ":tag")+" ORDER BY j.id LIMIT 1", args{"tag": tagLine(name)})
		if err != nil {
			return err
		}
		if used {
			return callerError{job.Errorf(job.CodeConflict, "the job %q uses the secret", user)}
		}
		if _, err := execute(ctx, tx, "DELETE FROM secrets WHERE name = :name", args{"name": name}); err != nil {
			return err
		}
		return s.noteSecret(ctx, tx, access.ActionDelSecret, old, nil, now)
	})
}

// GetSecret reads what may be known of a secret. The error is CodeNotFound when there is none.
func (s *Store) GetSecret(ctx context.Context, name string) (*job.SecretInfo, error) {
	if !storable(name) {
		return nil, noSecret(name)
	}
	var row secretRow
	found, err := readOne(ctx, s, &row, "SELECT "+secretColumns+" FROM secrets s WHERE s.name = :name", args{"name": name})
	switch {
	case err != nil:
		return nil, fail("get secret", err)
	case !found:
		return nil, noSecret(name)
	}
	return row.info(), nil
}

// ListSecrets reads what may be known of all secrets, by name.
func (s *Store) ListSecrets(ctx context.Context) ([]job.SecretInfo, error) {
	rows, err := readAll[secretRow](ctx, s, "SELECT "+secretColumns+" FROM secrets s ORDER BY s.name", args{})
	if err != nil {
		return nil, fail("list secrets", err)
	}
	all := make([]job.SecretInfo, len(rows))
	for i := range rows {
		all[i] = *rows[i].info()
	}
	return all, nil
}

// noteSecret tells the audit log which secret was touched and where it may be sent, never what is in it.
func (s *Store) noteSecret(ctx context.Context, tx *sqlx.Tx, action string, before, after *job.SecretInfo, now job.Instant) error {
	type told struct {
		Hosts job.SecretHosts `json:"hosts,omitempty"`
	}
	name, was, is := "", told{}, told{}
	if before != nil {
		name, was.Hosts = before.Name, before.Hosts
	}
	if after != nil {
		name, is.Hosts = after.Name, after.Hosts
	}
	return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), action, name, access.DiffOf(was, is)))
}

func noSecret(name string) *job.Error {
	return job.Errorf(job.CodeNotFound, "there is no secret with the name %q", name)
}

// secretUser is a job to be written that uses secrets.
type secretUser struct {
	jobID   string
	request *job.Request
	uses    []job.SecretUse
}

// check lists the secrets that do not exist, or may not be sent where the request
// sends them. About says whose request it is.
func (u *secretUser) check(known map[string]job.SecretHosts, about string) (faults []job.FieldError) {
	for _, use := range u.uses {
		if _, exists := known[use.Name]; !exists {
			faults = append(faults, job.FieldError{Field: use.Field, Code: "invalid", Message: fmt.Sprintf("there is no secret %q%s", use.Name, about)})
		}
	}
	target, hostHeader := u.request.WrittenTarget()
	if target == nil {
		return faults
	}
	if stray := u.request.StraySecret(known, target, hostHeader); stray != nil {
		if about != "" {
			about += ","
		}
		faults = append(faults, job.FieldError{Field: stray.Field, Code: "invalid",
			Message: fmt.Sprintf("the secret %q%s may not be sent to %s; an admin can change its hosts", stray.Name, about, stray.Host)})
	}
	return faults
}

// checkSecrets refuses jobs that name a secret which does not exist, or may not go
// where they send it, and keeps those that they name from being deleted or
// changed before the jobs are there.
func (s *Store) checkSecrets(ctx context.Context, tx *sqlx.Tx, users []secretUser) error {
	if len(users) == 0 {
		return nil
	}
	names := map[string]bool{}
	for i := range users {
		for _, use := range users[i].uses {
			names[use.Name] = true
		}
	}
	var rows []secretRow
	err := selectAll(ctx, tx, &rows, "SELECT "+secretColumns+" FROM secrets s WHERE "+s.d.in("s.name", ":names")+" ORDER BY s.name"+s.d.forUpdate("s"),
		args{"names": s.d.list(sortedKeys(names))})
	if err != nil {
		return err
	}
	known := make(map[string]job.SecretHosts, len(rows))
	for i := range rows {
		known[rows[i].Name] = decodeHosts(rows[i].Hosts)
	}
	var faults []job.FieldError
	for i := range users {
		faults = append(faults, users[i].check(known, fmt.Sprintf(", which the job %q uses", users[i].jobID))...)
	}
	if len(faults) == 0 {
		return nil
	}
	return callerError{&job.Error{Code: job.CodeInvalid, Detail: "a secret cannot be used", Fields: faults}}
}

// addSecrets gives the tasks that use secrets their sealed values, and where these
// may be sent. A batch that uses none costs nothing.
func (s *Store) addSecrets(ctx context.Context, q conn, tasks []job.Task) error {
	names := map[string]bool{}
	for i := range tasks {
		for _, name := range tasks[i].Request.Secrets {
			names[name] = true
		}
	}
	if len(names) == 0 {
		return nil
	}
	var rows []struct {
		Name   string  `db:"name"`
		Sealed string  `db:"sealed"`
		Hosts  *string `db:"hosts"`
	}
	err := selectAll(ctx, q, &rows, "SELECT s.name, s.sealed, s.hosts FROM secrets s WHERE "+s.d.in("s.name", ":names"),
		args{"names": s.d.list(sortedKeys(names))})
	if err != nil {
		return err
	}
	sealed, hosts := make(map[string]string, len(rows)), map[string]job.SecretHosts{}
	for _, row := range rows {
		sealed[row.Name] = row.Sealed
		if row.Hosts != nil {
			hosts[row.Name] = decodeHosts(row.Hosts)
		}
	}
	for i := range tasks {
		if len(tasks[i].Request.Secrets) > 0 {
			addSealed(&tasks[i], sealed, hosts)
		}
	}
	return nil
}

// addSealed gives a task the secrets that it uses.
func addSealed(t *job.Task, sealed map[string]string, hosts map[string]job.SecretHosts) {
	all := make(map[string]string, len(t.Sealed)+len(t.Request.Secrets))
	maps.Copy(all, t.Sealed)
	for _, name := range t.Request.Secrets {
		if text, ok := sealed[name]; ok {
			all[job.SecretPrefix+name] = text
		}
		if limits, ok := hosts[name]; ok {
			if t.SecretHosts == nil {
				t.SecretHosts = map[string]job.SecretHosts{}
			}
			t.SecretHosts[name] = limits
		}
	}
	t.Sealed = all
}

// Complete gives a task that belongs to no job the sealed secrets that it uses. The
// error is CodeInvalid with Fields for one that does not exist, or may not be sent to the target.
func (s *Store) Complete(ctx context.Context, task *job.Task) error {
	tasks := []job.Task{*task}
	if err := s.addSecrets(ctx, s.r, tasks); err != nil {
		return fail("read secrets", err)
	}
	known := map[string]job.SecretHosts{}
	for _, name := range task.Request.Secrets {
		if _, exists := tasks[0].Sealed[job.SecretPrefix+name]; exists {
			known[name] = tasks[0].SecretHosts[name]
		}
	}
	user := secretUser{request: &task.Request, uses: task.Request.SecretUses()}
	if faults := user.check(known, ""); len(faults) > 0 {
		return &job.Error{Code: job.CodeInvalid, Detail: "a secret cannot be used", Fields: faults}
	}
	*task = tasks[0]
	return nil
}

// encodeSecrets is the column secrets of a definition; nil when nothing about its request is secret.
func encodeSecrets(r *job.Request, uses []job.SecretUse) (*string, error) {
	if len(uses) == 0 && len(r.Sealed) == 0 {
		return nil, nil
	}
	text, err := (&secretsColumn{Uses: r.SecretNames(), Sealed: r.Sealed}).text()
	return &text, err
}

// secretsColumn is what the column secrets of a definition holds.
type secretsColumn struct {
	// Uses are the names of the secrets that the definition uses.
	Uses []string `json:"uses"`
	// Sealed are its credentials, by their fields.
	Sealed map[string]string `json:"sealed"`
}

// text is what is stored, each name on a line of its own.
func (c *secretsColumn) text() (string, error) {
	sealed, err := json.Marshal(c.Sealed)
	return `{"uses":` + encodeTags(c.Uses) + `,"sealed":` + string(sealed) + `}`, err
}

// decodeSecrets fills in what is secret about a stored request.
func (r *definitionRow) decodeSecrets(request *job.Request) error {
	if r.Secrets == nil {
		return nil
	}
	var column secretsColumn
	if err := json.Unmarshal([]byte(*r.Secrets), &column); err != nil {
		return err
	}
	request.Secrets, request.Sealed = column.Uses, column.Sealed
	return nil
}
