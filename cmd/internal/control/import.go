package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/mattn/go-isatty"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/access"
	"schedule-server/pkg/app"
	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// maxImportFile is how large a file of jobs may be, in bytes.
const maxImportFile = 32 << 20

// Import is the command that brings jobs in. It needs the database only, whether the service runs or not.
type Import struct {
	File   string `arg:"" help:"A jobs.sqlite of the original, a crontab, or jobs in JSON or YAML. - is the standard input." type:"path"`
	Format string `help:"What the file is: crontab, json, yaml or sqlite. Default: recognised by what it begins with and by its name." enum:"auto,crontab,json,yaml,sqlite" default:"auto"`
	// TimeZone is that of a crontab which names none: the server's --time-zone.
	TimeZone   string `kong:"-"`
	DryRun     bool   `help:"Write nothing, and show what would be done."`
	Prune      bool   `help:"Delete every job that is not in the file."`
	MaxDeletes int    `help:"How many jobs --prune may delete." default:"10"`
	Yes        bool   `help:"Delete up to --max-deletes jobs without asking. --prune needs it where there is no terminal to ask on." short:"y"`
	Output     string `help:"How the result is written: text or json." enum:"text,json" default:"text" short:"o"`
	Verbose    bool   `help:"Show every job, not the first 20 of each kind." short:"v"`
}

// Help is shown by --help below the flags' summary.
func (*Import) Help() string {
	return `Jobs in JSON or YAML are imported whole or not at all. Lines of a crontab and rows of a
jobs.sqlite that cannot become jobs are skipped, and listed with the reason.

--prune deletes nothing if no job was read or anything was skipped. It shows what it would
delete and asks. More than --max-deletes are deleted only if you type their number, or give it
as --max-deletes.

Exit codes: 0 everything was imported; 1 an error, and nothing was written; 2 unusable flags;
3 something was skipped, and the rest was imported. A dry run exits as the import would.`
}

// Validate is called by kong.
func (i *Import) Validate() error {
	if i.MaxDeletes < 0 {
		return fmt.Errorf("--max-deletes: %d is less than 0", i.MaxDeletes)
	}
	return nil
}

// console is where the command shows what it does, and asks.
type console struct {
	out, err io.Writer
	// in answers what is asked. Nil: there is no terminal.
	in io.Reader
}

// systemConsole is the console of the process. Where the standard input is the file, nobody can be asked.
func systemConsole(file string) console {
	c := console{out: os.Stdout, err: os.Stderr}
	if file != "-" && isatty.IsTerminal(os.Stdin.Fd()) && isatty.IsTerminal(os.Stderr.Fd()) {
		c.in = os.Stdin
	}
	return c
}

// skippedError says that an import was done, and that something of the file was left out.
type skippedError struct {
	// what is skipped: "2 lines".
	what     string
	imported int
	dryRun   bool
}

// Error says how much.
func (e *skippedError) Error() string {
	verb, rest := "was", "the rest"
	if e.dryRun {
		verb = "would be"
	}
	if e.imported == 0 {
		rest = "nothing"
	}
	return fmt.Sprintf("%s skipped; %s %s imported", e.what, rest, verb)
}

// ExitCode is what the process ends with.
func (e *skippedError) ExitCode() int { return 3 }

// Do imports the file into a database and shows what was done.
func (i *Import) Do(ctx context.Context, p *app.Process, database string, keys *job.Keyring) error {
	return i.do(ctx, p, database, keys, systemConsole(i.File))
}

func (i *Import) do(ctx context.Context, p *app.Process, database string, keys *job.Keyring, c console) error {
	parser := &trigger.Parser{}
	batch, err := i.readBatch(ctx, parser)
	if err != nil {
		return err
	}
	if i.Prune && !i.DryRun {
		if err := service.CheckPrune(batch); err != nil {
			return err
		}
	}
	jobs, closeStore, err := i.open(ctx, p, database, c)
	if err != nil {
		return err
	}
	defer closeStore()
	uses := service.New(jobs, noQueue{}, service.Options{Parser: parser, Keys: keys, Now: deliver.Now, Logger: p.Logger})
	ctx = access.WithActor(ctx, access.Actor{ID: access.CommandLine, Name: userName()})
	options := service.ImportOptions{DryRun: i.DryRun, Prune: i.Prune, MaxDeletes: i.MaxDeletes, Described: i.described()}
	if i.Prune && !i.DryRun {
		if err := i.confirm(ctx, uses, batch, &options, c); err != nil {
			return err
		}
	}
	done, err := uses.Import(ctx, batch, options)
	if err := errors.Join(err, uses.Wait(ctx)); err != nil {
		return err
	}
	if err := i.show(c.out, &done); err != nil {
		return err
	}
	switch {
	case done.Refused != nil:
		return fmt.Errorf("the import would be refused: %s: %s", done.Refused.Field, done.Refused.Message)
	case len(done.Skipped) > 0:
		imported := len(done.Created) + len(done.Updated) + len(done.Unchanged)
		return &skippedError{count(len(done.Skipped), entryWord(done.Format)), imported, i.DryRun}
	}
	return nil
}

