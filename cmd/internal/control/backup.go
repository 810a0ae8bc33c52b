package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"schedule-server/pkg/store"
)

// Backup is the command that copies a SQLite database, whether the service runs or not.
type Backup struct {
	File  string `arg:"" help:"The copy. The key file is copied beside it, with .key at the end of its name." type:"path"`
	Force bool   `help:"Overwrite a copy that is there."`
	NoKey bool   `help:"Leave the key file out. Without the key the secrets in the copy cannot be opened: keep it elsewhere."`
}

// Do copies the database, checks the copy and prints what is in it.
func (b *Backup) Do(ctx context.Context, in *Installation) error {
	database := in.URL()
	if isPostgres(database) {
		return fmt.Errorf("the database is PostgreSQL: nothing was copied. Copy it with pg_dump, which asks for the password or takes it from PGPASSWORD:\n"+
			"  pg_dump --format=custom --file=%s --dbname=%s\nThe key for secrets is not in that copy: keep --secret-key (SECRET_KEY), or the file secret.key of a standalone, elsewhere",
			quote(b.File), quote(forLibpq(database)))
	}
	source, err := store.DatabaseFile(database)
	if err != nil {
		return err
	}
	key, err := in.key()
	if err != nil {
		return err
	}
	if err := b.check(source, key); err != nil {
		return err
	}
	if b.NoKey {
		key.file = ""
	}
	copied, err := newStage(b.File, false)
	if err != nil {
		return err
	}
	defer copied.discard()
	if err := store.Copy(ctx, source, copied.temporary); err != nil {
		return fmt.Errorf("the database %s %w", source, err)
	}
	contents, err := store.Inspect(ctx, copied.temporary, key.ring.Open)
	if err != nil {
		return fmt.Errorf("the database %s %w; no backup was made", source, err)
	}
	if err := b.publish(copied, key); err != nil {
		return err
	}
	return b.tell(contents, key)
}

// publish gives the copy and its key their names. The key goes first: a copy without its key would look whole.
func (b *Backup) publish(copied *stage, key secretKey) error {
	swap := keySwap{file: b.keyFile(), text: key.text}
	if key.file != "" {
		if err := swap.begin(); err != nil {
			return err
		}
	}
	if err := copied.publish(b.Force); err != nil {
		return b.exists(err)
	}
	if key.file != "" {
		return swap.end()
	}
	return nil
}

// keyFile is where the copy of the key is.
func (b *Backup) keyFile() string { return b.File + ".key" }

// check refuses to write over what must not be lost.
func (b *Backup) check(source string, key secretKey) error {
	there, err := os.Stat(b.File)
	if err == nil {
		if there.IsDir() {
			return fmt.Errorf("%s is a folder: name a file in it", b.File)
		}
		for _, own := range append(store.FilesOf(source), key.file) {
			if info, err := os.Stat(own); err == nil && os.SameFile(info, there) {
				return fmt.Errorf("%s belongs to the database itself: name another file", b.File)
			}
		}
		if !b.Force {
			return b.exists(fs.ErrExist)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Dir(b.File)); err != nil {
		return fmt.Errorf("the folder %s cannot be used: %w", filepath.Dir(b.File), cause(err))
	}
	if key.file == "" || b.Force || b.NoKey {
		return nil
	}
	old, err := readKey(b.keyFile())
	if err == nil && old.text != "" && old.text != key.text {
		return fmt.Errorf("%s is another key: choose another name for the copy, or overwrite it with --force", b.keyFile())
	}
	return err
}

// exists says what to do about a file that is there.
func (b *Backup) exists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: choose another name, or overwrite it with --force", b.File)
	}
	return err
}

// tell prints what was copied, and where its key is.
func (b *Backup) tell(c *store.Contents, key secretKey) error {
	size, err := os.Stat(b.File)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %s, %s; checked\n", b.File, contentsText(c), sizeText(size.Size()))
	if key.file != "" {
		fmt.Printf("%s: the key for its secrets; who has both files can read them\n", b.keyFile())
	}
	switch {
	case key.ring == nil && c.Sealed.All > 0:
		loud("The key of this database is missing, and not in the backup: its secrets (%s) cannot be opened.", plural(c.Sealed.All, "sealed text"))
	case c.Sealed.Shut > 0:
		loud("The key does not open %d of %s in the backup, such as %s.", c.Sealed.Shut, plural(c.Sealed.All, "sealed text"), c.Sealed.First)
	}
	if key.ring != nil && key.file == "" {
		loud("The key for secrets is NOT in the backup. Keep a copy of it elsewhere: without it the secrets in the backup (%s) cannot be opened.",
			plural(c.Sealed.All, "sealed text"))
		if _, err := os.Stat(b.keyFile()); err == nil {
			loud("%s is from before and may be another key.", b.keyFile())
		}
	}
	return nil
}

// loud tells the person at the terminal what must not be missed.
func loud(format string, args ...any) { fmt.Fprintf(os.Stderr, "ATTENTION: "+format+"\n", args...) }

// contentsText is what a database holds.
func contentsText(c *store.Contents) string {
	return fmt.Sprintf("%s, %s, %s, schema %d", plural(c.Jobs, "job"), plural(c.Runs, "run"), plural(c.Secrets, "secret"), c.Schema)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func sizeText(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
