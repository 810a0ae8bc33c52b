package crontab_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"schedule-server/pkg/crontab"
)

// accounted wants every line to be a job or skipped, once, unless it is blank, a comment or a setting.
// A line that only begins as a setting may be skipped.
func accounted(t *testing.T, text string) *crontab.File {
	t.Helper()
	file, err := crontab.Parse(context.Background(), text, options())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]int{}
	for _, entry := range file.Jobs {
		for i := range entry.Lines {
			seen[entry.Line+i]++
		}
	}
	for _, s := range file.Skipped {
		seen[s.Line]++
		if s.Reason == "" {
			t.Errorf("line %d of %q is skipped without a reason", s.Line, text)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		got := seen[i+1]
		delete(seen, i+1)
		switch {
		case line == "" || line[0] == '#':
			if got != 0 {
				t.Errorf("line %d of %q is accounted for %d times, and says nothing", i+1, text, got)
			}
		case likeSetting.MatchString(line):
			if got > 1 {
				t.Errorf("line %d of %q is accounted for %d times", i+1, text, got)
			}
		case got != 1:
			t.Errorf("line %d of %q is accounted for %d times", i+1, text, got)
		}
	}
	if len(seen) > 0 {
		t.Errorf("%q has no lines %v", text, seen)
	}
	return file
}

var likeSetting = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\s*=`)

// kinds of lines: those of the first list say nothing of their own, each of the second is a job or skipped.
var (
	silent = []string{"", "   ", "\t", "# a comment", "#*/5 * * * * curl https://a.example/off", "MAILTO=ops@example.com", "PATH = /usr/bin:/bin",
		"BASE=https://a.example", `LIST="0 1 2 3 4 x"`, "CRON_TZ=Asia/Tokyo", "CRON_TZ=Mars/Olympus", "TZ=UTC", "NUMBERS=1 2 3 4 5 6 7", "LATIN=\xe9", "EMPTY="}
	speaking = []string{"*/5 * * * * curl https://a.example/x", "0 2 * * * root wget -q https://a.example/y", "@daily curl $BASE/z", "@reboot curl https://a.example/",
		"CRON_TZ=Asia/Tokyo 0 9 * * * curl https://a.example/a", "MAILTO=x */5 * * * * curl https://a.example/b", "A=1 B=2 @hourly curl https://a.example/c",
		"CRON_TZ='Asia/Tokyo' 0 9 * * * curl https://a.example/d", "0 0 9 * * mon-fri curl https://a.example/e", `0 3 * * * curl https://a.example/f\`,
		`  -H "A: b"`, "*/5 * * * * curl https://a.example/q?x=a%20b", "61 * * * * curl https://a.example/", "0 9 * * *", "nonsense", "\xff\xfe", "15 3 * * * /usr/local/bin/backup.sh",
		"0 4 * * * curl $LATIN", "<html>", "{", "* * * * * curl 'https://a.example/"}
)

