package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"schedule-server/pkg/client"
	"schedule-server/pkg/job"
)

// askAgain is how often a run that is waited for is looked at.
const askAgain = 300 * time.Millisecond

type runCmd struct {
	ID    string        `arg:"" name:"job" help:"Id of the job."`
	Force bool          `help:"Also while another run of the job is open."`
	Wait  bool          `short:"w" help:"Wait until the run has ended. Exit code 3 if it did not succeed."`
	Limit time.Duration `name:"wait-limit" help:"Longest time to wait. 0: for ever." default:"0"`
}

// Help shows how it is used.
func (runCmd) Help() string { return "Example:\n\n\tschedctl run nightly-report --wait" }

// Run runs the job.
func (r *runCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	run, err := c.Run(s.ctx, r.ID, r.Force)
	if err != nil {
		return err
	}
	return s.started(c, run, r.Wait, r.Limit)
}

// started says that a run was made, and with wait how it ended.
func (s *session) started(c *client.Client, run *job.Run, wait bool, limit time.Duration) error {
	if wait {
		ctx := s.ctx
		if limit > 0 {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, limit)
			defer stop()
		}
		done := s.working("run " + run.ID)
		ended, err := ended(ctx, c, run.ID)
		done()
		if errors.Is(err, context.DeadlineExceeded) && s.ctx.Err() == nil {
			return &exit{exitFailed, fmt.Sprintf("run %s has not ended within %s; it goes on", run.ID, limit)}
		}
		if err != nil {
			return err
		}
		run = ended
	}
	if err := s.show(run, func() { s.oneRun(run) }); err != nil {
		return err
	}
	if wait && run.State != job.StateSucceeded {
		return &exit{exitRunFailed, ""}
	}
	return nil
}

// ended waits until a run has ended.
func ended(ctx context.Context, c *client.Client, id string) (*job.Run, error) {
	for {
		run, err := c.GetRun(ctx, id)
		if err != nil || run.State.Final() {
			return run, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(askAgain):
		}
	}
}

func (s *session) oneRun(run *job.Run) {
	if s.cli.Output == "name" {
		fmt.Fprintln(s.out, run.ID)
		return
	}
	text := fmt.Sprintf("%s %s", run.ID, s.colored(string(run.State)))
	if run.State.Final() {
		text += fmt.Sprintf(" (%s) in %s", run.Reason, took(run.DurationMS))
	}
	fmt.Fprintln(s.out, text)
}

type runsCmd struct {
	ID      string `arg:"" optional:"" name:"job" help:"Id of a job. Default: runs of all jobs."`
	State   string `help:"Only runs in this state." enum:"waiting,queued,running,retrying,succeeded,failed,skipped,missed,canceled," default:"" placeholder:"STATE"`
	Trigger string `help:"Only runs made so: schedule, manual or backfill." enum:"schedule,manual,backfill," default:"" placeholder:"TRIGGER"`
	Since   string `help:"Only occurrences from this moment on, or since so long ago, such as 2h." placeholder:"WHEN"`
	Until   string `help:"Only occurrences up to this moment, or up to so long ago." placeholder:"WHEN"`
	Limit   int    `help:"Most runs to list." default:"50"`
}

// Help shows how it is used.
func (runsCmd) Help() string {
	return "Example:\n\n\tschedctl runs nightly-report --state failed --since 24h"
}

