package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"schedule-server/pkg/client"
	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// selection picks jobs by their properties.
type selection struct {
	Tag       []string `help:"Only jobs with this tag. Repeatable: all must be there." placeholder:"TAG"`
	Query     string   `short:"q" help:"Only jobs with this text in their id, name, URL or tags." placeholder:"TEXT"`
	Status    string   `help:"Only active, paused or completed jobs." enum:"active,paused,completed," default:"" placeholder:"STATUS"`
	LastState string   `help:"Only jobs whose last run ended so: succeeded, failed, skipped, missed or canceled." enum:"succeeded,failed,skipped,missed,canceled," default:"" placeholder:"STATE"`
	Host      string   `help:"Only jobs that call this host." placeholder:"HOST"`
}

func (f *selection) query() job.JobQuery {
	return job.JobQuery{Text: f.Query, Tags: f.Tag, Status: job.Status(f.Status), LastState: job.State(f.LastState), Host: f.Host}
}

func (f *selection) empty() bool {
	return f.Query == "" && len(f.Tag) == 0 && f.Status == "" && f.LastState == "" && f.Host == ""
}

type getCmd struct {
	IDs       []string `arg:"" optional:"" name:"job" help:"Ids of jobs. Default: all that match."`
	selection `embed:""`
	Sort      string `help:"Order: id, name, next_run_at or updated_at, with - in front for the other way round." default:"id" placeholder:"FIELD"`
	Limit     int    `help:"Most jobs to list. 0: all." default:"0"`
}

// Help shows how it is used.
func (getCmd) Help() string {
	return "Example:\n\n\tschedctl get --tag billing --last-state failed\n\tschedctl get nightly-report -o yaml"
}

