package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"schedule-server/pkg/client"
	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// maxFiles bounds all job files of one command, in bytes: the server takes as much in one call.
const maxFiles = 32 << 20

// document is one job of a file.
type document struct {
	// place is where it stands: "jobs/a.yaml", or "jobs/all.yaml: jobs[3]".
	place string
	json  json.RawMessage
}

// load reads the jobs of files and folders, in the order of their names.
func (s *session) load(paths []string) ([]document, error) {
	files, err := jobFiles(paths)
	if err != nil {
		return nil, err
	}
	var all []document
	room := int64(maxFiles)
	for _, path := range files {
		var data []byte
		if path == "-" {
			data, err = readAll(s.in, "the standard input", room)
		} else {
			data, err = readFile(path, room)
		}
		if err != nil {
			return nil, err
		}
		room -= int64(len(data))
		documents, err := s.documents(path, data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, documents...)
	}
	return all, nil
}

// jobFiles are the files that paths name: of a folder, all that are named as JSON or YAML.
func jobFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if path == "-" || err == nil && !info.IsDir() {
			files = append(files, path)
			continue
		}
		if err != nil {
			return nil, err
		}
		found := len(files)
		err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && slices.Contains([]string{".json", ".yaml", ".yml"}, strings.ToLower(filepath.Ext(name))) {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(files) == found {
			return nil, usagef("%s holds no .json, .yaml or .yml file", path)
		}
	}
	return files, nil
}

// documents splits a file: {"jobs": […]}, a list, or one job.
func (s *session) documents(path string, data []byte) ([]document, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !json.Valid(data) {
		if strings.EqualFold(filepath.Ext(path), ".json") {
			return nil, json.Unmarshal(data, new(any))
		}
		var err error
		if data, err = importer.FromYAML(s.ctx, data); err != nil {
			return nil, err
		}
	}
	var list []json.RawMessage
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, err
		}
	} else {
		var file map[string]json.RawMessage
		if err := json.Unmarshal(data, &file); err != nil {
			return nil, errors.New(`it is no job, and no list of jobs such as {"jobs": [...]}`)
		}
		jobs, many := file["jobs"]
		switch {
		case !many:
			return []document{{path, data}}, nil
		case len(file) > 1:
			return nil, errors.New("beside jobs there must be no other member")
		}
		if err := json.Unmarshal(jobs, &list); err != nil {
			return nil, errors.New("jobs is not a list")
		}
	}
	documents := make([]document, len(list))
	for i := range list {
		documents[i] = document{fmt.Sprintf("%s: jobs[%d]", path, i), list[i]}
	}
	return documents, nil
}

// joined is one file of all jobs, as the server takes it.
func joined(documents []document) ([]byte, error) {
	list := make([]json.RawMessage, len(documents))
	for i := range documents {
		list[i] = documents[i].json
	}
	return json.Marshal(map[string]any{"jobs": list})
}

// placed names in an error of the server the files that the faulty jobs stand in.
func placed(err error, documents []document) error {
	var answer *client.Error
	if !errors.As(err, &answer) || len(answer.Fields) == 0 {
		return err
	}
	var text strings.Builder
	text.WriteString(answer.Detail)
	for _, fault := range answer.Fields {
		fmt.Fprintf(&text, "\n  %s: %s", placedAt(fault.Field, documents), placedAt(fault.Message, documents))
	}
	return &exit{exitCode(context.Background(), err), text.String()}
}

// jobPlace is how the server names a job of a file.
var jobPlace = regexp.MustCompile(`\bjobs\[(\d+)\]\.?`)

func placedAt(text string, documents []document) string {
	return jobPlace.ReplaceAllStringFunc(text, func(found string) string {
		n, err := strconv.Atoi(jobPlace.FindStringSubmatch(found)[1])
		if err != nil || n >= len(documents) {
			return found
		}
		if strings.HasSuffix(found, ".") {
			return documents[n].place + ": "
		}
		return documents[n].place
	})
}

// files are the job files of a command.
type files struct {
	File []string `short:"f" help:"Job files, JSON or YAML, folders of them, or - for the standard input. Repeatable." placeholder:"PATH" sep:"none"`
}