// TestNothingVanishes: for random crontabs the lines that are neither blank nor comments nor settings are exactly the jobs and what is skipped.
func TestNothingVanishes(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 13))
		var lines []string
		want := 0
		for range random.IntN(30) {
			if random.IntN(2) == 0 {
				lines = append(lines, silent[random.IntN(len(silent))])
				continue
			}
			lines = append(lines, speaking[random.IntN(len(speaking))])
			want++
		}
		text := strings.Join(lines, []string{"\n", "\r\n"}[random.IntN(2)])
		file := accounted(t, text)
		got := len(file.Skipped)
		for _, entry := range file.Jobs {
			got += entry.Lines
		}
		if got != want {
			t.Fatalf("of %d lines %d are accounted for:\n%s", want, got, text)
		}
	}
	pieces := []string{"*", "*", " ", " ", " ", "\t", "0", "9", "5", "/", ",", "-", "@daily", "#", "=", "A", "CRON_TZ", "mon", "'", `"`, `\`, "%", "$", "curl ",
		"https://a.example/x", "root ", "\n", "\n", "0 2 * * * curl https://a.example/y", "\xff", "\x00", "~", "<", ">"}
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 14))
		var b strings.Builder
		for range random.IntN(60) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		accounted(t, b.String())
	}
}

// TestSkippedLines wants a reason that helps for lines that were lost, or became jobs that nobody wrote.
func TestSkippedLines(t *testing.T) {
	for line, want := range map[string]string{
		"CRON_TZ=Asia/Tokyo 0 9 * * * curl https://a.example/": "cron reads it as a setting of CRON_TZ",
		"TZ=Asia/Tokyo 0 9 * * * curl https://a.example/":      "cron reads it as a setting of TZ",
		"MAILTO=x */5 * * * * curl https://a.example/":         "cron reads it as a setting of MAILTO",
		"0 0 9 * * mon-fri curl https://a.example/":            "more than five fields",
		"0 0 9 * * mon curl https://a.example/":                "more than five fields",
		"0 0 2 * * sun /usr/bin/wget https://a.example/":       "more than five fields",
		"0 */5 * * * * curl https://a.example/":                "more than five fields",
		"*/10 * * * * * * curl https://a.example/":             "more than five fields",
		"0 0 12 * * ? curl https://a.example/":                 "more than five fields",
		"*/5 * * * * torsocks curl https://a.example/":         "it calls torsocks",
		"*/5 * * * * echo curl https://a.example/":             "it calls echo",
		"*/5 * * * * xargs curl https://a.example/":            "it calls xargs",
		"0 3 * * * root /opt/x.sh":                             "it calls x.sh",
		`0 3 * * * curl https://a.example/x\`:                  "cron does not join lines",
		"*/5 * * * * curl https://a.example/q?x=a%20b":         "write",
		`*/5 * * * * curl "https://a.example/q?x=a%20b"`:       "cron ends a command at the first %",
		"*/5 * * * * curl https://a.example/\xe9":              "not UTF-8",
		"0 9 * * *":                          "not a crontab line",
		"61 * * * * curl https://a.example/": "minute",
		"CRON_TZ=Mars/Olympus\n0 9 * * * curl https://a.example/":      "line 1 sets CRON_TZ to \"Mars/Olympus\"",
		"CRON_TZ=\xff\n0 9 * * * curl https://a.example/":              "line 1 sets CRON_TZ",
		"BASE=https://a.example\nBASE=\xff\n0 9 * * * curl $BASE/":     "BASE has no value",
		"TOKEN=x\n*/5 * * * * sh 'curl https://a.example/'":            "it calls sh",
		"*/5 * * * * curl -d @- https://a.example/ -H $(cat x)%{\"a\"": "contains another",
	} {
		if want == "write" {
			want = "the command does not read its input; cron ends a command at the first % that has no \\ in front, here before \"20b\""
		}
		file := accounted(t, line)
		if len(file.Jobs) != 0 || len(file.Skipped) != 1 || !strings.Contains(file.Skipped[0].Reason, want) {
			t.Errorf("%q gives %d jobs and %+v, want %q", line, len(file.Jobs), file.Skipped, want)
		}
	}
}

// TestLinesBelow wants a line that cannot be read to leave those below it alone.
func TestLinesBelow(t *testing.T) {
	if file := accounted(t, "\uFEFF0 9 * * * curl https://a.example/"); len(file.Jobs) != 1 {
		t.Errorf("a byte order mark: %+v", file)
	}
	file := accounted(t, "CRON_TZ=Asia/Tokyo 0 9 * * * curl https://a.example/a\n0 10 * * * curl https://a.example/b\nCRON_TZ=Mars\n0 11 * * * curl https://a.example/c\n"+
		"CRON_TZ=Europe/Berlin\n0 12 * * * www-data curl https://a.example/d\n0 13 * * * curl https://a.example/e %\n# caf\xe9\n0 14 * * * curl https://a.example/f\n")
	var got []string
	for _, entry := range file.Jobs {
		got = append(got, entry.Definition.Request.URL+" "+entry.Definition.Schedule.TimeZone)
	}
	want := "https://a.example/b , https://a.example/d Europe/Berlin, https://a.example/e Europe/Berlin, https://a.example/f Europe/Berlin"
	if strings.Join(got, ", ") != want || len(file.Skipped) != 2 {
		t.Errorf("%q, skipped %+v", got, file.Skipped)
	}
	if w := file.Jobs[1].Warnings; len(w) != 1 || !strings.Contains(w[0], "www-data") {
		t.Errorf("the user is left out without a word: %q", w)
	}
	if d := file.Jobs[3].Definition.Description; d != "caf\uFFFD" {
		t.Errorf("description %q", d)
	}
}

