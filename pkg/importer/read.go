// Package importer reads files of jobs as other programs write them: exports of this service as JSON or YAML, crontabs,
// and the original's SQLite file. What it gives is a batch of job definitions, each with its place in the file, and
// a list of what could not become a job, with the reason. Nothing is left out without a word.
//
// It writes nothing: pkg/service imports a batch. Read Read in read.go first, then ParseText in paste.go.
package importer

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"schedule-server/pkg/apscheduler"
	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// MaxJobs is how many jobs one import may hold.
const MaxJobs = 20_000

// MaxFaults is how many faults of an import are named.
const MaxFaults = 100

// Refuse is the error for the faults of an import, the first of which are named.
func Refuse(faults []job.FieldError) error {
	if len(faults) == 0 {
		return nil
	}
	detail := fmt.Sprintf("nothing was imported: %d faults", len(faults))
	if len(faults) == 1 {
		detail = "nothing was imported: 1 fault"
	}
	if len(faults) > MaxFaults {
		detail += fmt.Sprintf(", of which the first %d are named", MaxFaults)
		faults = faults[:MaxFaults]
	}
	return &job.Error{Code: job.CodeInvalid, Detail: detail, Fields: faults}
}

// FaultsAt puts the place of a job in front of what is wrong with it.
func FaultsAt(place string, err error) []job.FieldError {
	known := job.ErrorOf(err)
	if len(known.Fields) == 0 {
		return []job.FieldError{{Field: place, Code: "invalid", Message: known.Detail}}
	}
	faults := make([]job.FieldError, len(known.Fields))
	for i, f := range known.Fields {
		faults[i] = job.FieldError{Field: place + "." + f.Field, Code: f.Code, Message: f.Message}
	}
	return faults
}

// Format is how the jobs of an import are written.
type Format string

// The formats.
const (
	FormatJSON    Format = "json"
	FormatYAML    Format = "yaml"
	FormatCrontab Format = "crontab"
	FormatSQLite  Format = "sqlite"
)

// Words is the format's name in a sentence.
func (f Format) Words() string {
	switch f {
	case FormatJSON:
		return "JSON"
	case FormatYAML:
		return "YAML"
	case FormatSQLite:
		return "a SQLite file"
	}
	return "a crontab"
}

// Media types of an import.
const (
	mediaJSON    = "application/json"
	MediaYAML    = "application/yaml"
	mediaCrontab = "text/crontab"
	mediaSQLite  = "application/vnd.sqlite3"
	// mediaAny is for a file whose sender does not know what it is.
	mediaAny = "application/octet-stream"
)

// FormatOf is the format that a Content-Type says; empty if the file is to be recognised.
func FormatOf(contentType string) (Format, error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return "", job.Errorf(job.CodeMalformed, "the Content-Type cannot be read")
	}
	if charset := strings.ToLower(parameters["charset"]); charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return "", job.Errorf(job.CodeMalformed, "the charset %.40q is not read: send UTF-8", charset)
	}
	switch media {
	case "", mediaJSON, "application/x-www-form-urlencoded": // the last is what curl says when it is told nothing
		return FormatJSON, nil
	case MediaYAML, "application/x-yaml", "text/yaml", "text/x-yaml":
		return FormatYAML, nil
	case mediaCrontab:
		return FormatCrontab, nil
	case mediaSQLite, "application/x-sqlite3":
		return FormatSQLite, nil
	case mediaAny:
		return "", nil
	}
	return "", job.Errorf(job.CodeMalformed, "the Content-Type %.80q is not one of %s, or %s for a file that is to be recognised",
		media, strings.Join([]string{mediaJSON, MediaYAML, mediaCrontab, mediaSQLite}, ", "), mediaAny)
}

// beginsSQLite is what every SQLite file begins with.
const beginsSQLite = "SQLite format 3\x00"