// dryRun asks the server what an import would do.
func (f *files) dryRun(s *session, c *client.Client) (body []byte, done client.Imported, err error) {
	if len(f.File) == 0 {
		return nil, done, usagef("-f: name the files or folders of jobs")
	}
	documents, err := s.load(f.File)
	if err == nil {
		body, err = joined(documents)
	}
	if err != nil {
		return nil, done, err
	}
	finish := s.working("plan")
	done, err = c.Import(s.ctx, "application/json", body, client.ImportOptions{DryRun: true})
	finish()
	for i := range done.Changes {
		done.Changes[i].Before, done.Changes[i].After = withoutCredentials(done.Changes[i].Before), withoutCredentials(done.Changes[i].After)
	}
	return body, done, placed(err, documents)
}

// withoutCredentials takes the credentials in headers and URL out of a job: plans are read in the logs of pipelines.
func withoutCredentials(document json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	var request job.Request
	if json.Unmarshal(document, &members) != nil || json.Unmarshal(members["request"], &request) != nil {
		return json.RawMessage("null")
	}
	text, err := json.Marshal(request.WithoutCredentials())
	if err != nil {
		return json.RawMessage("null")
	}
	members["request"] = text
	if text, err = json.Marshal(members); err != nil {
		return json.RawMessage("null")
	}
	return text
}

// plan is what plan --out writes and apply --plan takes.
type plan struct {
	// Server is the one that it was made for.
	Server string `json:"server"`
	// Plan stands for the versions of the jobs that it was made of.
	Plan    string          `json:"plan"`
	MadeAt  job.Instant     `json:"made_at"`
	Changes []string        `json:"changes"`
	Jobs    json.RawMessage `json:"jobs"`
}

type planCmd struct {
	files `embed:""`
	Out   string `help:"Write the plan to a file, for apply --plan. The file holds the jobs with their credentials." placeholder:"FILE" type:"path"`
}

// Help shows how it is used.
func (planCmd) Help() string {
	return "Example:\n\n\tschedctl plan -f jobs/ --out plan.json\n\tschedctl apply --plan plan.json"
}

// Run shows the plan.
func (p *planCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	body, done, err := p.dryRun(s, c)
	if err != nil {
		return err
	}
	changes := s.changes(&done)
	if p.Out != "" {
		var jobs struct{ Jobs json.RawMessage }
		if err := json.Unmarshal(body, &jobs); err != nil {
			return err
		}
		data, err := json.MarshalIndent(plan{s.url, done.Plan, job.Instant(s.now().UnixMilli()), changes, jobs.Jobs}, "", "  ")
		if err == nil {
			err = os.WriteFile(p.Out, data, 0o600)
		}
		if err != nil {
			return err
		}
	}
	shown := map[string]any{"plan": done.Plan, "changes": changes, "created": done.Created, "updated": done.Updated, "unchanged": done.Unchanged}
	if err := s.show(shown, func() { s.showPlan(&done, changes) }); err != nil {
		return err
	}
	return anyChange(&done)
}

func anyChange(done *client.Imported) error {
	if len(done.Created)+len(done.Updated)+len(done.Deleted) > 0 {
		return &exit{exitChanges, ""}
	}
	return nil
}

func (s *session) showPlan(done *client.Imported, changes []string) {
	if s.cli.Output == "name" {
		for _, id := range slices.Concat(done.Deleted, done.Updated, done.Created) {
			fmt.Fprintln(s.out, clean(id))
		}
		return
	}
	for _, line := range changes {
		fmt.Fprintln(s.out, clean(line))
	}
	for _, warning := range done.Warnings {
		fmt.Fprintf(s.err, "warning: %s: %s\n", clean(warning.ID), clean(warning.Message))
	}
	fmt.Fprintf(s.out, "%d to create, %d to change, %d unchanged\n", len(done.Created), len(done.Updated), len(done.Unchanged))
}

// changes says in a person's words what an import does, a line for each job that the server describes.
func (s *session) changes(done *client.Imported) []string {
	byID := map[string]*client.ImportChange{}
	for i := range done.Changes {
		byID[done.Changes[i].ID] = &done.Changes[i]
	}
	lines, told := []string{}, 0
	for i := range done.Jobs {
		j := &done.Jobs[i]
		switch j.Action {
		case "created":
			lines = append(lines, fmt.Sprintf("%s: new, %s%s; calls %s %s", j.ID, j.Description["en"], s.nextOf(j), j.Method, j.URL))
		case "updated":
			lines = append(lines, j.ID+": "+s.changeOf(j, byID[j.ID]))
		default:
			continue
		}
		told++
	}
	if rest := len(done.Created) + len(done.Updated) - told; rest > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", rest))
	}
	return lines
}

