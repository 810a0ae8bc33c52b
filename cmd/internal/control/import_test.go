package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
	"schedule-server/pkg/store"
)

// desk is a folder with a database, and a command line beside it.
type desk struct {
	t      *testing.T
	folder string
	// answer is what somebody types when asked. Empty: there is no terminal.
	answer string
}

func newDesk(t *testing.T) *desk { return &desk{t: t, folder: t.TempDir()} }

func (d *desk) database() string { return "sqlite://" + filepath.Join(d.folder, "data", "schedule.db") }

// file writes a file to import.
func (d *desk) file(name, text string) string {
	d.t.Helper()
	path := filepath.Join(d.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

// run imports, and gives what was written to both outputs.
func (d *desk) run(i Import) (out, asked string, err error) {
	d.t.Helper()
	if i.Format == "" {
		i.Format = "auto"
	}
	if i.Output == "" {
		i.Output = "text"
	}
	var stdout, stderr bytes.Buffer
	c := console{out: &stdout, err: &stderr}
	if d.answer != "" {
		c.in = strings.NewReader(d.answer)
	}
	err = i.do(d.t.Context(), &app.Process{Logger: slog.New(slog.DiscardHandler)}, d.database(), nil, c)
	return stdout.String(), stderr.String(), err
}

// ids are the jobs that are there.
func (d *desk) ids() string {
	d.t.Helper()
	s, err := store.OpenReadOnly(d.t.Context(), d.database(), store.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	if s == nil {
		return "no database"
	}
	defer s.Close()
	jobs, err := s.PickJobs(d.t.Context(), job.Pick{Others: true}, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	ids := make([]string, len(jobs))
	for i := range jobs {
		ids[i] = jobs[i].ID
	}
	return strings.Join(ids, " ")
}

func jobsFile(ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"id":%q,"schedule":{"type":"cron","expression":"0 9 * * *","time_zone":"Asia/Shanghai"},"request":{"url":"https://u:p@m.example/?token=t1"}}`, id)
	}
	return `{"jobs":[` + strings.Join(list, ",") + `]}`
}

// TestImportMakesNothing wants a file that is not understood, and a dry run, to leave no trace.
func TestImportMakesNothing(t *testing.T) {
	d := newDesk(t)
	for name, text := range map[string]string{
		"hostname": "web-1\n", "empty": "", "empty.json": "", "page.html": "<html>\n</html>\n", "a.pdf": "%PDF-1.7\n1 0 obj\n", "wide.json": "\xff\xfe{\x00",
		"broken.json": `{"jobs":[}`, "faulty.json": `{"jobs":[{"id":"a"}]}`,
	} {
		for _, prune := range []bool{false, true} {
			out, _, err := d.run(Import{File: d.file(name, text), Prune: prune, Yes: true, MaxDeletes: 100})
			if err == nil || out != "" || !strings.Contains(err.Error(), name) || d.ids() != "no database" {
				t.Errorf("%s: %v, %q, %s", name, err, out, d.ids())
			}
			var coded interface{ ExitCode() int }
			if errors.As(err, &coded) {
				t.Errorf("%s ends with %d, not as an error does", name, coded.ExitCode())
			}
		}
	}
	if _, _, err := d.run(Import{File: d.file("hostname", "web-1"), Format: "json"}); err == nil || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("said to be JSON: %v", err)
	}
	if _, _, err := d.run(Import{File: d.file("some.json", jobsFile("a")), TimeZone: "Mars"}); err == nil || !strings.Contains(err.Error(), "--time-zone") {
		t.Errorf("%v", err)
	}
	out, told, err := d.run(Import{File: d.file("some.json", jobsFile("a")), DryRun: true})
	if err != nil || !strings.HasPrefix(out, "Dry run of ") || !strings.HasSuffix(out, "Nothing was written.\n") || !strings.Contains(told, "There is no database yet: ") {
		t.Errorf("%v, %q, %q", err, out, told)
	}
	for _, want := range []string{"+ a\n", "GET https://redacted@m.example/?token=redacted\n", "at 09:00 every day, Asia/Shanghai\n", " 09:00:00 +08:00, "} {
		if !strings.Contains(out, want) {
			t.Errorf("the dry run does not show %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "t1") || strings.Contains(out, "u:p") {
		t.Errorf("credentials are shown:\n%s", out)
	}
	entries, err := os.ReadDir(filepath.Join(d.folder, "data"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data folder was made: %v, %v", entries, err)
	}
}

// TestImportSkips wants the exit code to tell that something was left out.
func TestImportSkips(t *testing.T) {
	d := newDesk(t)
	path := d.file("my.crontab", "0 2 * * * curl https://m.example/x\n15 3 * * * /opt/\x1b[31mx.sh\n")
	for _, dry := range []bool{true, false} {
		out, _, err := d.run(Import{File: path, DryRun: dry})
		var coded interface{ ExitCode() int }
		if !errors.As(err, &coded) || coded.ExitCode() != 3 || !strings.Contains(err.Error(), "1 line skipped; the rest") {
			t.Errorf("%v", err)
		}
		if !strings.Contains(out, "! line 2: it calls ") || !strings.Contains(out, "1 created, 0 updated, 0 unchanged, 0 deleted, 1 skipped.") || strings.Contains(out, "\x1b") {
			t.Errorf("%s", out)
		}
	}
	before := d.ids()
	_, _, err := d.run(Import{File: path, Prune: true, Yes: true, MaxDeletes: 100})
	if job.CodeOf(err) != job.CodeInvalid || !strings.Contains(err.Error(), "line 2") || d.ids() != before {
		t.Errorf("%v, %s", err, d.ids())
	}
	if _, _, err = d.run(Import{File: path, Prune: true, DryRun: true, MaxDeletes: 100}); err == nil || !strings.Contains(err.Error(), "would be refused") {
		t.Errorf("%v", err)
	}
	rows, err := os.ReadFile("../../../pkg/apscheduler/testdata/3.0.6-python2.7-protocol2.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := d.run(Import{File: d.file("jobs.sqlite", string(rows)), DryRun: true})
	if err == nil || !strings.HasPrefix(err.Error(), "2 rows skipped; the rest would be") || !strings.Contains(out, "! row 2: its time zone has no IANA name\n      cron-fixed\n") {
		t.Errorf("%v\n%s", err, out)
	}
	_, _, err = d.run(Import{File: d.file("all.crontab", "15 3 * * * /opt/x.sh\n")})
	if err == nil || !strings.Contains(err.Error(), "nothing was imported") {
		t.Errorf("%v", err)
	}
}

// TestImportAsks wants nothing to be deleted that nobody agreed to.
func TestImportAsks(t *testing.T) {
	all := make([]string, 0, 15)
	for i := range 15 {
		all = append(all, fmt.Sprintf("job-%02d", i))
	}
	whole := strings.Join(all, " ")
	for name, c := range map[string]struct {
		keep   int
		i      Import
		answer string
		want   string // of the error; empty: it is done
		asked  string
	}{
		"no terminal":                    {12, Import{MaxDeletes: 10}, "", "give --yes", "job-14"},
		"no terminal, yes":               {12, Import{MaxDeletes: 10, Yes: true}, "", "", ""},
		"no terminal, nothing to delete": {15, Import{MaxDeletes: 10}, "", "", ""},
		"no terminal, too many":          {2, Import{MaxDeletes: 10, Yes: true}, "", "give --yes --max-deletes 13", "job-02"},
		"no terminal, the number":        {2, Import{MaxDeletes: 13, Yes: true}, "", "", ""},
		"y":                              {12, Import{MaxDeletes: 10}, "y\n", "", "Delete 3 jobs? [y/N]"},
		"n":                              {12, Import{MaxDeletes: 10}, "n\n", "not confirmed", "Delete 3 jobs? [y/N]"},
		"the end of the input":           {12, Import{MaxDeletes: 10}, "\n", "not confirmed", "Delete 3 jobs? [y/N]"},
		"too many, y":                    {2, Import{MaxDeletes: 10}, "y\n", "not confirmed", "To delete 13 jobs, type their number"},
		"too many, another number":       {2, Import{MaxDeletes: 10}, "10\n", "not confirmed", "--max-deletes (10)"},
		"too many, the number":           {2, Import{MaxDeletes: 10}, "13\n", "", "--max-deletes (10)"},
		"too many, yes on a terminal":    {2, Import{MaxDeletes: 10, Yes: true}, "13\n", "give --yes --max-deletes 13", "job-02"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			if _, _, err := d.run(Import{File: d.file("all.json", jobsFile(all...))}); err != nil {
				t.Fatal(err)
			}
			d.answer = c.answer
			c.i.File, c.i.Prune = d.file("some.json", jobsFile(all[:c.keep]...)), true
			out, asked, err := d.run(c.i)
			left := whole
			if c.want == "" {
				left = strings.Join(all[:c.keep], " ")
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || d.ids() != left {
				t.Errorf("%v; left: %s", err, d.ids())
			}
			if !strings.Contains(asked, c.asked) || c.asked == "" && asked != "" {
				t.Errorf("asked %q, want %q", asked, c.asked)
			}
			if err == nil && !strings.Contains(out, fmt.Sprintf("%d deleted", 15-c.keep)) {
				t.Errorf("%s", out)
			}
		})
	}
}

// TestImportAsksUntilStopped wants a question to end with the process, and nothing to be deleted.
func TestImportAsksUntilStopped(t *testing.T) {
	d := newDesk(t)
	if _, _, err := d.run(Import{File: d.file("all.json", jobsFile("a", "b"))}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	silent, end := io.Pipe()
	t.Cleanup(func() { _ = end.Close() })
	i := Import{File: d.file("one.json", jobsFile("a")), Prune: true, MaxDeletes: 10, Format: "auto", Output: "text"}
	done := make(chan error, 1)
	asked := &signal{text: "Delete 1 job?", seen: make(chan struct{})}
	go func() {
		done <- i.do(ctx, &app.Process{Logger: slog.New(slog.DiscardHandler)}, d.database(), nil, console{out: io.Discard, err: asked, in: silent})
	}()
	<-asked.seen
	stop()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "interrupted") || d.ids() != "a b" {
			t.Errorf("%v, %s", err, d.ids())
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it still waits for an answer")
	}
}

// signal is a writer that tells when a text is written.
type signal struct {
	text string
	seen chan struct{}
}

func (s *signal) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.text) {
		close(s.seen)
	}
	return len(p), nil
}

// TestImportShows wants a long result to be cut, and to be whole when that is asked for.
func TestImportShows(t *testing.T) {
	d := newDesk(t)
	ids := make([]string, 10_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("job-%05d", i)
	}
	path := d.file("many.json", jobsFile(ids...))
	out, _, err := d.run(Import{File: path, DryRun: true})
	if err != nil || strings.Count(out, "\n") > 120 || !strings.Contains(out, "Created (10000)\n") || !strings.Contains(out, "… and 9980 more; --verbose shows all\n") {
		t.Errorf("%v, %d lines:\n%.2000s", err, strings.Count(out, "\n"), out)
	}
	path = d.file("some.json", jobsFile(ids[:1_000]...))
	if out, _, err = d.run(Import{File: path, DryRun: true, Verbose: true}); err != nil || strings.Count(out, "\n  + job-") != 1_000 {
		t.Errorf("%v, %d jobs", err, strings.Count(out, "\n  + job-"))
	}
	out, _, err = d.run(Import{File: path, Output: "json"})
	var done service.Imported
	if err == nil {
		err = json.Unmarshal([]byte(out), &done)
	}
	if err != nil || len(done.Created) != 1_000 || len(done.Jobs) != 1_000 || done.DryRun {
		t.Errorf("%v, %d created, %d described", err, len(done.Created), len(done.Jobs))
	}
	changed := strings.Replace(jobsFile("job-00000", "job-00001"), "0 9 * * *", "30 9 * * *", 1)
	changed = strings.Replace(changed, "token=t1", "token=t2&a=1", 1)
	out, _, err = d.run(Import{File: d.file("changed.json", changed)})
	for _, want := range []string{"Updated (1)\n  ~ job-00000\n", `schedule.expression: "0 9 * * *" → "30 9 * * *"`, "request.url: ", "0 created, 1 updated, 1 unchanged, 0 deleted, 0 skipped."} {
		if !strings.Contains(out, want) {
			t.Errorf("%v, no %q in\n%s", err, want, out)
		}
	}
	if strings.Contains(out, "t1") || strings.Contains(out, "t2") {
		t.Errorf("credentials are shown:\n%s", out)
	}
}
