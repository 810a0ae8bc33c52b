package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"schedule-server/pkg/store"
)

// Restore is the command that puts a backup in the place of a SQLite database.
type Restore struct {
	File       string `arg:"" help:"The backup. The key beside it, with .key at the end of its name, is put back too." type:"path"`
	Check      bool   `help:"Only check the backup: what is in it, whether it is intact, and whether its key opens its secrets."`
	WithoutKey bool   `help:"Restore although the key is missing or does not open every secret."`
}

// Do checks a backup and puts it in the place of the database, which is kept under another name.
func (r *Restore) Do(ctx context.Context, in *Installation) error {
	database := in.URL()
	if isPostgres(database) {
		return fmt.Errorf("the database is PostgreSQL: nothing was restored. Stop every schedule-server that uses it, and restore the file of pg_dump into an empty database:\n"+
			"  pg_restore --no-owner --exit-on-error --dbname=%s %s", quote(forLibpq(database)), quote(r.File))
	}
	target, err := store.DatabaseFile(database)
	if err != nil {
		return err
	}
	if there, err := os.Stat(r.File); err == nil {
		if own, err := os.Stat(target); err == nil && os.SameFile(own, there) {
			return fmt.Errorf("%s is the database itself: name a backup of it", r.File)
		}
	}
	key, err := r.key(in)
	if err != nil {
		return err
	}
	if r.Check {
		return r.inspect(ctx, r.File, key)
	}
	if err := store.Recognize(ctx, r.File); err != nil {
		return fmt.Errorf("%s %w", r.File, err)
	}
	seized, err := store.Seize(ctx, database, store.DoingRestore)
	if err != nil {
		return err
	}
	defer seized.Release()
	copied, err := newStage(seized.File, true)
	if err != nil {
		return err
	}
	defer copied.discard()
	if err := store.Copy(ctx, r.File, copied.temporary); err != nil {
		return fmt.Errorf("%s %w", r.File, err)
	}
	if err := r.inspect(ctx, copied.temporary, key); err != nil {
		return err
	}
	return r.replace(in, seized, copied, key)
}

// key is the key that was given, or that beside the backup, or that of the key file.
func (r *Restore) key(in *Installation) (secretKey, error) {
	if in.SecretKey == "" {
		beside, err := readKey(r.File + ".key")
		if beside.ring != nil || err != nil {
			return beside, err
		}
	}
	return in.key()
}

// inspect prints what a copy of the backup holds. The error says why it is not restored.
func (r *Restore) inspect(ctx context.Context, file string, key secretKey) error {
	c, err := store.Inspect(ctx, file, key.ring.Open)
	if err != nil {
		return fmt.Errorf("%s %w", r.File, err)
	}
	newest, err := store.NewestSchema()
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s; intact\n", r.File, contentsText(c))
	if c.Schema > newest {
		return fmt.Errorf("%s was written by a newer version of schedule-server: its schema is %d, this version knows %d. Restore it with that version", r.File, c.Schema, newest)
	}
	if c.Sealed.Shut == 0 {
		if c.Sealed.All > 0 {
			fmt.Printf("its key opens all secrets in it: %s\n", plural(c.Sealed.All, "sealed text"))
		}
		return nil
	}
	why := fmt.Sprintf("%d of %s in %s cannot be opened", c.Sealed.Shut, plural(c.Sealed.All, "sealed text"), r.File)
	if r.WithoutKey {
		loud("%s.", why)
		return nil
	}
	if key.ring == nil {
		return fmt.Errorf("%s: there is no key. Put it beside the backup, as %s.key, or give it with --secret-key; or restore --without-key, and set these secrets again", why, r.File)
	}
	return fmt.Errorf("%s with the key %s, such as %s. Give the key of this backup with --secret-key, or beside it as %s.key; or restore --without-key, and set these secrets again",
		why, key.origin(), c.Sealed.First, r.File)
}

// origin is where a key comes from, as people are told.
func (k secretKey) origin() string {
	if k.file == "" {
		return "of --secret-key (SECRET_KEY)"
	}
	return "in " + k.file
}

// replace puts the copy and its key in the place of what is there, which is kept.
func (r *Restore) replace(in *Installation, seized *store.Seized, copied *stage, key secretKey) error {
	old := kept{now: time.Now()}
	beside := key.file == r.File+".key"
	swap := keySwap{file: KeyFile(in.Data), text: key.text, forService: true}
	if beside && in.keepsKey() {
		if there, err := readKey(swap.file); err != nil || there.text != "" && there.text != key.text {
			if err := old.keep(swap.file); err != nil {
				return err
			}
		}
		if err := swap.begin(); err != nil {
			return err
		}
	}
	if err := old.keep(seized.File, seized.Logs...); err != nil {
		return err
	}
	if err := copied.publish(true); err != nil {
		return err
	}
	fmt.Printf("restored to %s\n", seized.File)
	if beside && in.keepsKey() {
		if err := swap.end(); err != nil {
			return err
		}
		fmt.Printf("its key to %s\n", swap.file)
	} else if beside {
		loud("The key in %s was not put anywhere: give it to the API and to every worker, as SECRET_KEY.", key.file)
	}
	for _, name := range old.names {
		fmt.Printf("kept from before: %s\n", name)
	}
	return nil
}

// kept are the files that others took the place of.
type kept struct {
	now   time.Time
	names []string
}

// keep keeps a file, if it is there, under another name, and what belongs to it likewise.
func (k *kept) keep(file string, more ...string) error {
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	aside, err := keepAside(file, k.now)
	for _, other := range more {
		if err == nil {
			err = os.Rename(other, aside+strings.TrimPrefix(other, file))
		}
	}
	if err != nil {
		return fmt.Errorf("the file that would be replaced cannot be kept: %w", err)
	}
	k.names = append(k.names, aside)
	return nil
}

// keepsKey reports whether the key is kept in the key file.
func (in *Installation) keepsKey() bool {
	if in.SecretKey != "" {
		return false
	}
	if in.Standalone {
		return true
	}
	_, err := os.Stat(KeyFile(in.Data))
	return err == nil
}
