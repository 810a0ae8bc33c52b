package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// resealBatch is how many definitions are sealed anew in one transaction: some milliseconds' worth.
const resealBatch = 200

// Resealed tells what came of sealing anew.
type Resealed struct {
	// Anew counts the texts that were sealed anew, Kept those that were as they should be.
	Anew, Kept int
	// Failed counts those that stay as they were because they cannot be opened, or read, Faults says why of the first ten.
	Failed int
	Faults []string
}

// Reseal has every sealed text in the database sealed anew: the secrets, and the
// credentials of every definition that is kept. It goes on in small transactions,
// beside whoever uses the database, and may be repeated: an edit that was under way
// may have copied a text from before. Reseal is given a text and the place that it is bound to.
func (s *Store) Reseal(ctx context.Context, reseal func(place, sealed string) (string, error)) (Resealed, error) {
	done := resealing{reseal: reseal}
	step := func(doing string, work func(tx *sqlx.Tx, r *resealing) error) error {
		var r resealing
		err := s.write(ctx, doing, func(tx *sqlx.Tx) error {
			r = done.clone() // of a transaction that is undone nothing remains
			return work(tx, &r)
		})
		if err == nil {
			done = r
		}
		return err
	}
	err := step("seal secrets anew", func(tx *sqlx.Tx, r *resealing) error { return s.resealSecrets(ctx, tx, r) })
	if err == nil {
		err = step("seal channels anew", func(tx *sqlx.Tx, r *resealing) error { return s.resealChannels(ctx, tx, r) })
	}
	for err == nil && !done.over {
		err = step("seal credentials anew", func(tx *sqlx.Tx, r *resealing) error { return s.resealDefinitions(ctx, tx, r) })
	}
	return done.Resealed, err
}

// resealing is how far sealing anew has come.
type resealing struct {
	Resealed
	reseal func(place, sealed string) (string, error)
	// after is the last definition that was looked at; over says that there are no more.
	after definitionKey
	over  bool
}

func (r *resealing) clone() resealing {
	c := *r
	c.Faults = slices.Clone(r.Faults)
	return c
}

// text seals one text anew, and reports whether that changed it.
func (r *resealing) text(place string, sealed *string) (changed bool) {
	anew, err := r.reseal(place, *sealed)
	switch {
	case err != nil:
		r.fail(place, err)
		return false
	case anew == *sealed:
		r.Kept++
		return false
	}
	r.Anew++
	*sealed = anew
	return true
}

func (r *resealing) fail(place string, err error) {
	r.Failed++
	if len(r.Faults) < 10 {
		r.Faults = append(r.Faults, fmt.Sprintf("%s: %v", place, err))
	}
}

func (s *Store) resealSecrets(ctx context.Context, tx *sqlx.Tx, r *resealing) error {
	var secrets []struct {
		Name   string `db:"name"`
		Sealed string `db:"sealed"`
	}
	if err := selectAll(ctx, tx, &secrets, "SELECT s.name, s.sealed FROM secrets s ORDER BY s.name"+s.d.forUpdate("s"), args{}); err != nil {
		return err
	}
	var rows rowset
	for i := range secrets {
		if r.text(job.SecretPlace(secrets[i].Name), &secrets[i].Sealed) {
			rows.add(secrets[i].Name, secrets[i].Sealed)
		}
	}
	if rows.n == 0 {
		return nil
	}
	_, err := execute(ctx, tx, "UPDATE secrets SET sealed = v.sealed FROM "+s.d.rows("name TEXT", "sealed TEXT")+
		" AS v WHERE secrets.name = v.name", args{"rows": rows.text()})
	return err
}

// resealChannels does the settings of all channels.
func (s *Store) resealChannels(ctx context.Context, tx *sqlx.Tx, r *resealing) error {
	var channels []struct {
		ID     string `db:"id"`
		Sealed string `db:"sealed"`
	}
	if err := selectAll(ctx, tx, &channels, "SELECT c.id, c.sealed FROM channels c ORDER BY c.id"+s.d.forUpdate("c"), args{}); err != nil {
		return err
	}
	for i := range channels {
		if !r.text(notify.SettingsPlace(channels[i].ID), &channels[i].Sealed) {
			continue
		}
		if _, err := execute(ctx, tx, "UPDATE channels SET sealed = :sealed WHERE id = :id",
			args{"id": channels[i].ID, "sealed": channels[i].Sealed}); err != nil {
			return err
		}
	}
	return nil
}

// definitionKey is the primary key of a definition.
type definitionKey struct {
	JobID   string `db:"job_id"`
	Version int64  `db:"version"`
}

// resealDefinitions does the next definitions that have secrets.
func (s *Store) resealDefinitions(ctx context.Context, tx *sqlx.Tx, r *resealing) error {
	var list []struct {
		definitionKey
		Secrets string `db:"secrets"`
	}
	err := selectAll(ctx, tx, &list, `SELECT d.job_id, d.version, d.secrets FROM definitions d
		WHERE d.secrets IS NOT NULL AND (d.job_id, d.version) > (:job_id, :version)
		ORDER BY d.job_id, d.version LIMIT :most`+s.d.forUpdate("d"),
		args{"job_id": r.after.JobID, "version": r.after.Version, "most": resealBatch})
	if err != nil {
		return err
	}
	var rows rowset
	for i := range list {
		text, changed, err := r.column(list[i].JobID, list[i].Secrets)
		if err != nil {
			r.fail(fmt.Sprintf("job/%s, version %d", list[i].JobID, list[i].Version), err)
		}
		if changed {
			rows.add(list[i].JobID, list[i].Version, text)
		}
	}
	if rows.n > 0 {
		_, err = execute(ctx, tx, "UPDATE definitions SET secrets = v.secrets FROM "+s.d.rows("job_id TEXT", "version BIGINT", "secrets TEXT")+
			" AS v WHERE definitions.job_id = v.job_id AND definitions.version = v.version", args{"rows": rows.text()})
	}
	if r.over = len(list) < resealBatch; !r.over {
		r.after = list[len(list)-1].definitionKey
	}
	return err
}

// column seals the credentials in the column secrets of a job's definition anew.
func (r *resealing) column(jobID, text string) (anew string, changed bool, err error) {
	var column secretsColumn
	if err := json.Unmarshal([]byte(text), &column); err != nil {
		return "", false, err
	}
	for _, field := range sortedKeys(column.Sealed) {
		sealed := column.Sealed[field]
		if r.text(job.CredentialPlace(jobID, field), &sealed) {
			column.Sealed[field], changed = sealed, true
		}
	}
	if !changed {
		return text, false, nil
	}
	anew, err = column.text()
	return anew, true, err
}
