package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
)

// Reseal is the command that seals all secrets anew under the first of the keys.
type Reseal struct {
	NewKey bool `help:"Make a new key for a standalone that does not run, seal everything under it, and put it into the key file. The old key is kept beside it."`
}

// Do seals every secret in a database anew under the first key, whether the
// service runs or not, and prints what came of it. The error says how many could not be opened.
func (r *Reseal) Do(ctx context.Context, p *app.Process, in *Installation) error {
	key, err := in.key()
	if err != nil {
		return err
	}
	if r.NewKey {
		return rekey(ctx, p, in, key)
	}
	if key.ring == nil {
		return fmt.Errorf("there is no key: --secret-key (SECRET_KEY) is not given, and %s does not exist. Give the new key, a comma, and the old one", KeyFile(in.Data))
	}
	return resealAll(ctx, p, in, key.ring)
}

func resealAll(ctx context.Context, p *app.Process, in *Installation, ring *job.Keyring) error {
	s, err := Store(ctx, p, in.URL())
	if err != nil {
		return err
	}
	done, err := s.Reseal(ctx, ring.Reseal)
	fmt.Printf("sealed anew %d, were under the first key already %d, left as they were %d\n", done.Anew, done.Kept, done.Failed)
	for _, fault := range done.Faults {
		fmt.Fprintln(os.Stderr, fault)
	}
	if err == nil && done.Failed > 0 {
		err = fmt.Errorf("%d secrets could not be opened; keep the old key until they are written anew", done.Failed)
	}
	return errors.Join(err, s.Close())
}

// rekey makes a new key, seals everything under it, and puts it into the key file. It must be the only one to do anything with
// the database: a server goes on with the key that it read when it started.
func rekey(ctx context.Context, p *app.Process, in *Installation, old secretKey) error {
	switch {
	case isPostgres(in.URL()) || !in.OwnRedis:
		return errors.New("--new-key is for a standalone with SQLite and a Redis inside it: other processes may use what you have here. Give all of them both keys, as docs/backup.md says")
	case old.file == "" && old.ring != nil:
		return errors.New("--new-key makes a new key in the key file, but --secret-key (SECRET_KEY) is given: put the new key in front of the old one there, and seal anew without --new-key")
	case old.file == "":
		return fmt.Errorf("there is no key to be replaced: %s does not exist", KeyFile(in.Data))
	}
	lock, err := store.LockServer(ctx, in.URL(), true, store.DoingRekey)
	if err != nil {
		return err
	}
	defer lock.Release()
	kept, err := keepAside(old.file, time.Now())
	if err != nil {
		return err
	}
	swap := keySwap{file: old.file, text: job.NewKey(), forService: true}
	if err := swap.begin(); err != nil {
		return err
	}
	both, err := readKey(old.file)
	if err != nil {
		return err
	}
	if err := resealAll(ctx, p, in, both.ring); err != nil {
		return fmt.Errorf("%w. %s holds the new key and the old one", err, old.file)
	}
	if err := swap.end(); err != nil {
		return err
	}
	fmt.Printf("%s holds the new key\nkept from before: %s; backups that were made until now need it\n", old.file, kept)
	return nil
}
