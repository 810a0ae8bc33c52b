package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"schedule-server/cmd/internal/deliver"
	"schedule-server/pkg/access"
	"schedule-server/pkg/api"
	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/store"
	"schedule-server/pkg/trigger"
)

// maxImportFile is how large a file of jobs may be, in bytes.
const maxImportFile = 32 << 20

// Import is the command that brings jobs in. It needs the database only, whether the service runs or not.
type Import struct {
	File     string `arg:"" help:"A jobs.sqlite of the original, a crontab, or jobs in JSON or YAML. - is the standard input." type:"path"`
	TimeZone string `help:"Zone of the machine that a crontab comes from, such as Europe/Berlin." default:"UTC"`
	DryRun   bool   `help:"Write nothing, and print what would be done."`
	Prune    bool   `help:"Delete every job that is not in the file."`
}

// Do imports the file into a database and prints what was done.
func (i *Import) Do(ctx context.Context, p *app.Process, database string, keys *job.Keyring) error {
	data, err := i.read()
	if err != nil {
		return err
	}
	s, err := Store(ctx, p, database)
	if err != nil {
		return err
	}
	defer s.Close()
	parser := &trigger.Parser{}
	file := api.ImportFile{Media: mediaOf(i.File, data), Data: data, TimeZone: i.TimeZone, Pickles: store.ReadPickles}
	sources, notes, err := api.ReadImport(ctx, file, parser, deliver.Now())
	if err != nil {
		return err
	}
	service := api.NewService(s, noQueue{}, api.ServiceOptions{Parser: parser, Keys: keys, Now: deliver.Now, Logger: p.Logger})
	ctx = access.WithActor(ctx, access.Actor{ID: access.CommandLine, Name: userName()})
	done, err := service.Import(ctx, sources, api.ImportOptions{DryRun: i.DryRun, Prune: i.Prune})
	if err := errors.Join(err, service.Wait(ctx)); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(struct {
		api.Imported
		api.ImportNotes
	}{done, notes})
}

func (i *Import) read() ([]byte, error) {
	in := io.Reader(os.Stdin)
	if filepath.Base(i.File) != "-" {
		file, err := os.Open(i.File)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxImportFile+1))
	if err == nil && len(data) > maxImportFile {
		err = errors.New("the file is larger than 32 MiB")
	}
	return data, err
}

// mediaOf tells what a file is by what it begins with, and by its name.
func mediaOf(name string, data []byte) string {
	begin := bytes.TrimSpace(data)
	switch {
	case bytes.HasPrefix(data, []byte("SQLite format 3\x00")):
		return "application/vnd.sqlite3"
	case bytes.HasPrefix(begin, []byte("{")):
		return "application/json"
	case strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"), bytes.HasPrefix(begin, []byte("jobs:")):
		return "application/yaml"
	}
	return "text/crontab"
}

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
