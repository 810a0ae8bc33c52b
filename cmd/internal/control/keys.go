package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"text/tabwriter"
	"time"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/access"
	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
)

// Commands are what the programs with the API can do.
type Commands struct {
	app.Commands
	Keys   Keys   `cmd:"" help:"Create, list and delete API keys, in the database itself."`
	Reseal Reseal `cmd:"" help:"Seal all secrets in the database again, with the first key of --secret-key or of the key file." uses:"secret-key,secret-key-file"`
	Import Import `cmd:"" help:"Import jobs from the original, a crontab, JSON or YAML, into the database itself." uses:"secret-key,secret-key-file,time-zone"`

	Backup  Backup  `cmd:"" help:"Copy the SQLite database and its key file, whether the service runs or not." uses:"secret-key,secret-key-file"`
	Restore Restore `cmd:"" help:"Replace the SQLite database with a backup, or only check the backup." uses:"secret-key,secret-key-file"`
}

// Do does what the command line asks for other than to serve.
func (c *Commands) Do(ctx context.Context, p *app.Process, in *Installation) error {
	err := c.do(ctx, p, in)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted: %v", err) //nolint:errorlint // a server that was stopped ended well; a command did not
	}
	return err
}

func (c *Commands) do(ctx context.Context, p *app.Process, in *Installation) error {
	switch p.Command {
	case "import <file>":
		key, err := in.key()
		if err != nil {
			return err
		}
		c.Import.TimeZone = in.TimeZone
		return c.Import.Do(ctx, p, in.URL(), key.ring)
	case "reseal":
		return c.Reseal.Do(ctx, p, in)
	case "backup <file>":
		return c.Backup.Do(ctx, in)
	case "restore <file>":
		return c.Restore.Do(ctx, in)
	}
	return c.Keys.Do(ctx, p, in.URL())
}

// Keys are the commands for API keys. They need the database only.
type Keys struct {
	Create struct {
		Name      string        `help:"What the key is for." required:""`
		Scope     access.Scope  `help:"What it may do: read, run, write or admin; each includes those before it." required:"" enum:"read,run,write,admin"`
		ExpiresIn time.Duration `help:"How long it is valid, such as 30d. Default: forever."`
		IfNone    bool          `help:"Create it only if there is no key yet; otherwise do nothing and succeed. For a container that starts before the others."`
	} `cmd:"" help:"Create an API key and print it. It cannot be shown again."`
	List   struct{} `cmd:"" help:"List the keys."`
	Delete struct {
		ID string `arg:"" help:"The key's id, as list shows it."`
	} `cmd:"" help:"Delete a key and end its logins."`
}

// Do does what the command line asks for with the keys in a database. A key
// that is made is the only thing on the standard output, so that scripts can take it.
func (k *Keys) Do(ctx context.Context, p *app.Process, database string) error {
	s, err := Store(ctx, p, database)
	if err != nil {
		return err
	}
	defer s.Close()
	keeper := access.NewKeeper(s, access.Options{Now: deliver.Now, Logger: p.Logger})
	ctx = access.WithActor(ctx, access.Actor{ID: access.CommandLine, Name: userName()})
	switch p.Command {
	case "keys create":
		return k.create(ctx, keeper)
	case "keys delete <id>":
		return keeper.Delete(ctx, k.Delete.ID)
	}
	return list(ctx, keeper)
}

func (k *Keys) create(ctx context.Context, keeper *access.Keeper) error {
	in := access.KeyInput{Name: k.Create.Name, Scope: k.Create.Scope}
	if k.Create.ExpiresIn != 0 {
		ends := deliver.Now().Add(k.Create.ExpiresIn)
		in.ExpiresAt = &ends
	}
	if k.Create.IfNone {
		existing, err := keeper.List(ctx)
		if err != nil || len(existing) > 0 {
			return err
		}
	}
	key, token, err := keeper.Create(ctx, in)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "Created the key %q with the scope %s. Save it now, it cannot be shown again:\n", key.Name, key.Scope)
	fmt.Println(token.Text())
	return nil
}

func list(ctx context.Context, keeper *access.Keeper) error {
	keys, err := keeper.List(ctx)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tSCOPE\tCREATED\tEXPIRES\tLAST USED\tNAME")
	for _, key := range keys {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", key.ID, key.Scope, key.CreatedAt, moment(key.ExpiresAt), moment(key.LastUsedAt), key.Name)
	}
	return out.Flush()
}

func moment(at *job.Instant) string {
	if at == nil {
		return "never"
	}
	return at.String()
}

// userName is who runs the program, for the audit log; empty when the system does not say.
func userName() string {
	who, err := user.Current()
	if err != nil {
		return ""
	}
	return who.Username
}