// asText takes a byte order mark off. The error says that it is no text that can be read.
func asText(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	utf16 := func(a, b byte) bool { return len(data) >= 2 && data[0] == a && data[1] == b }
	wide := len(data) >= 4 && (data[0] == 0 && data[2] == 0 || data[1] == 0 && data[3] == 0)
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, job.Errorf(job.CodeMalformed, "it is empty")
	case utf16(0xFF, 0xFE), utf16(0xFE, 0xFF), wide:
		return nil, job.Errorf(job.CodeMalformed, "it is UTF-16: save it as UTF-8")
	case bytes.HasPrefix(data, []byte(beginsSQLite)):
		return nil, job.Errorf(job.CodeMalformed, "it is a SQLite file")
	case bytes.IndexByte(data, 0) >= 0:
		return nil, job.Errorf(job.CodeMalformed, "it is not text: it holds a NUL byte")
	}
	return data, nil
}

// checkUTF8 names the first line that is not UTF-8.
func checkUTF8(text []byte) error {
	for n, rest := 1, text; len(rest) > 0; n++ {
		var line []byte
		if line, rest, _ = bytes.Cut(rest, []byte("\n")); !utf8.Valid(line) {
			return job.Errorf(job.CodeMalformed, "line %d is not UTF-8", n)
		}
	}
	return nil
}

// yamlBegin is what the first line of jobs in YAML looks like that is no comment.
var yamlBegin = regexp.MustCompile(`^(---(\s|$)|%YAML\b|jobs\s*:(\s|$)|apiVersion\s*:(\s|$)|kind\s*:(\s|$)|-\s+[A-Za-z_]+\s*:(\s|$))`)

// recognise tells what a file is by what it begins with and by its name, which may be
// empty. Why says by what. No format is taken because no other fits: the error names all that were tried.
func recognise(name string, data []byte) (format Format, why string, err error) {
	if bytes.HasPrefix(data, []byte(beginsSQLite)) {
		return FormatSQLite, "it begins as one", nil
	}
	extension := strings.ToLower(path.Ext(name))
	switch extension {
	case ".db", ".sqlite", ".sqlite3":
		return "", "", job.Errorf(job.CodeMalformed, "it is named %s, and does not begin as a SQLite file", extension)
	}
	text, err := asText(data)
	if err != nil {
		return "", "", err
	}
	switch extension {
	case ".json":
		return FormatJSON, "it is named " + extension, nil
	case ".yaml", ".yml":
		return FormatYAML, "it is named " + extension, nil
	}
	if begin := bytes.TrimSpace(text)[:1]; begin[0] == '{' || begin[0] == '[' {
		return FormatJSON, "it begins with " + string(begin), nil
	}
	first := firstLine(text)
	if found := yamlBegin.FindString(first); found != "" {
		return FormatYAML, "it begins with " + strings.TrimSpace(found), nil
	}
	if first != "" && (first[0] == '{' || first[0] == '[') {
		return FormatYAML, "behind a comment it begins with " + first[:1], nil
	}
	form := crontab.FormOf(string(text))
	if form.Entries > 0 && form.Entries >= form.Others {
		return FormatCrontab, "most of its lines have a schedule and a command", nil
	}
	return "", "", unrecognised(form)
}

// firstLine is the first line that is neither blank nor a comment.
func firstLine(text []byte) string {
	for rest := text; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return string(line)
		}
	}
	return ""
}

func unrecognised(form crontab.Form) error {
	reason := "none of its lines has a schedule and a command"
	switch {
	case form.Entries > 0:
		reason = fmt.Sprintf("only %d of its %d lines have a schedule and a command", form.Entries, form.Entries+form.Others)
	case form.Others > 0:
		reason = fmt.Sprintf("none of its lines has a schedule and a command; line %d is %q", form.Line, form.Text)
	}
	return job.Errorf(job.CodeMalformed, "it is not recognised: no SQLite file and no JSON by its first bytes, no YAML (which begins with --- or jobs:), no crontab (%s)", reason)
}

// checkCrontab refuses what is said to be a crontab and is plainly something else.
func checkCrontab(text []byte) error {
	first := firstLine(text)
	var what string
	switch {
	case strings.HasPrefix(first, "{"), strings.HasPrefix(first, "["):
		what = "it looks like JSON"
	case strings.HasPrefix(first, "<"):
		what = "it looks like HTML or XML"
	case yamlBegin.MatchString(first) && crontab.FormOf(string(text)).Entries == 0:
		what = "it looks like YAML"
	default:
		form := crontab.FormOf(string(text))
		if form.Entries > 0 || form.Others == 0 {
			return nil
		}
		what = fmt.Sprintf("none of its lines has a schedule and a command; line %d is %q", form.Line, form.Text)
	}
	return job.Errorf(job.CodeMalformed, "it is no crontab: %s", what)
}

