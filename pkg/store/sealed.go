package store

import (
	"context"
	"encoding/json"

	"schedule-server/pkg/job"
)

// Sealed counts the sealed texts on which calls to come depend: the secrets, and the credentials of the jobs as they are.
// What earlier versions of a job had is not among them.
type Sealed struct {
	// All of them, and of those the Shut ones that the key does not open.
	All, Shut int
	// First is one that it does not open, as "secret/NAME" or "job/ID/auth.token", and why.
	First string
}

// CheckSealed tries to open all sealed texts. Open is given a text and the place that it is bound to.
func (s *Store) CheckSealed(ctx context.Context, open func(place, sealed string) (string, error)) (Sealed, error) {
	found, err := checkSealed(ctx, s.r, open)
	return found, fail("look for sealed texts", err)
}

func checkSealed(ctx context.Context, q conn, open func(place, sealed string) (string, error)) (found Sealed, err error) {
	err = eachSealed(ctx, q, func(place, sealed string) {
		found.All++
		if _, err := open(place, sealed); err != nil {
			if found.Shut++; found.Shut == 1 {
				found.First = place + ": " + err.Error()
			}
		}
	})
	return found, err
}

// eachSealed visits the sealed texts that Sealed counts.
func eachSealed(ctx context.Context, q conn, visit func(place, sealed string)) error {
	var secrets []struct {
		Name   string `db:"name"`
		Sealed string `db:"sealed"`
	}
	if err := selectAll(ctx, q, &secrets, "SELECT name, sealed FROM secrets ORDER BY name", args{}); err != nil {
		return err
	}
	for _, s := range secrets {
		visit(job.SecretPlace(s.Name), s.Sealed)
	}
	for after := ""; ; {
		var list []struct {
			JobID   string `db:"job_id"`
			Secrets string `db:"secrets"`
		}
		err := selectAll(ctx, q, &list, `SELECT d.job_id, d.secrets FROM definitions d JOIN jobs j ON j.id = d.job_id AND j.version = d.version
			WHERE d.secrets IS NOT NULL AND d.job_id > :after ORDER BY d.job_id LIMIT :most`, args{"after": after, "most": resealBatch})
		if err != nil {
			return err
		}
		for i := range list {
			var column secretsColumn
			if err := json.Unmarshal([]byte(list[i].Secrets), &column); err != nil {
				continue // a definition that cannot be read is told of elsewhere
			}
			for _, field := range sortedKeys(column.Sealed) {
				visit(job.CredentialPlace(list[i].JobID, field), column.Sealed[field])
			}
		}
		if len(list) < resealBatch {
			return nil
		}
		after = list[len(list)-1].JobID
	}
}
