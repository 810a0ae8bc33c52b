package crontab

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// MaxLines is how many lines a crontab may have.
const MaxLines = 20_000

// maxRoom is how many bytes the variables of a crontab may add to all its commands together.
const maxRoom = 64 << 20

// Options say how a crontab is read.
type Options struct {
	// TimeZone is that of the machine the crontab comes from. Empty: UTC. CRON_TZ in the file goes before it.
	TimeZone string
	// Parser reads schedules. Required.
	Parser *trigger.Parser
	// Now is when the jobs are made.
	Now job.Instant
	// MaxJobs is how many lines become jobs; those after them are skipped. Zero: all.
	MaxJobs int
	// Room is how many bytes variables may add to all commands together. Zero: 64 MiB.
	Room int
}

// File is what a crontab holds.
type File struct {
	Jobs    []Entry
	Skipped []Skipped
}

// Entry is a line that became a job.
type Entry struct {
	// Line counts from 1. It is the first where Lines, joined by a backslash at their ends, are more than one.
	Line, Lines int
	// Definition is normalized and valid. Its id follows from its request, so that the same line gives the same id again.
	Definition job.Definition
	// Warnings say what of the line is not carried over. May be nil.
	Warnings []string
}

// Skipped is a line that did not become a job.
type Skipped struct {
	Line int `json:"line"`
	// Text is the line, cut where it is long.
	Text string `json:"text"`
	// Reason says why, for people.
	Reason string `json:"reason"`
}

// Policy is that of a command in a crontab: cron makes a call once, and sets it no limit.
func Policy() job.Policy {
	p := job.DefaultPolicy()
	p.Retry.MaxAttempts = 1
	p.AttemptTimeout = job.Duration(30 * time.Minute)
	return p
}

// Parse reads a crontab, with or without a column of users. Nothing vanishes: every line
// becomes a job, or is in Skipped with a reason, or is blank, a comment, or a setting for
// the lines below it. The error is an *job.Error, CodeInvalid for a text that is too long
// to be a crontab, or that of the context, which is looked at for each line.
func Parse(ctx context.Context, text string, o Options) (*File, error) {
	if strings.Count(text, "\n") >= MaxLines {
		return nil, job.Errorf(job.CodeInvalid, "a crontab has at most %d lines", MaxLines)
	}
	lines := strings.Split(strings.TrimPrefix(text, "\uFEFF"), "\n")
	r := reader{options: o, variables: map[string]string{}, zone: o.TimeZone, seen: map[string]int{}, room: o.Room, file: &File{}}
	if r.room == 0 {
		r.room = maxRoom
	}
	for i := 0; i < len(lines); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		line, count := joined(lines[i:])
		r.read(i+1, count, strings.TrimSpace(line))
		i += count
	}
	return r.file, nil
}

// maxJoined is how many lines may be joined.
const maxJoined = 200