func (s *session) nextOf(j *client.ImportedJob) string {
	if j.Status == job.StatusPaused {
		return "; paused"
	}
	if len(j.Next) == 0 {
		return "; never fires"
	}
	return "; next " + moment(inZone(j.Next[0].At, j.TimeZone), s.now())
}

func inZone(at job.Instant, zone string) time.Time {
	if location, err := time.LoadLocation(zone); err == nil {
		return at.Time().In(location)
	}
	return at.Time()
}

// changeOf says what changes of one job: its schedule in words with its next moments, the other fields by their values.
func (s *session) changeOf(j *client.ImportedJob, change *client.ImportChange) string {
	var before, after struct {
		Schedule trigger.Spec
	}
	if change == nil || json.Unmarshal(change.Before, &before) != nil || json.Unmarshal(change.After, &after) != nil {
		return "changes " + strings.Join(j.Changed, ", ")
	}
	var parts []string
	if slices.ContainsFunc(j.Changed, func(field string) bool { return field == "schedule" || strings.HasPrefix(field, "schedule.") }) {
		parts = append(parts, s.scheduleChange(j.ID, before.Schedule, after.Schedule))
	}
	for _, field := range j.Changed {
		if field != "schedule" && !strings.HasPrefix(field, "schedule.") {
			parts = append(parts, fieldChange(field, change))
		}
	}
	return strings.Join(parts, "; ")
}

// scheduleChange says "02:00 → 03:00 Asia/Shanghai; next Sat 03:00 instead of 02:00".
func (s *session) scheduleChange(id string, before, after trigger.Spec) string {
	was, err1 := trigger.Parse(before, id)
	is, err2 := trigger.Parse(after, id)
	if err1 != nil || err2 != nil {
		return "its schedule"
	}
	zone := after.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	words := shortened(was.Describe(trigger.English), is.Describe(trigger.English), zone)
	now := job.Instant(s.now().UnixMilli())
	next, fires := is.Next(now)
	if !fires {
		return words + "; never fires again"
	}
	at := inZone(next, zone)
	words += "; next " + moment(at, s.now())
	old, fired := was.Next(now)
	switch {
	case !fired || old == next:
		return words
	case sameDay(inZone(old, zone), at):
		return words + " instead of " + inZone(old, zone).Format("15:04")
	}
	return words + " instead of " + moment(inZone(old, zone), s.now())
}

func sameDay(a, b time.Time) bool { return a.Format("2006-01-02") == b.Format("2006-01-02") }

// plainWord is a word that says on its own what changed: a time of the day, or a weekday.
var plainWord = regexp.MustCompile(`^(\d\d:\d\d(:\d\d)?|(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)$`)

// shortened is a change of a description: of one word that says enough, or of the whole.
func shortened(was, is, zone string) string {
	one, two := strings.Fields(was), strings.Fields(is)
	if len(one) == len(two) {
		differs := -1
		for i := range one {
			if one[i] == two[i] {
				continue
			}
			if differs >= 0 {
				differs = -1
				break
			}
			differs = i
		}
		if differs >= 0 {
			a, b := strings.Trim(one[differs], ",;()"), strings.Trim(two[differs], ",;()")
			if plainWord.MatchString(a) && plainWord.MatchString(b) {
				return a + " → " + b + " " + zone
			}
		}
	}
	return was + " → " + is
}

// fieldChange says what a field was and is.
func fieldChange(field string, change *client.ImportChange) string {
	was, is := member(change.Before, field), member(change.After, field)
	if was == is { // a credential, which is shown to nobody
		return field + " changes"
	}
	return fmt.Sprintf("%s %s → %s", field, was, is)
}

// member is a member of a JSON document by its path, as short text.
func member(document json.RawMessage, path string) string {
	for _, name := range strings.Split(path, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(document, &members) != nil {
			break
		}
		document = members[name]
	}
	if len(document) == 0 {
		return "none"
	}
	if runes := []rune(string(document)); len(runes) > 80 {
		return string(runes[:80]) + "…"
	}
	return string(document)
}

type diffCmd struct {
	files `embed:""`
}

// Help shows how it is used.
func (diffCmd) Help() string {
	return "Example:\n\n\tschedctl diff -f jobs/ || echo 'there are changes'"
}

