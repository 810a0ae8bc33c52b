package api

import (
	"bytes"
	"fmt"
	"mime"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
)

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
	mediaYAML    = "application/yaml"
	mediaCrontab = "text/crontab"
	mediaSQLite  = "application/vnd.sqlite3"
	// mediaAny is for a file whose sender does not know what it is.
	mediaAny = "application/octet-stream"
)

// formatOfMedia is the format that a Content-Type says; empty if the file is to be recognised.
func formatOfMedia(contentType string) (Format, error) {
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
	case mediaYAML, "application/x-yaml", "text/yaml", "text/x-yaml":
		return FormatYAML, nil
	case mediaCrontab:
		return FormatCrontab, nil
	case mediaSQLite, "application/x-sqlite3":
		return FormatSQLite, nil
	case mediaAny:
		return "", nil
	}
	return "", job.Errorf(job.CodeMalformed, "the Content-Type %.80q is not one of %s, or %s for a file that is to be recognised",
		media, strings.Join([]string{mediaJSON, mediaYAML, mediaCrontab, mediaSQLite}, ", "), mediaAny)
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
var yamlBegin = regexp.MustCompile(`^(---(\s|$)|%YAML\b|jobs\s*:(\s|$)|-\s+[A-Za-z_]+\s*:(\s|$))`)

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
