package api

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/apscheduler"
	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// Media types of an import, beside JSON.
const (
	mediaYAML    = "application/yaml"
	mediaCrontab = "text/crontab"
	mediaSQLite  = "application/vnd.sqlite3"
)

// ImportFile is a file of jobs as a caller sends it.
type ImportFile struct {
	// Media is its type: application/json, application/yaml, text/crontab or application/vnd.sqlite3. Empty: JSON.
	Media string
	Data  []byte
	// TimeZone is that of a crontab which names none. Empty: UTC.
	TimeZone string
	// Pickles reads the rows of the original's SQLite file. Required for that type.
	Pickles func(ctx context.Context, data []byte) ([]apscheduler.Row, error)
}

// ImportNotes are what an import says beside its result; empty for JSON and YAML.
type ImportNotes struct {
	// Skipped are entries that cannot become jobs.
	Skipped []crontab.Skipped `json:"skipped,omitempty"`
	// Warnings say what of an entry is not carried over.
	Warnings []ImportWarning `json:"warnings,omitempty"`
}

// ImportWarning is what is not carried over of one entry.
type ImportWarning struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// ReadImport reads the jobs of a file. The error is an *job.Error that names every fault by its place.
func ReadImport(ctx context.Context, f ImportFile, parser *trigger.Parser, now job.Instant) ([]Source, ImportNotes, error) {
	media, _, err := mime.ParseMediaType(f.Media)
	if err != nil {
		media = f.Media
	}
	if media == mediaSQLite || media == "application/x-sqlite3" {
		return readPickles(ctx, f, parser, now)
	}
	if !utf8.Valid(f.Data) {
		return nil, ImportNotes{}, job.Errorf(job.CodeMalformed, "the body is not UTF-8")
	}
	switch media {
	case mediaCrontab:
		return readCrontab(f, parser, now)
	case mediaYAML, "application/x-yaml", "text/yaml", "text/x-yaml":
		if f.Data, err = yamlToJSON(f.Data); err != nil {
			return nil, ImportNotes{}, err
		}
	}
	sources, err := readJobs(f.Data, parser, now)
	return sources, ImportNotes{}, err
}

// readJobs reads {"jobs": […]}.
func readJobs(data []byte, parser *trigger.Parser, now job.Instant) ([]Source, error) {
	var in struct {
		Jobs []json.RawMessage `json:"jobs"`
	}
	if err := job.Decode(data, &in); err != nil {
		return nil, err
	}
	if in.Jobs == nil {
		return nil, fieldError("jobs", "required", "jobs is missing: a list of jobs")
	}
	if len(in.Jobs) > MaxImport {
		return nil, fieldError("jobs", "invalid", "an import holds at most %d jobs", MaxImport)
	}
	sources := make([]Source, 0, len(in.Jobs))
	var faults []job.FieldError
	for i, raw := range in.Jobs {
		place := fmt.Sprintf("jobs[%d]", i)
		input, err := job.DecodeInput(raw, "", parser, now)
		switch {
		case job.CodeOf(err) == job.CodeMalformed:
			faults = append(faults, job.FieldError{Field: place, Code: "invalid", Message: "an object is expected"})
		case err != nil:
			faults = append(faults, faultsAt(place, err)...)
		case input.IDMade:
			faults = append(faults, job.FieldError{Field: place + ".id", Code: "required", Message: "a job that is imported has an id"})
		default:
			sources = append(sources, Source{Input: input, Place: place})
		}
	}
	return sources, importFaults(faults)
}

func readCrontab(f ImportFile, parser *trigger.Parser, now job.Instant) ([]Source, ImportNotes, error) {
	file, err := crontab.Parse(string(f.Data), crontab.Options{TimeZone: f.TimeZone, Parser: parser, Now: now})
	if err != nil {
		return nil, ImportNotes{}, err
	}
	notes := ImportNotes{Skipped: file.Skipped}
	sources := make([]Source, len(file.Jobs))
	for i := range file.Jobs {
		entry := &file.Jobs[i]
		sources[i] = Source{Input: &job.Input{Definition: entry.Definition}, Place: fmt.Sprintf("line %d", entry.Line)}
		for _, warning := range entry.Warnings {
			notes.Warnings = append(notes.Warnings, ImportWarning{entry.Definition.ID, warning})
		}
	}
	return sources, notes, nil
}

// readPickles reads the store of the original service. Rows are counted as lines.
func readPickles(ctx context.Context, f ImportFile, parser *trigger.Parser, now job.Instant) ([]Source, ImportNotes, error) {
	var notes ImportNotes
	rows, err := f.Pickles(ctx, f.Data)
	if err != nil {
		return nil, notes, err
	}
	var sources []Source
	for i, row := range rows {
		input, warnings, err := apscheduler.Read(row, parser, now)
		if err != nil {
			notes.Skipped = append(notes.Skipped, crontab.Skipped{Line: i + 1, Text: firstRunes(strings.ToValidUTF8(row.ID, "\uFFFD"), 200), Reason: err.Error()})
			continue
		}
		for _, warning := range warnings {
			notes.Warnings = append(notes.Warnings, ImportWarning{input.ID, warning})
		}
		sources = append(sources, Source{Input: input, Place: fmt.Sprintf("row %d", i+1)})
	}
	return sources, notes, nil
}

// importAnswer is what an import answers.
type importAnswer struct {
	Imported
	ImportNotes
}

func (s *Server) importJobs(c *fiber.Ctx) error {
	params := readQuery(c)
	options := ImportOptions{DryRun: params.boolean("dry_run"), Prune: params.boolean("prune")}
	file := ImportFile{Media: c.Get(fiber.HeaderContentType), Data: c.Request().Body(), TimeZone: params.text("time_zone"), Pickles: s.deps.Pickles}
	if err := params.check(); err != nil {
		return err
	}
	if err := refuseEncoding(c); err != nil {
		return err
	}
	if err := s.checkZone(file.TimeZone); err != nil {
		return err
	}
	sources, notes, err := ReadImport(c.UserContext(), file, s.deps.Parser, s.deps.Now())
	if err != nil {
		return err
	}
	done, err := s.deps.Service.Import(c.UserContext(), sources, options)
	if err != nil {
		return err
	}
	return c.JSON(importAnswer{done, notes})
}