// Run lists the jobs.
func (g *getCmd) Run(s *session) error {
	if g.Limit < 0 {
		return usagef("--limit: must not be negative, is %d", g.Limit)
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	jobs, err := g.jobs(s, c)
	if err != nil {
		return err
	}
	if len(g.IDs) == 1 {
		return s.show(jobs[0], func() { s.listJobs(jobs) })
	}
	return s.show(map[string][]*job.Job{"jobs": jobs}, func() { s.listJobs(jobs) })
}

func (g *getCmd) jobs(s *session, c *client.Client) ([]*job.Job, error) {
	jobs := []*job.Job{}
	for _, id := range g.IDs {
		j, err := c.Get(s.ctx, id)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		jobs = append(jobs, j)
	}
	if len(g.IDs) > 0 {
		return jobs, nil
	}
	q := g.query()
	q.Sort, q.Limit = strings.TrimPrefix(g.Sort, "-"), 500
	q.Descending = q.Sort != g.Sort
	for j, err := range c.Jobs(s.ctx, q) {
		if err != nil {
			return nil, err
		}
		if jobs = append(jobs, j); len(jobs) == g.Limit {
			break
		}
	}
	return jobs, nil
}

func (s *session) listJobs(jobs []*job.Job) {
	if s.cli.Output == "name" {
		for _, j := range jobs {
			fmt.Fprintln(s.out, clean(j.ID))
		}
		return
	}
	rows := make([][]string, len(jobs))
	for i, j := range jobs {
		last, reason := "-", "-"
		if j.LastRun != nil {
			last, reason = string(j.LastRun.State), string(j.LastRun.Reason)
		}
		rows[i] = []string{j.ID, string(j.Status), s.local(j.NextRunAt), last, words(j), reason, j.Name, strings.Join(j.Tags, ","), j.Request.Method + " " + j.Request.URL, strconv.FormatInt(j.Version, 10)}
	}
	s.table([]string{"JOB", "STATUS", "NEXT", "LAST", "SCHEDULE", "+REASON", "+NAME", "+TAGS", "+CALLS", "+VERSION"}, rows)
}

// words are a job's schedule in words.
func words(j *job.Job) string {
	if j.ScheduleWords != nil {
		return j.ScheduleWords.English
	}
	schedule, err := trigger.Parse(j.Schedule, j.ID)
	if err != nil {
		return "-"
	}
	return schedule.Describe(trigger.English)
}

type describeCmd struct {
	ID string `arg:"" name:"job" help:"Id of the job."`
}

// Help shows how it is used.
func (describeCmd) Help() string { return "Example:\n\n\tschedctl describe nightly-report" }

// Run shows the job.
func (d *describeCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	j, err := c.Get(s.ctx, d.ID)
	if err != nil {
		return err
	}
	var preview client.Preview
	if !j.Unreadable {
		if preview, err = c.Preview(s.ctx, j.Schedule, 3, nil); err != nil {
			return err
		}
	}
	runs, err := firstRuns(s, c, job.RunQuery{JobID: d.ID}, 5)
	if err != nil {
		return err
	}
	shown := map[string]any{"job": j, "next": preview.Next, "runs": runs}
	return s.show(shown, func() { s.describe(j, preview.Next, runs) })
}

func (s *session) describe(j *job.Job, next []client.Occurrence, runs []*job.Run) {
	line := func(name, value string) { fmt.Fprintf(s.out, "%-13s%s\n", name, s.colored(clean(value))) }
	line("Job", j.ID)
	if j.Name != "" {
		line("Name", j.Name)
	}
	line("Status", string(j.Status))
	if j.PauseReason != nil {
		line("Paused for", *j.PauseReason)
	}
	if j.PausedUntil != nil {
		line("Paused until", s.local(j.PausedUntil))
	}
	line("Schedule", words(j))
	line("Calls", j.Request.Method+" "+j.Request.URL)
	line("Tags", strings.Join(j.Tags, ", "))
	line("Version", strconv.FormatInt(j.Version, 10))
	for i, occurrence := range next {
		if j.Status != job.StatusActive {
			break
		}
		name := ""
		if i == 0 {
			name = "Next"
		}
		line(name, strings.TrimSpace(occurrence.Local+" "+occurrence.Note))
	}
	for _, warning := range j.Warnings {
		line("Warning", warning.Message)
	}
	fmt.Fprintln(s.out)
	s.listRuns(runs)
}

// documentOf is what a user writes of a job. Keys that only the service writes are not in it.
func documentOf(j *job.Job) any {
	return struct {
		job.Definition
		Status      job.Status   `json:"status"`
		PauseReason *string      `json:"pause_reason,omitempty"`
		PausedUntil *job.Instant `json:"paused_until,omitempty"`
	}{j.Definition, j.Status, j.PauseReason, j.PausedUntil}
}

type createCmd struct {
	File string `short:"f" required:"" help:"File with one job as JSON or YAML, or - for the standard input." placeholder:"FILE"`
}

// Help shows how it is used.
func (createCmd) Help() string {
	return "A job whose id exists is refused with exit code 5; apply changes it.\n\nExample:\n\n\tschedctl create -f nightly-report.yaml"
}

// Run creates the job.
func (f *createCmd) Run(s *session) error {
	documents, err := s.load([]string{f.File})
	if err != nil {
		return err
	}
	if len(documents) != 1 {
		return usagef("%s holds %d jobs; create takes one, apply takes many", f.File, len(documents))
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	j, err := c.CreateJSON(s.ctx, documents[0].json)
	if err != nil {
		return err
	}
	return s.show(j, func() { s.named(j, "created") })
}

// named says what was done with a job.
func (s *session) named(j *job.Job, what string) {
	switch {
	case s.cli.Output == "name":
		fmt.Fprintln(s.out, clean(j.ID))
	case j.NextRunAt != nil:
		fmt.Fprintf(s.out, "%s %s; next %s\n", clean(j.ID), what, s.local(j.NextRunAt))
	default:
		fmt.Fprintf(s.out, "%s %s\n", clean(j.ID), what)
	}
	for _, warning := range j.Warnings {
		fmt.Fprintf(s.err, "warning: %s\n", clean(warning.Message))
	}
}

type editCmd struct {
	ID string `arg:"" name:"job" help:"Id of the job."`
}

// Help shows how it is used.
func (editCmd) Help() string {
	return "The job opens as YAML in $VISUAL or $EDITOR. What the server refuses opens again with the reason. A job that somebody else changed meanwhile is not overwritten.\n\nExample:\n\n\tEDITOR=nano schedctl edit nightly-report"
}

// Run edits the job until the server takes it or nothing is changed.
func (e *editCmd) Run(s *session) error {
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	if editor == "" {
		return usagef("set EDITOR to the editor to use")
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	j, err := c.Get(s.ctx, e.ID)
	if err != nil {
		return err
	}
	before, err := toYAML(documentOf(j))
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "schedctl-")
	if err != nil {
		return err
	}
	file := filepath.Join(folder, "job.yaml")
	text, note := before, ""
	for {
		edited, err := s.edit(editor, file, append([]byte(note), text...))
		if err != nil {
			return err
		}
		edited = withoutNote(edited)
		if bytes.Equal(edited, text) { // unchanged: also the second time, after a refusal
			_ = os.RemoveAll(folder) // a temporary file that holds nothing new
			return &exit{exitFailed, "nothing was changed"}
		}
		document, err := importer.FromYAML(s.ctx, edited)
		var changed *job.Job
		if err == nil {
			changed, err = c.PutJSON(s.ctx, e.ID, document, j.Version)
		}
		if err == nil {
			_ = os.RemoveAll(folder) // a temporary file that is on the server now
			return s.show(changed, func() { s.named(changed, "changed") })
		}
		var answer *client.Error
		if errors.As(err, &answer) && answer.Status != 400 && answer.Status != 422 {
			return fmt.Errorf("%w; what you wrote is in %s", err, file)
		}
		text, note = edited, notePrefix+strings.ReplaceAll(clean(err.Error()), "\n", "\n"+notePrefix)+"\n"
	}
}

// notePrefix begins the lines that tell in the editor why the job was refused.
const notePrefix = "#! "

func withoutNote(text []byte) []byte {
	for bytes.HasPrefix(text, []byte(notePrefix)) {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text
}

func (s *session) edit(editor, file string, text []byte) ([]byte, error) {
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	words := append(strings.Fields(editor), file)
	cmd := exec.CommandContext(s.ctx, words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.in, s.out, s.err
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the editor %s: %w", editor, err)
	}
	return readFile(file, maxFiles)
}

type deleteCmd struct {
	IDs []string `arg:"" name:"job" help:"Ids of jobs."`
	Yes bool     `short:"y" help:"Do not ask."`
}

// Help shows how it is used.
func (deleteCmd) Help() string { return "Example:\n\n\tschedctl delete old-report --yes" }

// Run deletes the jobs.
func (d *deleteCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	if err := s.confirm(d.Yes, "Delete "+strings.Join(d.IDs, ", ")+"?"); err != nil {
		return err
	}
	return s.each(d.IDs, "deleting", func(id string) error {
		if err := c.Delete(s.ctx, id, 0); err != nil {
			return err
		}
		return s.show(map[string]any{"id": id, "deleted": true}, func() { s.named(&job.Job{Definition: job.Definition{ID: id}}, "deleted") })
	})
}

// each does something with each id. It goes on after a fault, and answers the first.
func (s *session) each(ids []string, what string, do func(id string) error) error {
	bar := s.counting(what, len(ids))
	var first error
	for _, id := range ids {
		if err := do(id); err != nil {
			if s.ctx.Err() != nil {
				return err
			}
			err = fmt.Errorf("%s: %w", id, err)
			if first == nil {
				first = err
			} else {
				fmt.Fprintf(s.err, "schedctl: %s\n", clean(err.Error()))
			}
		}
		_ = bar.Add(1) // only a picture
	}
	return first
}

// many does an action with the jobs that a selection matches, in one call.
func (s *session) many(c *client.Client, action string, f *selection, yes bool) error {
	if !yes {
		count := 0
		for _, err := range c.Jobs(s.ctx, job.JobQuery{Text: f.Query, Tags: f.Tag, Status: job.Status(f.Status), LastState: job.State(f.LastState), Host: f.Host, Limit: 500}) {
			if err != nil {
				return err
			}
			count++
		}
		if err := s.confirm(false, fmt.Sprintf("%s %d jobs?", action, count)); err != nil {
			return err
		}
	}
	done := s.working(action)
	result, err := c.Bulk(s.ctx, client.Bulk{Action: action, Filter: f.query()})
	done()
	if err != nil {
		return err
	}
	for _, fault := range result.Errors {
		fmt.Fprintf(s.err, "schedctl: %s: %s\n", clean(fault.ID), clean(fault.Message))
	}
	if err := s.show(result, func() { fmt.Fprintf(s.out, "%s: %d of %d jobs\n", action, result.Changed, result.Matched) }); err != nil {
		return err
	}
	if result.Failed > 0 {
		return &exit{exitFailed, fmt.Sprintf("%d jobs were refused or not reached", result.Failed)}
	}
	return nil
}

type pauseCmd struct {
	IDs       []string `arg:"" optional:"" name:"job" help:"Ids of jobs."`
	selection `embed:""`
	Yes       bool   `short:"y" help:"Do not ask before many jobs are paused."`
	Until     string `help:"Resume by itself after this time, such as 2h, or at this moment." placeholder:"WHEN"`
	Reason    string `help:"Why, for others to read." placeholder:"TEXT"`
}

// Help shows how it is used.
func (pauseCmd) Help() string {
	return "Example:\n\n\tschedctl pause nightly-report --until 2h --reason 'database moves'\n\tschedctl pause --tag billing --yes"
}

// Run pauses the jobs.
func (p *pauseCmd) Run(s *session) error {
	if err := oneOf(p.IDs, &p.selection); err != nil {
		return err
	}
	if len(p.IDs) == 0 && (p.Until != "" || p.Reason != "") {
		return usagef("--until and --reason go with ids of jobs, not with --tag and the like")
	}
	var until *time.Time
	if p.Until != "" {
		at, err := s.when(p.Until, 1)
		if err != nil {
			return usagef("--until: %v", err)
		}
		until = &at
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	if len(p.IDs) == 0 {
		return s.many(c, "pause", &p.selection, p.Yes)
	}
	return s.each(p.IDs, "pausing", func(id string) error {
		j, err := c.Pause(s.ctx, id, until, p.Reason)
		if err != nil {
			return err
		}
		return s.show(j, func() { s.named(j, "paused") })
	})
}

type resumeCmd struct {
	IDs       []string `arg:"" optional:"" name:"job" help:"Ids of jobs."`
	selection `embed:""`
	Yes       bool   `short:"y" help:"Do not ask before many jobs are resumed."`
	From      string `help:"Where the schedule goes on: now, or last, which makes up for what the pause held back." enum:"now,last" default:"now"`
}

// Help shows how it is used.
func (resumeCmd) Help() string { return "Example:\n\n\tschedctl resume nightly-report --from last" }

// Run resumes the jobs.
func (r *resumeCmd) Run(s *session) error {
	if err := oneOf(r.IDs, &r.selection); err != nil {
		return err
	}
	if len(r.IDs) == 0 && r.From != "now" {
		return usagef("--from goes with ids of jobs, not with --tag and the like")
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	if len(r.IDs) == 0 {
		return s.many(c, "resume", &r.selection, r.Yes)
	}
	return s.each(r.IDs, "resuming", func(id string) error {
		j, err := c.ResumeFrom(s.ctx, id, r.From)
		if err != nil {
			return err
		}
		return s.show(j, func() { s.named(j, "resumed") })
	})
}

func oneOf(ids []string, f *selection) error {
	if (len(ids) == 0) == f.empty() {
		return usagef("give either ids of jobs, or --tag, --query, --status, --last-state or --host")
	}
	return nil
}

// when reads a moment, or a time from now on in a direction, 1 or -1.
func (s *session) when(text string, direction time.Duration) (time.Time, error) {
	if d, err := trigger.ParseDuration(text); err == nil {
		return s.now().Add(direction * time.Duration(d)), nil
	}
	at, err := trigger.ParseInstant(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2h nor a moment such as 2026-11-18T07:00:00Z", text)
	}
	return at.Time(), nil
}

type exportCmd struct {
	File string `short:"f" help:"File to write, which must not exist. Default: the standard output." placeholder:"FILE"`
}

// Help shows how it is used.
func (exportCmd) Help() string {
	return "YAML, or JSON with -o json.\n\nExample:\n\n\tschedctl export > jobs.yaml"
}

// Run writes the jobs.
func (e *exportCmd) Run(s *session) error {
	media := "application/yaml"
	if s.cli.Output == "json" || strings.HasSuffix(e.File, ".json") {
		media = "application/json"
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	done := s.working("export")
	data, err := c.Export(s.ctx, media)
	done()
	if err != nil {
		return err
	}
	if media == "application/json" && !json.Valid(data) {
		return &exit{exitUnavailable, "the export broke off"}
	}
	if media != "application/json" {
		if _, err := importer.FromYAML(s.ctx, data); err != nil {
			return &exit{exitUnavailable, "the export broke off, or is too large for YAML: use -o json"}
		}
	}
	if e.File == "" {
		_, err = s.out.Write(data)
		return err
	}
	file, err := os.OpenFile(e.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}