func TestFormOf(t *testing.T) {
	for text, want := range map[string]crontab.Form{
		"": {}, "\n# x\nA=b\n": {},
		"*/5 * * * * curl a\n@daily x\nA=b\nA=1 0 2 * * * curl a\n0 0 12 * * ? curl a\n61 * * * * curl a": {Entries: 5},
		"web-1\n":                   {Others: 1, Line: 1, Text: "web-1"},
		"\n<!doctype html>\n<html>": {Others: 2, Line: 2, Text: "<!doctype html>"},
		"1 2 3 4 5 6\n7 8 9 1 2 3":  {Others: 2, Line: 1, Text: "1 2 3 4 5 6"},
		"In a crontab:\n\n*/5 * * * * curl a\n\nruns every 5 minutes": {Entries: 1, Others: 2, Line: 1, Text: "In a crontab:"},
	} {
		if got := crontab.FormOf(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// TestRealLines reads what crontabs hold around one call. An arrow stands for the end of a line.
func TestRealLines(t *testing.T) {
	const call = "https://m.example/q"
	for line, want := range map[string]string{
		"*/5 * * * * sleep 30; curl " + call:                                 "30 */5 * * * * | GET | sleep of 30s",
		`*/5 * * * * sleep $((RANDOM \% 60)) && curl ` + call:                "jitter 60s | GET | random sleep",
		"*/5 * * * * flock -n /tmp/l curl " + call:                           "forbid | GET | flock",
		"*/5 * * * * flock /tmp/l curl " + call:                              "queue | GET | flock",
		`*/5 * * * * root flock -xn /tmp/l -c "curl -s ` + call + `"`:        "forbid | GET | flock",
		"*/5 * * * * sh -c 'curl " + call + "'":                              "GET",
		`*/5 * * * * /bin/bash -lc "curl -fsS ` + call + ` || true"`:         "GET | || true",
		"*/5 * * * * curl " + call + " | logger -t x":                        "GET | not piped to logger",
		"*/5 * * * * curl " + call + " || echo x | mail -s y a@b":            "GET | || echo | | mail",
		"*/5 * * * * cd /tmp && curl " + call:                                "GET | the cd",
		"*/5 * * * * curl -F a=b --form-string 'c=@d' " + call:               `POST | name="a" | name="c"`,
		"*/5 * * * * lynx -dump " + call:                                     "GET",
		"*/5 * * * * fetch -qo - " + call:                                    "GET",
		"*/5 * * * * GET " + call:                                            "GET",
		"@every 1h curl " + call:                                             "every 1h | GET | is kept as",
		"-*/5 * * * * root curl " + call:                                     "*/5 * * * * | GET | the -",
		"* * * * * -n -q curl " + call:                                       "* * * * * | GET | -n -q",
		`0 3 * * * curl ` + call + ` \⏎  -H "A: b" \⏎  -d x=1`:               "POST | A=b | the lines 1 to 3",
		`0 3 * * * curl ` + call + `\⏎  -H "A: b"`:                           "GET | A=b | the lines 1 to 2",
		"TZ=Asia/Tokyo⏎0 3 * * * curl " + call:                               "0 3 * * * | line 1 sets TZ",
		`OPTS="-s -m 10"⏎0 3 * * * curl $OPTS ` + call:                       "timeout 10s",
		"0 9 * * MONDAY curl " + call:                                        "0 9 * * mon | is kept as",
		"\ufeff0\u00a09\u3000* * 1\u20135 curl " + call:                      "0 9 * * 1-5 | U+00A0",
		`0 9 * * * curl -d '{"a":"{{ states(1) }}"}' ` + call:                "literal | as it stands",
		"0 9 * * * curl --compressed -H 'Accept-Encoding: gzip, br' " + call: "GET | Accept-Encoding is left out",
		"0 9 * * * curl --url-query 'a=b c' " + call:                         "GET | ?a=b%20c",
		"0 9 * * * Bob.smith curl " + call:                                   "GET | Bob.smith",
	} {
		file := accounted(t, strings.ReplaceAll(line, "⏎", "\n"))
		if len(file.Jobs) != 1 || len(file.Skipped) > 0 {
			t.Errorf("%s gives %d jobs and %v", line, len(file.Jobs), file.Skipped)
			continue
		}
		d := &file.Jobs[0].Definition
		text := fmt.Sprintf("%s | every %s | jitter %s | %s | timeout %s | %s | %s | %s", d.Schedule.Expression, d.Schedule.Every, d.Policy.Jitter,
			d.Policy.ConcurrencyPolicy, d.Policy.AttemptTimeout, d.Request.Method, d.Request.URL, d.Request.Body)
		for name, value := range d.Request.Headers {
			text += " | " + name + "=" + value
		}
		if d.Request.Literal {
			text += " | literal"
		}
		text += " | " + strings.Join(file.Jobs[0].Warnings, " | ")
		for _, part := range strings.Split(want, " | ") {
			if !strings.Contains(text, part) {
				t.Errorf("%s gives %s, which lacks %q", line, text, part)
			}
		}
	}
	for line, want := range map[string]string{
		"*/5 * * * * sleep 90; curl " + call:                   "90s",
		"*/5 * * * * curl " + call + " | sh":                   "another command reads its output",
		"*/5 * * * * curl " + call + " && curl " + call:        "more than one command",
		`0 3 * * * curl ` + call + ` \⏎0 4 * * * curl ` + call: "no line that goes on",
		"*/5 * * * * curl \u201c" + call + "\u201d":            "word processor",
		"0 9 * * * curl -X PURGE " + call:                      "PURGE",
		"0 9 * * * curl " + call + "?d=$(date +\\%F)":          "contains another",
		"0 9 * * * curl -F file=@x " + call:                    "reads a file",
	} {
		file := accounted(t, strings.ReplaceAll(line, "⏎", "\n"))
		if len(file.Skipped) == 0 || !strings.Contains(file.Skipped[0].Reason, want) {
			t.Errorf("%s gives %v, want %q", line, file.Skipped, want)
		}
	}
	for _, comment := range []string{"# m h  dom mon dow   command", "# */5 * * * * curl https://a.example/off"} {
		if file := accounted(t, comment+"\n0 3 * * * curl "+call); len(file.Jobs) != 1 || file.Jobs[0].Definition.Description != "" {
			t.Errorf("%q is the description of a job", comment)
		}
	}
}

// TestOtherShells reads a command as browsers copy it for cmd and for PowerShell.
func TestOtherShells(t *testing.T) {
	const want = `POST https://m.example/q?a=1&b=%20 {"t":"it's 50%"} A=b`
	for name, text := range map[string]string{
		"cmd":        "curl ^\"https://m.example/q?a=1^&b=^%^20^\" ^\r\n  -H ^\"A: b^\" ^\r\n  --data-raw ^\"^{^\\^\"t^\\^\":^\\^\"it's 50^%^\\^\"^}^\"",
		"PowerShell": "curl.exe 'https://m.example/q?a=1&b=%20' `\n  -H 'A: b' `\n  --data-raw \"{`\"t`\":`\"it's 50%`\"}\"",
	} {
		d, _, err := crontab.ParseCommand(text, crontab.Policy())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := fmt.Sprintf("%s %s %s A=%s", d.Request.Method, d.Request.URL, d.Request.Body, d.Request.Headers["A"]); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if _, _, err := crontab.ParseCommand("curl https://a/ ; Invoke-WebRequest x", crontab.Policy()); err == nil || !strings.Contains(err.Error(), "copy it as cURL") {
		t.Errorf("got %v", err)
	}
}
