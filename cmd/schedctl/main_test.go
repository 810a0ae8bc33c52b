package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/trigger"
)

// commands are all commands by their names, "keys list".
func commands(t *testing.T) map[string]*kong.Node {
	t.Helper()
	parser, err := kong.New(new(cli))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*kong.Node{}
	for _, leaf := range parser.Model.Leaves(true) {
		found[strings.TrimSpace(strings.TrimPrefix(leaf.FullPath(), parser.Model.Name))] = leaf
	}
	if len(found) < 25 {
		t.Fatalf("only %d commands were found", len(found))
	}
	return found
}

// TestHelp_EveryCommandHasAnExample holds --help and docs/schedctl.md against the commands.
func TestHelp_EveryCommandHasAnExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/schedctl.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, node := range commands(t) {
		if !strings.Contains(node.Detail, "Example:\n\n\t") || !strings.Contains(node.Detail, "schedctl "+name) {
			t.Errorf("schedctl %s --help has no example of it", name)
		}
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/schedctl.md does not list `%s`", name)
		}
	}
	for _, code := range []int{0, exitFailed, exitChanges, exitRunFailed, exitNotFound, exitConflict, exitNotAllowed, exitUnavailable, exitUsage, exitInterrupted} {
		if !strings.Contains(string(page), fmt.Sprintf("\n| %d | ", code)) || !strings.Contains(helpOfEveryExit, fmt.Sprintf(" %d ", code)) {
			t.Errorf("the exit code %d is not in docs/schedctl.md and in --help", code)
		}
	}
}

// TestBuild_LinksNoSQL builds as a release does, without C.
func TestBuild_LinksNoSQL(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		for _, part := range []string{"sqlite", "jackc/pgx", "jmoiron/sqlx", "gofiber", "hibiken/asynq", "go-redis", "schedule-server/pkg/store", "schedule-server/pkg/queue"} {
			if strings.Contains(path, part) || path == "database/sql" {
				t.Errorf("schedctl links %s", path)
			}
		}
	}
}

func TestScheduleChange(t *testing.T) {
	now := time.Date(2026, 11, 27, 4, 0, 0, 0, time.UTC) // a Friday noon in Shanghai
	s := &session{now: func() time.Time { return now }}
	cron := func(expression, zone string) trigger.Spec {
		return trigger.Spec{Type: trigger.TypeCron, Expression: expression, TimeZone: zone}
	}
	every := func(text string) trigger.Spec {
		d, err := trigger.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		anchor := trigger.Instant(0)
		return trigger.Spec{Type: trigger.TypeInterval, Every: d, Anchor: &anchor}
	}
	end := trigger.InstantOf(now.Add(-time.Hour))
	over := cron("0 3 * * *", "UTC")
	over.EndAt = &end
	for _, one := range []struct {
		name, want    string
		before, after trigger.Spec
	}{
		{"another hour", "02:00 → 03:00 Asia/Shanghai; next Sat 03:00 instead of 02:00", cron("0 2 * * *", "Asia/Shanghai"), cron("0 3 * * *", "Asia/Shanghai")},
		{"another weekday", "Monday → Tuesday UTC; next Tue 02:00 instead of Mon 02:00", cron("0 2 * * mon", ""), cron("0 2 * * tue", "")},
		{"another step", "every 5 minutes → every 10 minutes; next Fri 04:10 instead of 04:05", every("5m"), every("10m")},
		{"another zone", "at 02:00 every day, UTC → at 02:00 every day, Asia/Shanghai; next Sat 02:00 instead of 10:00", cron("0 2 * * *", ""), cron("0 2 * * *", "Asia/Shanghai")},
		{"it ends", "at 03:00 every day, UTC → at 03:00 every day, UTC; until 2026-11-27 03:00; never fires again", cron("0 3 * * *", "UTC"), over},
	} {
		if diff := cmp.Diff(one.want, s.scheduleChange("job", one.before, one.after)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", one.name, diff)
		}
	}
}

func TestDocuments(t *testing.T) {
	s := &session{ctx: t.Context()}
	for _, one := range []struct {
		name, file, data, want string
	}{
		{"one job", "a.yaml", "id: a\n", `a.yaml={"id":"a"}`},
		{"a list", "a.yaml", "- id: a\n- id: b\n", `a.yaml: jobs[0]={"id":"a"} a.yaml: jobs[1]={"id":"b"}`},
		{"a file of jobs", "a.json", `{"jobs":[{"id":"a"}]}`, `a.json: jobs[0]={"id":"a"}`},
		{"none", "a.yaml", "jobs: []\n", ``},
		{"a day stays a day", "a.yml", "id: a\ndates: [2026-12-25]\n", `a.yml={"id":"a","dates":["2026-12-25"]}`},
		{"JSON without a name", "-", `[{"id":"a"}]`, `-: jobs[0]={"id":"a"}`},
		{"broken JSON", "a.json", `{"id":`, `unexpected end of JSON input`},
		{"no job", "a.json", `"a"`, `it is no job, and no list of jobs such as {"jobs": [...]}`},
		{"more members", "a.json", `{"jobs":[],"set":"a"}`, `beside jobs there must be no other member`},
		{"no list", "a.json", `{"jobs":{}}`, `jobs is not a list`},
	} {
		documents, err := s.documents(one.file, []byte(one.data))
		var got []string
		for _, d := range documents {
			got = append(got, d.place+"="+string(d.json))
		}
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != one.want {
			t.Errorf("%s: got %s, want %s", one.name, text, one.want)
		}
	}
}

func TestClean(t *testing.T) {
	if got, want := clean("a\x1b[31mb\tc\u202e每\n"), "a�[31mb    c�每\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