// Run lists the runs.
func (r *runsCmd) Run(s *session) error {
	if r.Limit < 1 {
		return usagef("--limit: must be at least 1, is %d", r.Limit)
	}
	q := job.RunQuery{JobID: r.ID, State: job.State(r.State), Trigger: job.Trigger(r.Trigger)}
	for _, bound := range []struct {
		flag, text string
		into       **job.Instant
	}{{"--since", r.Since, &q.Since}, {"--until", r.Until, &q.Until}} {
		if bound.text == "" {
			continue
		}
		at, err := s.when(bound.text, -1)
		if err != nil {
			return usagef("%s: %v", bound.flag, err)
		}
		instant := job.Instant(at.UnixMilli())
		*bound.into = &instant
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	if r.ID != "" { // an unknown job is an error, not an empty list
		if _, err := c.Get(s.ctx, r.ID); err != nil {
			return err
		}
	}
	runs, err := firstRuns(s, c, q, r.Limit)
	if err != nil {
		return err
	}
	return s.show(map[string][]*job.Run{"runs": runs}, func() { s.listRuns(runs) })
}

// firstRuns are the newest runs that match.
func firstRuns(s *session, c *client.Client, q job.RunQuery, most int) ([]*job.Run, error) {
	q.Limit = min(most, 500)
	runs := []*job.Run{}
	for run, err := range c.Runs(s.ctx, q) {
		if err != nil {
			return nil, err
		}
		if runs = append(runs, run); len(runs) == most {
			break
		}
	}
	return runs, nil
}

func (s *session) listRuns(runs []*job.Run) {
	if s.cli.Output == "name" {
		for _, run := range runs {
			fmt.Fprintln(s.out, run.ID)
		}
		return
	}
	rows := make([][]string, len(runs))
	for i, run := range runs {
		lag := "-"
		if run.LagMS != nil {
			lag = took(run.LagMS)
		}
		rows[i] = []string{run.ID, run.JobID, s.local(&run.ScheduledAt), string(run.State), string(run.Reason), took(run.DurationMS), string(run.Trigger), lag, fmt.Sprint(len(run.Attempts))}
	}
	s.table([]string{"RUN", "JOB", "SCHEDULED", "STATE", "REASON", "TOOK", "+TRIGGER", "+LATE", "+ATTEMPTS"}, rows)
}

type logsCmd struct {
	ID     string `arg:"" name:"job" help:"Id of a job, or of a run."`
	Follow bool   `short:"f" help:"Go on with each run that ends, until interrupted."`
	Tail   int    `help:"How many of the latest runs to begin with." default:"10"`
}

// Help shows how it is used.
func (logsCmd) Help() string { return "Example:\n\n\tschedctl logs nightly-report -f" }

// Run shows the accounts.
func (l *logsCmd) Run(s *session) error {
	if l.Tail < 0 || l.Tail > 500 {
		return usagef("--tail: must be from 0 to 500, is %d", l.Tail)
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	if _, err := c.Get(s.ctx, l.ID); client.IsNotFound(err) {
		if l.Follow {
			return err
		}
		run, err := c.GetRun(s.ctx, l.ID)
		if err != nil {
			return err
		}
		return s.show(run, func() { s.account(run) })
	} else if err != nil {
		return err
	}
	shown := map[string]bool{}
	if err := l.latest(s, c, l.Tail, shown); err != nil || !l.Follow {
		return err
	}
	return s.follow(l.ID, func(event client.Event) error {
		switch {
		case event.Kind == "many" || event.Kind == "reset": // some were not told of one by one
			return l.latest(s, c, 100, shown)
		case event.Run == nil || !event.Run.State.Final() || shown[event.Run.ID]:
			return nil
		}
		shown[event.Run.ID] = true
		run, err := c.GetRun(s.ctx, event.Run.ID)
		if err != nil {
			return err
		}
		return s.showLine(run, func() { s.account(run) })
	})
}

// latest shows the latest runs that were not shown yet, the oldest first.
func (l *logsCmd) latest(s *session, c *client.Client, most int, shown map[string]bool) error {
	if most == 0 {
		return nil
	}
	runs, err := firstRuns(s, c, job.RunQuery{JobID: l.ID}, most)
	if err != nil {
		return err
	}
	slices.Reverse(runs)
	for _, listed := range runs {
		if shown[listed.ID] || l.Follow && !listed.State.Final() {
			continue
		}
		run, err := c.GetRun(s.ctx, listed.ID)
		if client.IsNotFound(err) { // its history was pruned meanwhile
			continue
		}
		if err != nil {
			return err
		}
		shown[run.ID] = true
		if err := s.showLine(run, func() { s.account(run) }); err != nil {
			return err
		}
	}
	return nil
}

// maxShownBody is how much of an answer logs show, in characters.
const maxShownBody = 1000

// account shows a run with its attempts and the answer.
func (s *session) account(run *job.Run) {
	if s.cli.Output == "name" {
		fmt.Fprintln(s.out, run.ID)
		return
	}
	fmt.Fprintf(s.out, "%s %s %s %s (%s) in %s\n", s.local(&run.ScheduledAt), run.ID, run.Trigger, s.colored(string(run.State)), clean(string(run.Reason)), took(run.DurationMS))
	for i := range run.Attempts {
		a := &run.Attempts[i]
		text := ""
		if a.Error != nil {
			text = ": " + clean(*a.Error)
		}
		fmt.Fprintf(s.out, "  attempt %d: %s %s in %s%s\n", a.N, orDash(a.StatusCode), clean(string(a.Reason)), took(&a.DurationMS), text)
	}
	if run.Response == nil || run.Response.Body == "" {
		return
	}
	if run.Response.BodyEncoding != "text" {
		fmt.Fprintf(s.out, "  | (an answer that is no text)\n")
		return
	}
	body := []rune(run.Response.Body)
	more := run.Response.Truncated || len(body) > maxShownBody
	body = body[:min(len(body), maxShownBody)]
	for line := range strings.Lines(clean(string(body))) {
		fmt.Fprintf(s.out, "  | %s\n", strings.TrimRight(line, "\n"))
	}
	if more {
		fmt.Fprintln(s.out, "  | …")
	}
}

// reconnect is how long a broken stream is left before it is opened again.
const reconnect = time.Second

// follow calls do for each event until the command is interrupted, which is its good end.
func (s *session) follow(jobID string, do func(client.Event) error) error {
	c, err := s.connectWith(0)
	if err != nil {
		return err
	}
	for {
		for event, err := range c.Events(s.ctx, jobID) {
			var answer *client.Error
			if errors.As(err, &answer) && answer.Status < 500 && answer.Status != 429 {
				return err
			}
			if err == nil {
				err = do(event)
				if err != nil {
					return s.unlessInterrupted(err)
				}
			} else if s.ctx.Err() == nil {
				fmt.Fprintf(s.err, "schedctl: %s; trying again\n", clean(errorText(err)))
			}
		}
		select {
		case <-s.ctx.Done():
			return nil
		case <-time.After(reconnect):
		}
		if err := do(client.Event{Kind: "reset"}); err != nil && s.ctx.Err() == nil {
			var answer *client.Error
			if errors.As(err, &answer) && answer.Status < 500 {
				return err
			}
		}
	}
}

func (s *session) unlessInterrupted(err error) error {
	if s.ctx.Err() != nil {
		return nil
	}
	return err
}

type watchCmd struct {
	ID string `arg:"" optional:"" name:"job" help:"Id of a job. Default: all jobs."`
}

// Help shows how it is used.
func (watchCmd) Help() string {
	return "With -o json each change is a line of JSON. A server that is away is waited for.\n\nExample:\n\n\tschedctl watch"
}

// Run shows the changes.
func (w *watchCmd) Run(s *session) error {
	return s.follow(w.ID, func(event client.Event) error {
		switch {
		case event.Run != nil:
			return s.showLine(event.Run, func() {
				fmt.Fprintf(s.out, "%s run %s of %s %s %s\n", s.now().Format(time.TimeOnly), event.Run.ID, clean(event.Run.JobID), s.colored(string(event.Run.State)), clean(string(event.Run.Reason)))
			})
		case event.Job != nil && event.Job.Deleted:
			return s.showLine(event.Job, func() {
				fmt.Fprintf(s.out, "%s job %s deleted\n", s.now().Format(time.TimeOnly), clean(event.Job.ID))
			})
		case event.Job != nil:
			return s.showLine(event.Job, func() {
				fmt.Fprintf(s.out, "%s job %s %s; next %s\n", s.now().Format(time.TimeOnly), clean(event.Job.ID), s.colored(string(event.Job.Status)), s.local(event.Job.NextRunAt))
			})
		case event.Many != nil:
			return s.showLine(event.Many, func() {
				fmt.Fprintf(s.out, "%s %d runs and %d jobs changed\n", s.now().Format(time.TimeOnly), event.Many.Runs, event.Many.Jobs)
			})
		}
		return nil
	})
}

type replayCmd struct {
	IDs   []string      `arg:"" name:"run" help:"Ids of runs that have ended."`
	Wait  bool          `short:"w" help:"Wait until each has ended. Exit code 3 if one did not succeed."`
	Limit time.Duration `name:"wait-limit" help:"Longest time to wait for each. 0: for ever." default:"0"`
}

// Help shows how it is used.
func (replayCmd) Help() string {
	return "Example:\n\n\tschedctl replay 01K8ZC5T1N5V0R3Q9W2X4Y6Z8A --wait\n\tschedctl runs --state failed --since 1h -o name | xargs schedctl replay"
}

// Run runs the occurrences again.
func (r *replayCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	return s.each(r.IDs, "replaying", func(id string) error {
		run, err := c.RetryRun(s.ctx, id)
		if err != nil {
			return err
		}
		return s.started(c, run, r.Wait, r.Limit)
	})
}

type backfillCmd struct {
	ID     string `arg:"" name:"job" help:"Id of the job."`
	Start  string `required:"" help:"First moment, or so long ago, such as 24h." placeholder:"WHEN"`
	End    string `help:"Last moment, or so long ago. Default: now." default:"0s" placeholder:"WHEN"`
	DryRun bool   `help:"Only say how many runs it would be."`
	Yes    bool   `short:"y" help:"Do not ask."`
}

// Help shows how it is used.
func (backfillCmd) Help() string {
	return "Example:\n\n\tschedctl backfill nightly-report --start 2026-11-01T00:00:00+08:00 --end 2026-11-03T00:00:00+08:00 --yes"
}

// Run makes the runs.
func (b *backfillCmd) Run(s *session) error {
	start, err := s.when(b.Start, -1)
	if err != nil {
		return usagef("--start: %v", err)
	}
	end := s.now()
	if b.End != "0s" {
		if end, err = s.when(b.End, -1); err != nil {
			return usagef("--end: %v", err)
		}
	}
	c, err := s.connect()
	if err != nil {
		return err
	}
	if !b.Yes && !b.DryRun {
		n, err := c.Backfill(s.ctx, b.ID, start, end, true)
		if err != nil {
			return err
		}
		if err := s.confirm(false, fmt.Sprintf("Run %d occurrences of %s?", n, b.ID)); err != nil {
			return err
		}
	}
	done := s.working("backfill")
	n, err := c.Backfill(s.ctx, b.ID, start, end, b.DryRun)
	done()
	if err != nil {
		return err
	}
	return s.show(map[string]any{"runs": n, "dry_run": b.DryRun}, func() {
		if b.DryRun {
			fmt.Fprintf(s.out, "%d runs would be made\n", n)
			return
		}
		fmt.Fprintf(s.out, "%d runs\n", n)
	})
}

type explainCmd struct {
	ID string `arg:"" name:"run" help:"Id of a run, or of a job for its latest run."`
}

// Help shows how it is used.
func (explainCmd) Help() string { return "Example:\n\n\tschedctl explain nightly-report" }

// Run explains.
func (e *explainCmd) Run(s *session) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	run, err := c.GetRun(s.ctx, e.ID)
	if client.IsNotFound(err) {
		return e.job(s, c)
	}
	if err != nil {
		return err
	}
	return s.explained(run, "")
}

func (s *session) explained(run *job.Run, about string) error {
	sentence := about + run.Explain()
	return s.show(map[string]string{"job_id": run.JobID, "run_id": run.ID, "state": string(run.State), "reason": string(run.Reason), "explanation": sentence},
		func() { fmt.Fprintf(s.out, "%s, run %s: %s\n", clean(run.JobID), run.ID, clean(sentence)) })
}

// job explains a job: why it does not run if it is not active, and its latest run.
func (e *explainCmd) job(s *session, c *client.Client) error {
	j, err := c.Get(s.ctx, e.ID)
	if client.IsNotFound(err) {
		return &exit{exitNotFound, fmt.Sprintf("there is neither a run nor a job %q", e.ID)}
	}
	if err != nil {
		return err
	}
	about := ""
	switch {
	case j.Unreadable:
		about = "Its definition cannot be read by this version of the server, so nothing is called. "
	case j.Status == job.StatusPaused:
		about = "The job is paused, so nothing is called"
		if j.PauseReason != nil {
			about += " (" + *j.PauseReason + ")"
		}
		if j.PausedUntil != nil {
			about += " until " + j.PausedUntil.String()
		}
		about += ". "
	case j.Status == job.StatusCompleted:
		about = "The schedule of the job has no further occurrence. "
	case j.NextRunAt != nil:
		about = "The job is due next at " + j.NextRunAt.String() + ". "
	}
	runs, err := firstRuns(s, c, job.RunQuery{JobID: e.ID}, 1)
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		about += "It has no runs yet, or none that are kept."
		return s.show(map[string]string{"job_id": j.ID, "explanation": about}, func() { fmt.Fprintf(s.out, "%s: %s\n", clean(j.ID), clean(about)) })
	}
	run, err := c.GetRun(s.ctx, runs[0].ID)
	if err != nil {
		return err
	}
	return s.explained(run, about+"The latest run: ")
}