// Run shows the fields.
func (d *diffCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	_, done, err := d.dryRun(s, c)
	if err != nil {
		return err
	}
	shown := map[string]any{"created": done.Created, "changes": done.Changes}
	if err := s.show(shown, func() { s.showDiff(&done) }); err != nil {
		return err
	}
	return anyChange(&done)
}

func (s *session) showDiff(done *client.Imported) {
	if s.cli.Output == "name" {
		s.showPlan(done, nil)
		return
	}
	for _, id := range done.Created {
		fmt.Fprintf(s.out, "+ %s\n", clean(id))
	}
	changed := map[string][]string{}
	for i := range done.Jobs {
		changed[done.Jobs[i].ID] = done.Jobs[i].Changed
	}
	for i := range done.Changes {
		change := &done.Changes[i]
		fmt.Fprintf(s.out, "~ %s\n", clean(change.ID))
		for _, field := range changed[change.ID] {
			was, is := member(change.Before, field), member(change.After, field)
			if was == is {
				fmt.Fprintf(s.out, "    %s: (changed; it is not shown)\n", clean(field))
				continue
			}
			fmt.Fprintf(s.out, "  - %s: %s\n  + %s: %s\n", clean(field), clean(was), clean(field), clean(is))
		}
	}
	if rest := len(done.Updated) - len(done.Changes); rest > 0 {
		fmt.Fprintf(s.out, "and %d more\n", rest)
	}
}

type applyCmd struct {
	files `embed:""`
	Plan  string `help:"Apply a plan that plan --out wrote, unless a job of it was changed since." placeholder:"FILE" type:"path"`
	Yes   bool   `short:"y" help:"Do not show the plan and ask first. Nobody is asked where there is no terminal."`
}

// Help shows how it is used.
func (applyCmd) Help() string {
	return "All jobs are applied in one transaction, or none. No job is deleted.\n\nExample:\n\n\tschedctl apply -f jobs/\n\tcat job.yaml | schedctl apply -f -"
}

// Run applies the files or the plan.
func (a *applyCmd) Run(s *session) error {
	if (a.Plan == "") == (len(a.File) == 0) {
		return usagef("give either -f or --plan")
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	if a.Plan != "" {
		return a.planned(s, c)
	}
	documents, err := s.load(a.File)
	if err != nil {
		return err
	}
	body, err := joined(documents)
	if err != nil {
		return err
	}
	options := client.ImportOptions{}
	if s.asks && !a.Yes && !slices.Contains(a.File, "-") {
		_, shown, err := a.dryRun(s, c)
		if err != nil {
			return err
		}
		if anyChange(&shown) == nil {
			return a.done(s, &shown)
		}
		s.showPlan(&shown, s.changes(&shown))
		if err := s.confirm(false, "Apply?"); err != nil {
			return err
		}
		options.IfPlan = shown.Plan
	}
	finish := s.working(fmt.Sprintf("apply %d jobs", len(documents)))
	done, err := c.Import(s.ctx, "application/json", body, options)
	finish()
	if err != nil {
		return placed(err, documents)
	}
	return a.done(s, &done)
}

// planned applies a plan as it was made.
func (a *applyCmd) planned(s *session, c *client.Client) error {
	data, err := readFile(a.Plan, 2*maxFiles)
	if err != nil {
		return err
	}
	var p plan
	if err := json.Unmarshal(data, &p); err != nil || p.Plan == "" || p.Server == "" || len(p.Jobs) == 0 {
		return usagef("--plan: %s is not a file that plan --out wrote", a.Plan)
	}
	if p.Server != s.url {
		return &exit{exitConflict, fmt.Sprintf("the plan was made for %s, not for %s", p.Server, s.url)}
	}
	body, err := json.Marshal(map[string]json.RawMessage{"jobs": p.Jobs})
	if err != nil {
		return err
	}
	finish := s.working("apply")
	done, err := c.Import(s.ctx, "application/json", body, client.ImportOptions{IfPlan: p.Plan})
	finish()
	if err != nil {
		return err
	}
	return a.done(s, &done)
}

func (a *applyCmd) done(s *session, done *client.Imported) error {
	shown := map[string][]string{"created": done.Created, "updated": done.Updated, "unchanged": done.Unchanged}
	return s.show(shown, func() {
		if s.cli.Output == "name" {
			s.showPlan(done, nil)
			return
		}
		fmt.Fprintf(s.out, "%d created, %d changed, %d unchanged\n", len(done.Created), len(done.Updated), len(done.Unchanged))
	})
}
