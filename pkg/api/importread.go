package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"schedule-server/pkg/apscheduler"
	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// ImportFile is a file of jobs as a caller sends it.
type ImportFile struct {
	// Format is how it is written. Empty: it is recognised by what it begins with and by Name.
	Format Format
	// Name is the file's. May be empty.
	Name string
	Data []byte
	// TimeZone is that of a crontab which names none. Empty: UTC.
	TimeZone string
	// Pickles reads the rows of the original's SQLite file. Required for that format.
	Pickles func(ctx context.Context, data []byte) ([]apscheduler.Row, error)
}

// ImportBatch is what a file of jobs holds.
type ImportBatch struct {
	Format Format
	// Jobs are those that can be imported.
	Jobs []Source
	// Skipped are the lines of a crontab, or the rows of a SQLite file, that cannot.
	Skipped []crontab.Skipped
	// Warnings say what of a job is not carried over.
	Warnings []ImportWarning
}

// Source is one job of an import, and where it stands.
type Source struct {
	*job.Input
	// Place names it in errors: "jobs[17]".
	Place string
	// Line and Text are what is listed when this one job is skipped for a fault. Zero: a fault refuses the whole import.
	Line int
	Text string
}

// ImportWarning is what is not carried over of one job.
type ImportWarning struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// ReadImport reads the jobs of a file. The error is an *job.Error that names every
// fault by its place: CodeMalformed for a file that is not what it is said to be, or not recognised.
func ReadImport(ctx context.Context, f ImportFile, parser *trigger.Parser, now job.Instant) (*ImportBatch, error) {
	why := ""
	if f.Format == "" {
		var err error
		if f.Format, why, err = recognise(f.Name, f.Data); err != nil {
			return nil, err
		}
	}
	batch, err := f.read(ctx, parser, now)
	var known *job.Error
	if why != "" && errors.As(err, &known) && known.Code == job.CodeMalformed {
		return nil, &job.Error{Code: known.Code, Detail: fmt.Sprintf("it was taken for %s, because %s: %s", f.Format.Words(), why, known.Detail), Err: known.Err}
	}
	return batch, err
}

func (f *ImportFile) read(ctx context.Context, parser *trigger.Parser, now job.Instant) (*ImportBatch, error) {
	if f.Format == FormatSQLite {
		return f.readPickles(ctx, parser, now)
	}
	text, err := asText(f.Data)
	if err != nil {
		return nil, err
	}
	if f.Format == FormatCrontab {
		return f.readCrontab(ctx, text, parser, now)
	}
	if err := checkUTF8(text); err != nil {
		return nil, err
	}
	if f.Format == FormatYAML {
		if text, err = yamlToJSON(ctx, text); err != nil {
			return nil, err
		}
	}
	jobs, err := readJobs(text, parser, now)
	return &ImportBatch{Format: f.Format, Jobs: jobs}, err
}

// readJobs reads {"jobs": […]}, or the list alone.
func readJobs(data []byte, parser *trigger.Parser, now job.Instant) ([]Source, error) {
	var in struct {
		Jobs []json.RawMessage `json:"jobs"`
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		if err := json.Unmarshal(data, &in.Jobs); err != nil {
			return nil, job.Errorf(job.CodeMalformed, "the body is not JSON: %v", err)
		}
	} else if err := job.Decode(data, &in); err != nil {
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

func (f *ImportFile) readCrontab(ctx context.Context, text []byte, parser *trigger.Parser, now job.Instant) (*ImportBatch, error) {
	if err := checkCrontab(text); err != nil {
		return nil, err
	}
	lines := string(text)
	file, err := crontab.Parse(ctx, lines, crontab.Options{TimeZone: f.TimeZone, Parser: parser, Now: now})
	if err != nil {
		return nil, err
	}
	batch := &ImportBatch{Format: f.Format, Skipped: file.Skipped, Jobs: make([]Source, len(file.Jobs))}
	written := strings.Split(lines, "\n")
	for i := range file.Jobs {
		entry := &file.Jobs[i]
		batch.Jobs[i] = Source{Input: &job.Input{Definition: entry.Definition}, Place: fmt.Sprintf("line %d", entry.Line),
			Line: entry.Line, Text: firstRunes(strings.TrimSpace(written[entry.Line-1]), 200)}
		for _, warning := range entry.Warnings {
			batch.Warnings = append(batch.Warnings, ImportWarning{entry.Definition.ID, warning})
		}
	}
	return batch, nil
}

// readPickles reads the store of the original service. Rows are counted as lines.
func (f *ImportFile) readPickles(ctx context.Context, parser *trigger.Parser, now job.Instant) (*ImportBatch, error) {
	if !bytes.HasPrefix(f.Data, []byte(beginsSQLite)) {
		return nil, job.Errorf(job.CodeMalformed, "it does not begin as a SQLite file")
	}
	rows, err := f.Pickles(ctx, f.Data)
	if err != nil {
		return nil, err
	}
	batch := &ImportBatch{Format: f.Format}
	for i, row := range rows {
		text := firstRunes(strings.ToValidUTF8(row.ID, "\uFFFD"), 200)
		input, warnings, err := apscheduler.Read(row, parser, now)
		if err != nil {
			batch.Skipped = append(batch.Skipped, crontab.Skipped{Line: i + 1, Text: text, Reason: err.Error()})
			continue
		}
		for _, warning := range warnings {
			batch.Warnings = append(batch.Warnings, ImportWarning{input.ID, warning})
		}
		batch.Jobs = append(batch.Jobs, Source{Input: input, Place: fmt.Sprintf("row %d", i+1), Line: i + 1, Text: text})
	}
	return batch, nil
}
