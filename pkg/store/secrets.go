package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// PutSecret keeps a sealed secret under a name, in the place of any other of that
// name, and reports whether it is new. The error is CodeConflict when there are job.MaxSecrets already.
func (s *Store) PutSecret(ctx context.Context, name, sealed string, now job.Instant) (kept *job.SecretInfo, created bool, err error) {
	err = s.write(ctx, "put secret", func(tx *sqlx.Tx) error {
		kept = &job.SecretInfo{}
		found, err := s.lockSecret(ctx, tx, name, kept)
		if err != nil {
			return err
		}
		a := args{"name": name, "sealed": sealed, "now": int64(now)}
		created = !found
		if found {
			kept.UpdatedAt = now
			if _, err := execute(ctx, tx, "UPDATE secrets SET sealed = :sealed, updated_at = :now WHERE name = :name", a); err != nil {
				return err
			}
			return s.noteSecret(ctx, tx, access.ActionPutSecret, name, now)
		}
		var count int
		if _, err := selectOne(ctx, tx, &count, "SELECT count(*) FROM secrets", args{}); err != nil {
			return err
		}
		if count >= job.MaxSecrets {
			return callerError{job.Errorf(job.CodeConflict, "there are %d secrets already", job.MaxSecrets)}
		}
		*kept = job.SecretInfo{Name: name, CreatedAt: now, UpdatedAt: now}
		_, err = execute(ctx, tx, "INSERT INTO secrets (name, sealed, created_at, updated_at) VALUES (:name, :sealed, :now, :now)", a)
		if err != nil {
			return err
		}
		return s.noteSecret(ctx, tx, access.ActionPutSecret, name, now)
	})
	if err != nil {
		return nil, false, err
	}
	return kept, created, nil
}

// lockSecret reads a secret and keeps others from changing it.
func (s *Store) lockSecret(ctx context.Context, tx *sqlx.Tx, name string, dst *job.SecretInfo) (found bool, err error) {
	if !storable(name) {
		return false, nil
	}
	return selectOne(ctx, tx, dst, "SELECT s.name, s.created_at, s.updated_at FROM secrets s WHERE s.name = :name"+s.d.forUpdate("s"),
		args{"name": name})
}

// DeleteSecret deletes a secret. The error is CodeNotFound, or CodeConflict as long as a job uses it.
func (s *Store) DeleteSecret(ctx context.Context, name string, now job.Instant) error {
	return s.write(ctx, "delete secret", func(tx *sqlx.Tx) error {
		found, err := s.lockSecret(ctx, tx, name, &job.SecretInfo{})
		if err != nil {
			return err
		}
		if !found {
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
		return s.noteSecret(ctx, tx, access.ActionDelSecret, name, now)
	})
}

// GetSecret reads what may be known of a secret. The error is CodeNotFound when there is none.
func (s *Store) GetSecret(ctx context.Context, name string) (*job.SecretInfo, error) {
	if !storable(name) {
		return nil, noSecret(name)
	}
	var info job.SecretInfo
	found, err := readOne(ctx, s, &info, "SELECT name, created_at, updated_at FROM secrets WHERE name = :name", args{"name": name})
	switch {
	case err != nil:
		return nil, fail("get secret", err)
	case !found:
		return nil, noSecret(name)
	}
	return &info, nil
}

// ListSecrets reads what may be known of all secrets, by name.
func (s *Store) ListSecrets(ctx context.Context) ([]job.SecretInfo, error) {
	all, err := readAll[job.SecretInfo](ctx, s, "SELECT name, created_at, updated_at FROM secrets ORDER BY name", args{})
	return all, fail("list secrets", err)
}

// noteSecret tells the audit log which secret was touched, never what is in it.
func (s *Store) noteSecret(ctx context.Context, tx *sqlx.Tx, action, name string, now job.Instant) error {
	return s.note(ctx, tx, access.NewEntry(now, access.ActorOf(ctx), action, name, access.Diff{}))
}

func noSecret(name string) *job.Error {
	return job.Errorf(job.CodeNotFound, "there is no secret with the name %q", name)
}

// secretUse is a secret that a job to be written names.
type secretUse struct {
	jobID string
	job.SecretUse
}

// checkSecrets refuses jobs that name a secret which does not exist, and keeps
// those that they name from being deleted before the jobs are there.
func (s *Store) checkSecrets(ctx context.Context, tx *sqlx.Tx, uses []secretUse) error {
	if len(uses) == 0 {
		return nil
	}
	names := map[string]bool{}
	for _, use := range uses {
		names[use.Name] = true
	}
	var known []string
	err := selectAll(ctx, tx, &known, "SELECT s.name FROM secrets s WHERE "+s.d.in("s.name", ":names")+" ORDER BY s.name"+s.d.forUpdate("s"),
		args{"names": s.d.list(sortedKeys(names))})
	if err != nil {
		return err
	}
	var faults []job.FieldError
	for _, use := range uses {
		if !slices.Contains(known, use.Name) {
			faults = append(faults, job.FieldError{Field: use.Field, Code: "invalid",
				Message: fmt.Sprintf("there is no secret %q, which the job %q uses", use.Name, use.jobID)})
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return callerError{&job.Error{Code: job.CodeInvalid, Detail: "a secret does not exist", Fields: faults}}
}

// addSecrets gives the tasks that use secrets their sealed values. A batch that uses none costs nothing.
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
		Name   string `db:"name"`
		Sealed string `db:"sealed"`
	}
	err := selectAll(ctx, q, &rows, "SELECT s.name, s.sealed FROM secrets s WHERE "+s.d.in("s.name", ":names"),
		args{"names": s.d.list(sortedKeys(names))})
	if err != nil {
		return err
	}
	sealed := make(map[string]string, len(rows))
	for _, row := range rows {
		sealed[row.Name] = row.Sealed
	}
	for i := range tasks {
		t := &tasks[i]
		if len(t.Request.Secrets) == 0 {
			continue
		}
		all := make(map[string]string, len(t.Sealed)+len(t.Request.Secrets))
		for field, text := range t.Sealed {
			all[field] = text
		}
		for _, name := range t.Request.Secrets {
			if text, ok := sealed[name]; ok {
				all[job.SecretPrefix+name] = text
			}
		}
		t.Sealed = all
	}
	return nil
}

// Complete gives a task that belongs to no job the sealed secrets that it uses. The
// error is CodeInvalid with Fields for one that does not exist.
func (s *Store) Complete(ctx context.Context, task *job.Task) error {
	tasks := []job.Task{*task}
	if err := s.addSecrets(ctx, s.r, tasks); err != nil {
		return fail("read secrets", err)
	}
	for _, use := range task.Request.SecretUses() {
		if _, ok := tasks[0].Sealed[job.SecretPrefix+use.Name]; !ok {
			return &job.Error{Code: job.CodeInvalid, Detail: "a secret does not exist", Fields: []job.FieldError{
				{Field: use.Field, Code: "invalid", Message: fmt.Sprintf("there is no secret %q", use.Name)}}}
		}
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
