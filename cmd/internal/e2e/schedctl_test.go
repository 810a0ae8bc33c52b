package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// operator runs schedctl as a user does, in a folder of its own.
type operator struct {
	t      testing.TB
	folder string
	env    []string
}

// serve starts a whole service and answers an operator of it, who has no key yet.
func serve(t testing.TB) (*service, *operator, *process) {
	t.Helper()
	address := freeAddress(t)
	p := start(t, "standalone", "--listen", address, "--data-dir", t.TempDir(), "--allow-targets", "loopback")
	s := &service{t: t, url: "http://" + address}
	s.ready()
	folder := t.TempDir()
	return s, &operator{t: t, folder: folder, env: []string{"PATH=" + filepath.Dir(programs.Path("schedctl")) + ":" + os.Getenv("PATH"), "HOME=" + folder, "TZ=UTC", "TERM=xterm", "SCHEDCTL_URL=" + s.url}}, p
}

// as is the operator with more variables.
func (o *operator) as(env ...string) *operator {
	return &operator{o.t, o.folder, append(append([]string{}, o.env...), env...)}
}

func (o *operator) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(o.t.Context(), programs.Path("schedctl"), args...)
	cmd.Env, cmd.Dir = o.env, o.folder
	return cmd
}

// does runs a command that has to end with a code, and answers what it printed.
func (o *operator) does(code int, args ...string) (out, err string) {
	o.t.Helper()
	cmd := o.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // its code is looked at
	if got := cmd.ProcessState.ExitCode(); got != code {
		o.t.Fatalf("schedctl %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout.String(), stderr.String())
	}
	return stdout.String(), stderr.String()
}

// says runs a command that has to print what an expression matches.
func (o *operator) says(want string, args ...string) {
	o.t.Helper()
	if out, _ := o.does(0, args...); !regexp.MustCompile(want).MatchString(out) {
		o.t.Errorf("schedctl %s: got\n%s\nwant %s", strings.Join(args, " "), out, want)
	}
}

func (o *operator) write(name, text string) string {
	o.t.Helper()
	path := filepath.Join(o.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return path
}

// nightly is a job file of two jobs, one of which fires at an hour and one never in this test.
func nightly(hour int, url string) string {
	return fmt.Sprintf("jobs:\n- id: nightly-report\n  name: 每日报告\n  tags: [billing]\n  schedule: {type: cron, expression: \"0 %d * * *\", time_zone: Asia/Shanghai}\n"+
		"  request: {url: %q, headers: {Authorization: Bearer hidden-token}}\n"+
		"- id: ping\n  schedule: {type: date, at: \"2999-01-01T00:00:00Z\"}\n  request: {url: %q}\n", hour, url, url)
}

// TestSchedctl_Jobs goes through the life of jobs by each command.
func TestSchedctl_Jobs(t *testing.T) {
	t.Parallel()
	tg := newTarget(t)
	_, o, _ := serve(t)
	o.write("jobs/a.yaml", nightly(2, tg.URL))
	o.does(2, "plan", "-f", "jobs")
	o.says(`^2 created, 0 changed, 0 unchanged\n$`, "apply", "-f", "jobs")
	o.says(`(?s)^JOB +STATUS.*nightly-report +active.*02:00 every day, Asia/Shanghai\n`, "get")
	o.says(`^nightly-report\n$`, "get", "--tag", "billing", "-o", "name")
	o.says(`(?m)^name: 每日报告$`, "get", "nightly-report", "-o", "yaml")
	o.says(`每日报告 +billing +GET http`, "get", "-o", "wide")
	o.says(`(?s)Schedule +at 02:00 every day.*Next +\S+T02:00:00\+08:00`, "describe", "nightly-report")
	o.says(`^nightly-report paused\n$`, "pause", "nightly-report", "--until", "2h", "--reason", "moving")
	o.says(`paused.*\(moving\) until`, "explain", "nightly-report")
	o.says(`^nightly-report resumed; next`, "resume", "nightly-report")
	o.says(`^pause: 1 of 1 jobs\n$`, "pause", "--tag", "billing", "--yes")
	o.says(`(?s)succeeded \(ok\)`, "run", "ping", "--wait")
	o.says(`(?s)ping +\S+ \S+ +succeeded +ok`, "runs", "ping")
	o.says(`(?s)manual succeeded \(ok\).*attempt 1: 200 ok`, "logs", "ping")
	o.says(`It succeeded: the target answered`, "explain", "ping")
	ids, _ := o.does(0, "runs", "ping", "-o", "name")
	o.says(`succeeded`, "replay", strings.TrimSpace(ids), "--wait")
	o.says(`^\d+ runs would be made\n$`, "backfill", "nightly-report", "--start", "72h", "--dry-run")
	o.says(`(?m)^at 02:00 every day, Asia/Shanghai\n  \d{4}-\d\d-\d\dT02:00:00\+08:00\n`, "preview", "0 2 * * *", "--zone", "Asia/Shanghai")
	o.says(`(?m)^- schedule:|^  - id:|url: https://example.com/ping`, "parse", "*/5 * * * * curl -fsS https://example.com/ping")
	o.says(`(?m)^key +ok +scope admin$`, "doctor")
	exported, _ := o.does(0, "export")
	o.write("all.yaml", exported)
	o.says(`^0 created, 0 changed, 2 unchanged\n$`, "apply", "-f", "all.yaml")
	o.does(0, "export", "-f", "all.json")
	o.does(1, "export", "-f", "all.json") // it is there
	o.says(`^ping deleted\n$`, "delete", "ping", "--yes")

	// What is wrong ends with its own code.
	o.does(4, "get", "nothing")
	o.does(4, "runs", "nothing")
	o.does(4, "explain", "nothing")
	o.does(64, "get", "--nothing")
	o.does(64, "delete", "nightly-report")
	o.does(64, "pause")
	o.does(64, "apply")
	o.does(64, "get", "--url", "ftp://nowhere")
	o.does(7, "get", "--url", "http://"+freeAddress(t))
	o.does(1, "preview", "99 * * * *")
	o.write("one.yaml", "id: nightly-report\nschedule: {type: interval, every: 10s}\nrequest: {url: \"http://127.0.0.1:1\"}\n")
	o.does(5, "create", "-f", "one.yaml")
	o.write("refused.yaml", "id: refused\nschedule: {type: date, at: \"2999-01-01T00:00:00Z\"}\nrequest: {url: \"http://127.0.0.1:1\"}\npolicy: {retry: {max_attempts: 1}}\n")
	o.says(`^refused created; next 2999-01-01`, "create", "-f", "refused.yaml")
	o.does(3, "run", "refused", "--wait")
	o.says(`It failed: nothing listens at the target's address`, "explain", "refused")
	o.write("faulty/b.yaml", "- id: a\n  schedule: {type: cron, expression: \"99 * * * *\"}\n  request: {url: \"http://127.0.0.1:1\"}\n")
	if _, text := o.does(1, "apply", "-f", "faulty"); !strings.Contains(text, "faulty/b.yaml: jobs[0]: schedule.expression: ") {
		t.Errorf("the faulty field is told as %s", text)
	}
}

// TestSchedctl_Plan wants the plan in a person's words, and nothing applied of one that is out of date.
func TestSchedctl_Plan(t *testing.T) {
	t.Parallel()
	_, o, _ := serve(t)
	o.write("jobs.yaml", nightly(2, "http://127.0.0.1:1/a"))
	o.does(0, "apply", "-f", "jobs.yaml")
	if out, _ := o.does(0, "plan", "-f", "jobs.yaml"); out != "0 to create, 0 to change, 2 unchanged\n" {
		t.Errorf("the plan of what is there already is %q", out)
	}
	o.write("jobs.yaml", nightly(3, "http://127.0.0.1:1/a"))
	out, _ := o.does(2, "plan", "-f", "jobs.yaml", "--out", "plan.json")
	if !regexp.MustCompile(`^nightly-report: 02:00 → 03:00 Asia/Shanghai; next .*03:00 instead of .*02:00\n`).MatchString(out) {
		t.Errorf("the plan says %q", out)
	}
	o.does(2, "diff", "-f", "jobs.yaml")

	// Somebody changes the job: the plan is refused, and nothing of it is applied.
	o.does(0, "pause", "nightly-report")
	if _, text := o.does(5, "apply", "--plan", "plan.json"); !strings.Contains(text, "nothing was imported: jobs were changed after the plan was made") {
		t.Errorf("the old plan is refused with %q", text)
	}
	o.says(`at 02:00 every day`, "get", "nightly-report")
	o.does(0, "resume", "nightly-report")

	// A new plan is applied. The runs of a job do not put it out of date.
	o.does(2, "plan", "-f", "jobs.yaml", "--out", "plan.json")
	o.does(3, "run", "nightly-report", "--wait")
	o.says(`^0 created, 1 changed, 1 unchanged\n$`, "apply", "--plan", "plan.json")
	o.says(`at 03:00 every day`, "get", "nightly-report")
	o.does(5, "apply", "--plan", "plan.json")
	o.does(5, "apply", "--plan", "plan.json", "--url", "http://"+freeAddress(t))

	// A credential is in no plan that people read.
	o.write("jobs.yaml", strings.Replace(nightly(3, "http://127.0.0.1:1/a"), "hidden-token", "other-token", 1))
	for _, command := range []string{"plan", "diff"} {
		for _, format := range []string{"table", "json", "yaml"} {
			if out, err := o.does(2, command, "-f", "jobs.yaml", "-o", format); strings.Contains(out+err, "-token") {
				t.Errorf("%s -o %s shows the credential:\n%s", command, format, out)
			}
		}
	}
}

// TestSchedctl_Scopes tries commands with a key of each scope, from the environment and from profiles.
func TestSchedctl_Scopes(t *testing.T) {
	t.Parallel()
	s, o, _ := serve(t)
	o.does(0, "apply", "-f", o.write("jobs.yaml", nightly(2, s.url+"/healthz")))
	admin, _ := o.does(0, "keys", "create", "--name", "root", "--scope", "admin")
	admin = strings.TrimSpace(admin)
	root := o.as("SCHEDCTL_KEY=" + admin)
	s.until("a key is needed", func() (bool, string) { status, _ := s.call("GET", "/api/v1/jobs", nil); return status == 401, "" })
	o.does(6, "get")
	commands := []struct {
		scope string
		args  []string
	}{
		{"read", []string{"get"}}, {"read", []string{"runs"}}, {"read", []string{"export"}},
		{"run", []string{"run", "ping", "--wait"}},
		{"write", []string{"pause", "nightly-report"}}, {"write", []string{"apply", "-f", "jobs.yaml"}},
		{"admin", []string{"keys", "list"}}, {"admin", []string{"secrets", "list"}},
	}
	scopes := []string{"read", "run", "write", "admin"}
	profiles := "current: read\nprofiles:\n"
	for i, scope := range scopes {
		out, _ := root.does(0, "keys", "create", "--name", scope, "--scope", scope, "-o", "json")
		var key struct{ Key string }
		if err := json.Unmarshal([]byte(out), &key); err != nil {
			t.Fatal(err)
		}
		o.write(".config/schedctl/"+scope+".key", key.Key+"\n")
		profiles += fmt.Sprintf("  %s: {url: %q, key_file: %s.key}\n", scope, s.url, scope)
		holder := o.as("SCHEDCTL_KEY=" + key.Key)
		holder.says(`(?m)^key +ok +scope `+scope+`$`, "doctor")
		for _, command := range commands {
			code := 6
			for _, allowed := range scopes[:i+1] {
				if allowed == command.scope {
					code = 0
				}
			}
			holder.does(code, command.args...)
		}
	}
	o.write(".config/schedctl/config.yaml", profiles)
	o.does(0, "get")
	o.does(6, "keys", "list")
	o.does(0, "keys", "list", "--profile", "admin")
	o.does(64, "get", "--profile", "nothing")
	other := freeAddress(t) // the profile's key is not sent to another server
	o.does(7, "get", "--url", "http://"+other)
	list, _ := root.does(0, "keys", "list", "-o", "name")
	root.does(0, "keys", "delete", strings.Fields(list)[0], "--yes")
}

// TestSchedctl_Terminal drives what asks at a terminal.
func TestSchedctl_Terminal(t *testing.T) {
	t.Parallel()
	_, o, _ := serve(t)
	o.write("jobs.yaml", nightly(2, "http://127.0.0.1:1"))
	o.converse(1, "apply", "-f", "jobs.yaml").expect("2 to create").expect("Apply? [y/N]").answer("n").ends("nothing was done")
	o.converse(0, "apply", "-f", "jobs.yaml").expect("Apply? [y/N]").answer("y").ends("2 created")
	o.converse(0, "get").ends("\x1b[32mactive\x1b[0m")
	o.as("NO_COLOR=1").says(`(?s)nightly-report +active`, "get")
	if out, _ := o.does(0, "get"); strings.Contains(out, "\x1b") {
		t.Errorf("there are colours without a terminal: %q", out)
	}
	secret := o.converse(0, "secrets", "set", "CRM_TOKEN").expect("Value of CRM_TOKEN: ").answer("t0p-s3cret").ends("CRM_TOKEN set")
	if strings.Contains(secret, "t0p-s3cret") {
		t.Errorf("the terminal shows the secret: %q", secret)
	}
	o.says(`CRM_TOKEN +any`, "secrets", "list")
	o.does(0, "secrets", "delete", "CRM_TOKEN", "--yes")
	o.converse(1, "delete", "ping").expect("Delete ping? [y/N]").answer("").ends("nothing was done")
	o.converse(0, "delete", "ping").expect("Delete ping? [y/N]").answer("yes").ends("ping deleted")

	// An editor that first writes what the server refuses, and then mends it.
	editor := o.write("editor", "#!/bin/sh\nif grep -q '99 2' \"$1\"; then grep -q '^#! .*expression' \"$1\" && sed -i 's/99 2/30 4/' \"$1\"; else sed -i 's/0 2 /99 2 /' \"$1\"; fi\n")
	if err := os.Chmod(editor, 0o700); err != nil {
		t.Fatal(err)
	}
	o.as("EDITOR="+editor).says(`^nightly-report changed`, "edit", "nightly-report")
	o.says(`at 04:30 every day`, "get", "nightly-report")
	o.as("EDITOR=true").does(1, "edit", "nightly-report")
}

// conversation is a command at a terminal.
type conversation struct {
	o      *operator
	code   int
	cmd    *exec.Cmd
	screen *os.File
	seen   []byte
	from   int
	news   chan []byte
}

func (o *operator) converse(code int, args ...string) *conversation {
	o.t.Helper()
	cmd := o.command(args...)
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 200})
	if err != nil {
		o.t.Fatal(err)
	}
	c := &conversation{o: o, code: code, cmd: cmd, screen: screen, news: make(chan []byte)}
	go func() {
		defer close(c.news)
		for {
			part := make([]byte, 4096)
			n, err := screen.Read(part)
			if n > 0 {
				c.news <- part[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	return c
}

// expect waits until the terminal shows a text.
func (c *conversation) expect(text string) *conversation {
	c.o.t.Helper()
	deadline := time.After(time.Minute)
	for {
		if i := bytes.Index(c.seen[c.from:], []byte(text)); i >= 0 {
			c.from += i + len(text)
			return c
		}
		select {
		case part, more := <-c.news:
			if !more {
				c.o.t.Fatalf("%v ended without %q:\n%s", c.cmd.Args[1:], text, c.seen)
			}
			c.seen = append(c.seen, part...)
		case <-deadline:
			c.o.t.Fatalf("%v never showed %q:\n%s", c.cmd.Args[1:], text, c.seen)
		}
	}
}

func (c *conversation) answer(line string) *conversation {
	if _, err := c.screen.WriteString(line + "\n"); err != nil {
		c.o.t.Fatal(err)
	}
	return c
}

// ends waits for a text and the end, and answers all that was shown.
func (c *conversation) ends(text string) string {
	c.o.t.Helper()
	c.expect(text)
	for part := range c.news {
		c.seen = append(c.seen, part...)
	}
	_ = c.cmd.Wait() // its code is looked at
	_ = c.screen.Close()
	if got := c.cmd.ProcessState.ExitCode(); got != c.code {
		c.o.t.Errorf("%v: exit code %d, want %d\n%s", c.cmd.Args[1:], got, c.code, c.seen)
	}
	return string(c.seen)
}

// TestSchedctl_Follow watches a run that is made meanwhile, and ends well when it is interrupted.
func TestSchedctl_Follow(t *testing.T) {
	t.Parallel()
	tg := newTarget(t)
	s, o, _ := serve(t)
	o.does(0, "apply", "-f", o.write("jobs.yaml", nightly(2, tg.URL)))
	for _, one := range []struct {
		args []string
		want string
	}{
		{[]string{"watch", "-o", "json"}, `"state":"succeeded"`},
		{[]string{"logs", "ping", "-f", "--tail", "0"}, "manual succeeded (ok)"},
	} {
		cmd := o.command(one.args...)
		out, err := os.Create(filepath.Join(o.folder, "followed"))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.until(fmt.Sprint(one.args, " shows a run"), func() (bool, string) { // a run before it listens is told to nobody
			o.does(0, "run", "ping", "--wait")
			text, err := os.ReadFile(out.Name())
			return err == nil && strings.Contains(string(text), one.want), string(text)
		})
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v ended with %v", one.args, err)
		}
		out.Close()
	}
}

// TestSchedctl_Completion loads the script into a shell and lets it complete.
func TestSchedctl_Completion(t *testing.T) {
	t.Parallel()
	_, o, _ := serve(t)
	o.does(0, "apply", "-f", o.write("jobs.yaml", nightly(2, "http://127.0.0.1:1")))
	for _, one := range []struct{ words, want string }{
		{"schedctl keys ''", "list create delete"},
		{"schedctl describe n", "nightly-report"},
		{"schedctl get -o y", "yaml"},
		{"schedctl get --last", "--last-state"},
		{"schedctl completion f", "fish"},
		{"schedctl apply nothing", ""},
	} {
		script := `source <(schedctl completion bash); COMP_WORDS=(` + one.words + `); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _schedctl; echo "${COMPREPLY[*]}"`
		cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
		cmd.Env = o.env
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != one.want {
			t.Errorf("%s: got %q and %v, want %q", one.words, got, err, one.want)
		}
	}
	for _, shell := range []string{"zsh", "fish"} {
		script, _ := o.does(0, "completion", shell)
		if _, err := exec.LookPath(shell); err != nil {
			continue // its script is only printed here
		}
		cmd := exec.CommandContext(t.Context(), shell, "-n", o.write("script."+shell, script))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s cannot read its script: %v\n%s", shell, err, out)
		}
	}
}

// TestSchedctl_ApplyMany applies 10,000 jobs of a hundred files at once. How long it takes is logged: 5 s is the promise.
func TestSchedctl_ApplyMany(t *testing.T) {
	t.Parallel()
	_, o, _ := serve(t)
	for file := range 100 {
		var text strings.Builder
		text.WriteString("jobs:\n")
		for n := range 100 {
			fmt.Fprintf(&text, "- id: job-%d-%d\n  schedule: {type: cron, expression: \"%d %d * * *\"}\n  request: {url: \"http://127.0.0.1:1/%d\"}\n", file, n, n%60, file%24, n)
		}
		o.write(fmt.Sprintf("many/%d.yaml", file), text.String())
	}
	for _, want := range []string{"10000 created, 0 changed, 0 unchanged\n", "0 created, 0 changed, 10000 unchanged\n"} {
		begin := time.Now()
		if out, _ := o.does(0, "apply", "-f", "many"); out != want {
			t.Errorf("got %q, want %q", out, want)
		}
		t.Logf("%s in %s", strings.TrimSpace(want), time.Since(begin).Round(time.Millisecond))
	}
}