// described is how many jobs of each kind are shown.
func (i *Import) described() int {
	if i.Verbose || i.Output == "json" {
		return math.MaxInt
	}
	return shown
}

// readBatch reads the file. Nothing else was touched when it fails.
func (i *Import) readBatch(ctx context.Context, parser *trigger.Parser) (*importer.Batch, error) {
	if _, err := parser.Parse(trigger.Spec{Type: trigger.TypeDate, At: new(job.Instant), TimeZone: i.TimeZone}, ""); err != nil {
		return nil, fmt.Errorf("--time-zone: %q is not an IANA name such as Europe/Berlin", i.TimeZone)
	}
	data, err := i.read()
	if err != nil {
		return nil, err
	}
	file := importer.File{Name: filepath.Base(i.File), Data: data, TimeZone: i.TimeZone, Pickles: store.ReadPickles}
	if i.Format != "auto" {
		file.Format = importer.Format(i.Format)
	}
	batch, err := importer.Read(ctx, file, parser, deliver.Now())
	switch {
	case err != nil && file.Format == "" && job.CodeOf(err) == job.CodeMalformed && len(data) > 0:
		return nil, fmt.Errorf("%s: %w (--format says what it is)", i.name(), err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", i.name(), err)
	}
	return batch, nil
}

// name is the file's for people.
func (i *Import) name() string {
	if i.File == "-" {
		return "the standard input"
	}
	return i.File
}

func (i *Import) read() ([]byte, error) {
	in := io.Reader(os.Stdin)
	if i.File != "-" {
		file, err := os.Open(i.File)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxImportFile+1))
	if err == nil && len(data) > maxImportFile {
		err = fmt.Errorf("%s is larger than 32 MiB", i.name())
	}
	return data, err
}

// open opens the database: to read only for a dry run, which changes nothing in it and makes none.
func (i *Import) open(ctx context.Context, p *app.Process, database string, c console) (jobs service.Store, closeStore func(), err error) {
	if !i.DryRun {
		s, err := Store(ctx, p, database)
		if err != nil {
			return nil, nil, err
		}
		return s, func() { _ = s.Close() }, nil
	}
	s, err := openWith(ctx, p, database, store.OpenReadOnly)
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		fmt.Fprintf(c.err, "There is no database yet: %s. The import itself would make it.\n", store.ShownURL(database))
		return noStore{}, func() {}, nil
	}
	return s, func() { _ = s.Close() }, nil
}

func (i *Import) show(out io.Writer, done *service.Imported) error {
	if i.Output == "json" {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(done)
	}
	return showImport(out, i.name(), done, i.Verbose)
}

// noStore stands for a database that is not there yet: it has no jobs and no secrets.
type noStore struct{ service.Store }

// PickJobs finds none.
func (noStore) PickJobs(context.Context, job.Pick, job.Instant) ([]job.Job, error) { return nil, nil }

// ListSecrets finds none.
func (noStore) ListSecrets(context.Context) ([]job.SecretInfo, error) { return nil, nil }

// noQueue stands for the queue where only the database is at hand: beat looks into
// that every second, and its reconciler ends what a deletion leaves open.
type noQueue struct{}

var errNoQueue = errors.New("this command has no queue")

func (noQueue) Wake(context.Context) error                { return nil }
func (noQueue) Enqueue(context.Context, []job.Task) error { return errNoQueue }
func (noQueue) Cancel(context.Context, []job.Run) error   { return errNoQueue }
func (noQueue) Interrupt(context.Context, []string) error { return errNoQueue }
func (noQueue) Settle(context.Context) error              { return errNoQueue }
func (noQueue) Try(context.Context, *job.Task) (*job.Trial, error) {
	return nil, errNoQueue
}
