package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// blocks are the shell blocks below a heading of a Markdown file, in their order.
func blocks(t *testing.T, file, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", file, heading)
	}
	below, _, _ = strings.Cut(below, "\n## ")
	var all []string
	for i, part := range strings.Split(below, "\n```") {
		if code, isShell := strings.CutPrefix(part, "sh\n"); i%2 == 1 && isShell {
			all = append(all, code)
		}
	}
	return all
}

// shell runs commands as they are pasted, but for the addresses, and answers what they print. A sleep among them ends
// when the job has run, however slow the machine is; slept is what they would sleep in sum.
func shell(t *testing.T, s *service, commands, jobID string) (said string, slept time.Duration) {
	t.Helper()
	for _, name := range []string{"sh", "curl", "grep"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	tools := t.TempDir()
	patient := "#!/bin/sh\necho \"$1\" >>" + tools + "/slept\n" +
		"until curl -s " + s.url + "/api/v1/jobs/" + jobID + "/runs | grep -q '\"state\":\"succeeded\"'; do PATH=" + os.Getenv("PATH") + " sleep 0.1; done\n"
	if err := os.WriteFile(filepath.Join(tools, "sleep"), []byte(patient), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", commands)
	cmd.Env = append(os.Environ(), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"))
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil || errors.Len() > 0 {
		t.Fatalf("%v, %s\n%s", err, &errors, out)
	}
	text, _ := os.ReadFile(filepath.Join(tools, "slept")) // there is none if nothing slept
	for _, word := range strings.Fields(string(text)) {
		seconds, err := strconv.ParseFloat(word, 64)
		if err != nil {
			t.Fatal(err)
		}
		slept += time.Duration(seconds * float64(time.Second))
	}
	return string(out), slept
}

// README's first job shows a call, within three seconds of being pasted.
func TestReadmesFirstJob(t *testing.T) {
	t.Parallel()
	first := blocks(t, "README.md", "## A first job")
	if len(first) < 3 || !strings.Contains(first[0], "http.server 9000") {
		t.Fatalf("the blocks are %q", first)
	}
	tg, address := newTarget(t), freeAddress(t)
	start(t, "standalone", "--listen", address, "--data-dir", t.TempDir())
	s := &service{t: t, url: "http://" + address}
	s.ready()
	here := strings.NewReplacer("127.0.0.1:8000", address, "http://127.0.0.1:9000", tg.URL)

	said, slept := shell(t, s, here.Replace(first[1]), "hello")
	if slept > 3*time.Second {
		t.Errorf("it takes %s to see a call", slept)
	}
	answers := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
	for _, answer := range answers {
		if !json.Valid([]byte(answer)) {
			t.Errorf("an answer is no line of its own: %q", answer)
		}
	}
	var shown struct{ Runs []account }
	if err := json.Unmarshal([]byte(answers[len(answers)-1]), &shown); err != nil || len(answers) != 3 {
		t.Fatalf("%v in %s", err, said)
	}
	if len(shown.Runs) != 1 || shown.Runs[0].State != "succeeded" || len(shown.Runs[0].Attempts) != 1 || *shown.Runs[0].Attempts[0].StatusCode != 200 {
		t.Errorf("it shows %s", answers[2])
	}
	if len(tg.of("hello")) == 0 {
		t.Error("nothing was called")
	}
	paused, _ := shell(t, s, here.Replace(first[2]), "hello")
	if !strings.Contains(paused, `"status":"paused"`) {
		t.Errorf("the job is not stopped: %s", paused)
	}
}

// A date in the past is called at once, as its warning says, and spoils no figure of lag.
func TestDateInThePast(t *testing.T) {
	t.Parallel()
	tg, address := newTarget(t), freeAddress(t)
	start(t, "standalone", "--listen", address, "--data-dir", t.TempDir())
	s := &service{t: t, url: "http://" + address}
	s.ready()
	at := time.Now().Add(-300 * 24 * time.Hour).Truncate(time.Second)
	var made struct {
		Warnings []struct{ Code, Message string }
	}
	s.must("POST", "/api/v1/jobs", object{"id": "late", "schedule": object{"type": "date", "at": at}, "request": object{"url": tg.URL}}, &made)
	if len(made.Warnings) != 1 || made.Warnings[0].Code != "date_in_past" || !strings.Contains(made.Warnings[0].Message, "called once, immediately") {
		t.Errorf("warnings %+v", made.Warnings)
	}
	s.must("POST", "/api/v1/jobs", object{"id": "strict", "schedule": object{"type": "date", "at": at}, "request": object{"url": tg.URL},
		"policy": object{"misfire_grace_time": "60s"}}, &made)
	if len(made.Warnings) != 1 || !strings.Contains(made.Warnings[0].Message, "recorded as missed") {
		t.Errorf("warnings %+v", made.Warnings)
	}
	tg.wait(t, "late", 1)
	s.until("both are accounted for", func() (bool, string) {
		_, late := s.call("GET", "/api/v1/jobs/late", nil)
		_, strict := s.call("GET", "/api/v1/jobs/strict", nil)
		return strings.Contains(string(late), `"state":"succeeded"`) && strings.Contains(string(strict), `"state":"missed"`), string(late) + string(strict)
	})
	runs := s.settled("late")
	const tooMuch = 24 * time.Hour
	if len(runs) != 1 || runs[0].LagMS == nil || time.Duration(*runs[0].LagMS)*time.Millisecond > tooMuch || !runs[0].ScheduledAt.Equal(at) {
		t.Errorf("runs %+v", runs)
	}
	if runs := s.settled("strict"); len(runs) != 1 || runs[0].Reason != "misfire" || len(tg.of("strict")) != 0 {
		t.Errorf("runs %+v", runs)
	}
	_, metrics := s.call("GET", "/metrics", nil)
	for _, name := range []string{"schedule_run_start_lag_seconds_sum", "schedule_claim_lateness_seconds_sum"} {
		_, after, found := strings.Cut(string(metrics), "\n"+name+" ")
		text, _, _ := strings.Cut(after, "\n")
		if sum, err := strconv.ParseFloat(text, 64); !found || err != nil || sum > tooMuch.Seconds() {
			t.Errorf("%s is %s", name, text)
		}
	}
}