// joined is the first of some lines, with those that a backslash at its end joins to it. Only entries are joined, and not
// to what is an entry of its own.
func joined(lines []string) (line string, count int) {
	line, count = strings.TrimSuffix(lines[0], "\r"), 1
	if !goesOn(line) || !hasEntry(plainBlanks(strings.TrimSpace(line))) {
		return line, count
	}
	for goesOn(line) && count < min(len(lines), maxJoined) {
		next := strings.TrimSuffix(lines[count], "\r")
		trimmed := strings.TrimSpace(next)
		_, _, setting := cutSetting(trimmed)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == '@' || setting || hasEntry(trimmed) {
			return line, count
		}
		line = strings.TrimSuffix(strings.TrimRight(line, " \t"), `\`) + next
		count++
	}
	return line, count
}

// goesOn reports whether a line ends in a backslash that hides its end.
func goesOn(line string) bool {
	line = strings.TrimRight(line, " \t")
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// plainBlanks writes what only looks like a plain character as one where the schedule stands: in front of the first letter.
func plainBlanks(line string) string {
	end := strings.IndexFunc(line, unicode.IsLetter)
	if end < 0 {
		return line
	}
	plain, _ := trigger.Plain(line[:end])
	return plain + line[end:]
}

// reader goes down the lines of a crontab.
type reader struct {
	options Options
	// variables and zone are the settings so far.
	variables map[string]string
	zone      string
	// zoneFault says why zone is unknown. Empty: it is known.
	zoneFault string
	// comment is the text right above the line.
	comment string
	// movedZone is the line that sets TZ, which cron does not read schedules in; 0: none does.
	movedZone int
	// seen counts the lines of each id.
	seen map[string]int
	// room is how many bytes variables may still add.
	room int
	file *File
}

func (r *reader) read(n, count int, line string) {
	comment := r.comment
	r.comment = ""
	switch {
	case line == "":
		return
	case line[0] == '#':
		text := strings.ToValidUTF8(strings.ReplaceAll(line, "\x00", ""), "\uFFFD")
		r.comment = strings.TrimSpace(strings.TrimLeft(text, "# "))
		if heading.MatchString(r.comment) || hasEntry(r.comment) { // what stands above the columns, or a job that is off
			r.comment = ""
		}
		return
	}
	written := line
	line = plainBlanks(line)
	if name, value, ok := asSetting(line); ok {
		r.set(n, name, value)
		return
	}
	entry, err := r.entry(line)
	if err != nil {
		err = wordProcessed(line, err)
		defer func() {
			for i := 1; i < count; i++ {
				r.file.Skipped = append(r.file.Skipped, Skipped{Line: n + i, Text: "", Reason: fmt.Sprintf("it goes on from line %d, which is skipped", n)})
			}
		}()
		r.file.Skipped = append(r.file.Skipped, Skipped{Line: n, Text: cut(line, 200), Reason: cut(err.Error(), 500)})
		return
	}
	entry.Line, entry.Lines = n, count
	if count > 1 {
		entry.Warnings = append(entry.Warnings, fmt.Sprintf("the lines %d to %d are read as one; cron itself does not join lines", n, n+count-1))
	}
	if written != line {
		_, found := trigger.Plain(written)
		entry.Warnings = append(entry.Warnings, "read as the plain characters they look like: "+strings.Join(found, ", "))
	}
	if r.movedZone > 0 && r.zone == r.options.TimeZone {
		entry.Warnings = append(entry.Warnings, fmt.Sprintf("line %d sets TZ, in which cron does not read schedules: it is read in %s", r.movedZone, cmp.Or(r.zone, "UTC")))
	}
	entry.Definition.Description = cut(comment, job.MaxTextRunes-1)
	r.file.Jobs = append(r.file.Jobs, *entry)
}

// set takes a setting. A value that is not UTF-8 leaves the variable without one, which
// skips the lines that use it.
func (r *reader) set(n int, name, value string) {
	valid := utf8.ValidString(value)
	if name == "CRON_TZ" {
		r.zone, r.zoneFault = value, ""
		if !valid || !r.isZone(value) {
			r.zoneFault = fmt.Sprintf("line %d sets CRON_TZ to %q, which is not in the time zone database", n, clip(value))
		}
		return
	}
	if name == "TZ" {
		r.movedZone = n
	}
	delete(r.variables, name)
	if valid {
		r.variables[name] = value
	}
}

func (r *reader) isZone(name string) bool {
	_, err := r.options.Parser.Parse(trigger.Spec{Type: trigger.TypeDate, At: new(job.Instant), TimeZone: name}, "")
	return err == nil
}

// entry turns a line into a job.
func (r *reader) entry(line string) (*Entry, error) {
	if most := r.options.MaxJobs; most > 0 && len(r.file.Jobs) >= most {
		return nil, fmt.Errorf("only the first %d jobs of a text are read here: import the crontab to have all", most)
	}
	if err := refuseLine(line); err != nil {
		return nil, err
	}
	line, warnings := withoutFlags(line)
	spec, text, err := r.schedule(line)
	if err != nil {
		return nil, err
	}
	for _, note := range spec.Notes {
		warnings = append(warnings, note.Message)
	}
	text, more := withoutUser(text)
	warnings = append(warnings, more...)
	if flags := cronFlags.FindString(text); flags != "" {
		text = text[len(flags):]
		warnings = append(warnings, fmt.Sprintf("%s in front of the command tells cron what to log and is left out", strings.TrimSpace(flags)))
	}
	text, stdin := percent(text)
	cmd, err := split(text, r.variables, &r.room)
	if err != nil {
		return nil, cutAt(stdin, err)
	}
	if stdin != nil {
		cmd.stdin, cmd.mustRead = stdin, true
	}
	d, converted, err := convert(cmd, Policy())
	if err != nil {
		return nil, err
	}
	d.Schedule = spec
	if cmd.sleep > 0 {
		if d.Schedule.Expression, err = cmd.second(spec.Expression); err != nil {
			return nil, err
		}
		warnings = append(warnings, fmt.Sprintf("the sleep of %s is kept as the second of its schedule", job.Duration(cmd.sleep)))
	}
	if d.ID, err = r.id(d); err != nil {
		return nil, err
	}
	d.Normalize(r.options.Now)
	if faults := d.Validate(r.options.Parser); len(faults) > 0 {
		return nil, fmt.Errorf("%s: %s", faults[0].Field, faults[0].Message)
	}
	return &Entry{Definition: *d, Warnings: append(warnings, converted...)}, nil
}

// heading is what crontabs write above their columns.
var heading = regexp.MustCompile(`(?i)^(m|min|minute|\*)\s+(h|hour)\s+.*(dow|week|command|cmd)`)

// cronFlags are options of OpenBSD's cron in front of the command.
var cronFlags = regexp.MustCompile(`^(-[nqs]+\s+)+`)

// withoutFlags takes off the dash with which some crons are told to log nothing.
func withoutFlags(line string) (string, []string) {
	if len(line) > 1 && line[0] == '-' && hasEntry(line[1:]) {
		return line[1:], []string{"the - in front of the schedule tells cron not to log and is left out"}
	}
	return line, nil
}

// schedule splits a line into when and what.
func (r *reader) schedule(line string) (spec trigger.Spec, rest string, err error) {
	spec = trigger.Spec{Type: trigger.TypeCron, TimeZone: r.zone}
	count := 5
	if line[0] == '@' {
		count = 1
		if first, _ := cutWord(line); strings.EqualFold(first, "@every") {
			count = 2
		}
	}
	rest = line
	var words []string
	for range count {
		word, tail := cutWord(rest)
		words, rest = append(words, word), tail
	}
	spec.Expression = strings.Join(words, " ")
	switch {
	case strings.HasPrefix(line, "@reboot"):
		return spec, "", errors.New("it runs when a machine starts, which is no moment of a schedule")
	case rest == "":
		return spec, "", errors.New("it is not a crontab line: five fields, or a word such as @daily, and a command")
	case r.zoneFault != "":
		return spec, "", errors.New(r.zoneFault)
	}
	if next, tail := cutWord(rest); tail != "" && isField(next) {
		return spec, "", errors.New("its schedule has more than five fields: a crontab has neither seconds nor years")
	}
	spec.Accept()
	if spec.Type == trigger.TypeInterval {
		spec.Anchor = &r.options.Now
	}
	if _, err := r.options.Parser.Parse(spec, ""); err != nil {
		return spec, "", fmt.Errorf("its schedule is invalid: %s", cut(err.Error(), 300))
	}
	return spec, rest, nil
}

func cutWord(text string) (word, rest string) {
	text = strings.TrimLeft(text, " \t")
	if end := strings.IndexAny(text, " \t"); end >= 0 {
		return text[:end], strings.TrimLeft(text[end:], " \t")
	}
	return text, ""
}

// percent applies cron's rule: the first % that no backslash precedes ends the
// command, what follows is its input, in which further ones are line breaks.
func percent(text string) (command string, stdin *string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && text[i+1] == '%':
			b.WriteByte('%')
			i++
		case text[i] == '%' && stdin == nil:
			command, stdin = b.String(), new(string)
			b.Reset()
		case text[i] == '%':
			b.WriteByte('\n')
		default:
			b.WriteByte(text[i])
		}
	}
	if stdin == nil {
		return b.String(), nil
	}
	*stdin = b.String() + "\n"
	return command, stdin
}

// notInID is what an id made of a host and a path leaves out.
var notInID = regexp.MustCompile(`[^a-z0-9]+`)

// id is made of the request: a line whose schedule changes is the same job. The
// second line of the same request has a number behind it.
func (r *reader) id(d *job.Definition) (string, error) {
	text, err := json.Marshal(d.Request)
	if err != nil {
		return "", errors.New("the call cannot be written down")
	}
	sum := sha256.Sum256(text)
	slug := strings.Trim(notInID.ReplaceAllString(strings.ToLower(d.Name), "-"), "-")
	id := strings.TrimPrefix(cutBytes(slug, 48)+"-"+hex.EncodeToString(sum[:4]), "-")
	r.seen[id]++
	if n := r.seen[id]; n > 1 {
		id = fmt.Sprintf("%s-%d", id, n)
	}
	return id, nil
}

func cutBytes(ascii string, most int) string { return ascii[:min(len(ascii), most)] }

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}