// File is a file of jobs as a caller sends it.
type File struct {
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

// Batch is what a file of jobs holds.
type Batch struct {
	Format Format
	// Jobs are those that can be imported.
	Jobs []Source
	// Skipped are the lines of a crontab, or the rows of a SQLite file, that cannot.
	Skipped []crontab.Skipped
	// Warnings say what of a job is not carried over.
	Warnings []Warning
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

// Warning is what is not carried over of one job.
type Warning struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// Read reads the jobs of a file. The error is an *job.Error that names every
// fault by its place: CodeMalformed for a file that is not what it is said to be, or not recognised.
func Read(ctx context.Context, f File, parser *trigger.Parser, now job.Instant) (*Batch, error) {
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

func (f *File) read(ctx context.Context, parser *trigger.Parser, now job.Instant) (*Batch, error) {
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
		if text, err = manyToJSON(ctx, text); err != nil {
			return nil, err
		}
	}
	if list, convert := foreignJobs(text); convert != nil {
		return f.readForeign(list, convert, parser, now)
	}
	jobs, err := readJobs(text, parser, now)
	batch := &Batch{Format: f.Format, Jobs: jobs}
	batch.tellForms()
	return batch, err
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
		return nil, job.FieldErrorf("jobs", "required", "jobs is missing: a list of jobs")
	}
	if len(in.Jobs) > MaxJobs {
		return nil, job.FieldErrorf("jobs", "invalid", "an import holds at most %d jobs", MaxJobs)
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
			faults = append(faults, FaultsAt(place, err)...)
		case input.IDMade:
			faults = append(faults, job.FieldError{Field: place + ".id", Code: "required", Message: "a job that is imported has an id"})
		default:
			sources = append(sources, Source{Input: input, Place: place})
		}
	}
	return sources, Refuse(faults)
}

func (f *File) readCrontab(ctx context.Context, text []byte, parser *trigger.Parser, now job.Instant) (*Batch, error) {
	if err := checkCrontab(text); err != nil {
		return nil, err
	}
	lines := string(text)
	file, err := crontab.Parse(ctx, lines, crontab.Options{TimeZone: cmp.Or(f.TimeZone, parser.TimeZone), Parser: parser, Now: now})
	if err != nil {
		return nil, err
	}
	batch := &Batch{Format: f.Format, Skipped: file.Skipped, Jobs: make([]Source, len(file.Jobs))}
	written := strings.Split(lines, "\n")
	for i := range file.Jobs {
		entry := &file.Jobs[i]
		batch.Jobs[i] = Source{Input: &job.Input{Definition: entry.Definition}, Place: fmt.Sprintf("line %d", entry.Line),
			Line: entry.Line, Text: firstRunes(strings.TrimSpace(written[entry.Line-1]), 200)}
		for _, warning := range entry.Warnings {
			batch.Warnings = append(batch.Warnings, Warning{entry.Definition.ID, warning})
		}
	}
	return batch, nil
}

// readPickles reads the store of the original service. Rows are counted as lines.
func (f *File) readPickles(ctx context.Context, parser *trigger.Parser, now job.Instant) (*Batch, error) {
	if !bytes.HasPrefix(f.Data, []byte(beginsSQLite)) {
		return nil, job.Errorf(job.CodeMalformed, "it does not begin as a SQLite file")
	}
	rows, err := f.Pickles(ctx, f.Data)
	if err != nil {
		return nil, err
	}
	batch := &Batch{Format: f.Format}
	for i, row := range rows {
		text := firstRunes(strings.ToValidUTF8(row.ID, "\uFFFD"), 200)
		input, warnings, err := apscheduler.Read(row, parser, now)
		if err != nil {
			batch.Skipped = append(batch.Skipped, crontab.Skipped{Line: i + 1, Text: text, Reason: err.Error()})
			continue
		}
		for _, warning := range warnings {
			batch.Warnings = append(batch.Warnings, Warning{input.ID, warning})
		}
		batch.Jobs = append(batch.Jobs, Source{Input: input, Place: fmt.Sprintf("row %d", i+1), Line: i + 1, Text: text})
	}
	return batch, nil
}
