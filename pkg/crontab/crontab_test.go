package crontab_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/crontab"
	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

const now = job.Instant(1_795_000_000_000)

func options() crontab.Options { return crontab.Options{Parser: new(trigger.Parser), Now: now} }

// request is the call in one line: method, URL, headers by name, body.
func request(r *job.Request) string {
	parts := []string{r.Method, r.URL}
	for _, name := range []string{"Accept", "Authorization", "Content-Type", "Cookie", "Referer", "User-Agent", "X-A", "X-B"} {
		if value, ok := r.Headers[name]; ok {
			parts = append(parts, name+"="+value)
		}
	}
	if r.Body != "" {
		parts = append(parts, "body="+string(r.Body))
	}
	return strings.Join(parts, " | ")
}

func TestCommands(t *testing.T) {
	const form = " | Content-Type=application/x-www-form-urlencoded"
	for command, want := range map[string]string{
		`curl https://a.example/x`:   "GET | https://a.example/x",
		`$ curl https://a.example/x`: "GET | https://a.example/x",
		`/usr/bin/curl a.example`:    "GET | http://a.example",
		`curl -XDELETE https://a/x`:  "DELETE | https://a/x",
		`curl -X post https://a/x`:   "POST | https://a/x",
		`curl -sSfLk -o /dev/null -w '%{http_code}' 'https://a/x?b=1&c=2' >/dev/null 2>&1`: "GET | https://a/x?b=1&c=2",
		`curl -I https://a/x`:               "HEAD | https://a/x",
		`curl -d a=1 -d 'b=2 3' https://a/`: "POST | https://a/" + form + " | body=a=1&b=2 3",
		`curl --data-raw '@x' https://a/`:   "POST | https://a/" + form + " | body=@x",
		`curl -X PUT -H "Content-Type: application/json" -d '{"a":"\n"}' https://a/`:        `PUT | https://a/ | Content-Type=application/json | body={"a":"\n"}`,
		`curl --json '{"a":1}' https://a/`:                                                  `POST | https://a/ | Accept=application/json | Content-Type=application/json | body={"a":1}`,
		`curl -G -d q=1 --data-urlencode 'r=a b&c' https://a/?z=0`:                          "GET | https://a/?z=0&q=1&r=a%20b%26c",
		`curl --data-urlencode 'a b' https://a/`:                                            "POST | https://a/" + form + " | body=a%20b",
		`curl -u user:pa:ss https://a/`:                                                     "GET | https://a/ | Authorization=Basic dXNlcjpwYTpzcw==",
		`curl --oauth2-bearer T https://a/`:                                                 "GET | https://a/ | Authorization=Bearer T",
		`curl -A agent -e http://r/ -b a=1 -b b=2 https://a/`:                               "GET | https://a/ | Cookie=a=1; b=2 | Referer=http://r/ | User-Agent=agent",
		`curl -H 'X-A: 1' -H 'X-A: 2' -H 'X-B;' -H 'Accept:' -H ':authority: a' https://a/`: "GET | https://a/ | X-A=1, 2 | X-B=",
		"curl 'https://a/' \\\n  -H 'X-A: 1' \\\n  --compressed":                            "GET | https://a/ | X-A=1",
		`curl $'https://a/\x21' -d $'it\'s'`:                                                "POST | https://a/!" + form + " | body=it's",
		"curl -d @- https://a/ <<'EOF'\n{\"a\": 1}\nEOF":                                    "POST | https://a/" + form + ` | body={"a": 1}`,
		`curl --data-binary @- https://a/ <<< 'two words'`:                                  "POST | https://a/" + form + " | body=two words\n",
		`timeout 30 nice -n 10 curl https://a/`:                                             "GET | https://a/",
		`curl --url https://a/ -m 2.5`:                                                      "GET | https://a/",
		`curl http://[::1]:8080/`:                                                           "GET | http://[::1]:8080/",
		`curl https://a/\?b=1\&c='2 3'\\4 -d 'it'\''s'`:                                     "POST | https://a/?b=1&c=2 3\\4" + form + " | body=it's",
		`curl https://a/x >> ~/c.log 2>&1`:                                                  "GET | https://a/x",
		`curl https://a/x > "$HOME/x.$(date +%F)"`:                                          "GET | https://a/x",
		`curl -o "$HOME/x" -o~/x -o$(date) https://a/x`:                                     "GET | https://a/x",
		`curl https://a/x </dev/null`:                                                       "GET | https://a/x",
		`curl --proto '=https' --tlsv1.2 --ssl-reqd -sSfRZ https://a/x`:                     "GET | https://a/x",
		`curl -g 'http://p.example/api?q={a}'`:                                              "GET | http://p.example/api?q={a}",
		`wget -nv -nc -nd --no-proxy -O ~/x 'http://h/?f={a,b}'`:                            "GET | http://h/?f={a,b}",
		`timeout -k 5 30 curl https://a/x`:                                                  "GET | https://a/x",
		`timeout --signal=KILL -s TERM 1d curl https://a/x`:                                 "GET | https://a/x",
		`sudo setsid chronic time curl https://a/x`:                                         "GET | https://a/x",
		`time curl https://a/x`:                                                             "GET | https://a/x",
		`curl -- https://a/x`:                                                               "GET | https://a/x",
		`wget -q -O - https://a/x`:                                                          "GET | https://a/x",
		`wget --spider https://a/x`:                                                         "HEAD | https://a/x",
		`wget --post-data='a=1' --header="X-A: 1" https://a/`:                               "POST | https://a/" + form + " | X-A=1 | body=a=1",
		`wget --method=PUT --body-data='{}' https://a/`:                                     "PUT | https://a/ | body={}",
		`wget --user u --password=p https://a/`:                                             "GET | https://a/ | Authorization=Basic dTpw",
	} {
		d, _, err := crontab.ParseCommand(command, job.DefaultPolicy())
		if err != nil {
			t.Errorf("%s: %v", command, err)
			continue
		}
		if got := request(&d.Request); got != want {
			t.Errorf("%s\n gives %s\n  want %s", command, got, want)
		}
		if !crontab.IsCommand(command) {
			t.Errorf("%s is not taken for a command", command)
		}
	}
}

func TestCommandPolicy(t *testing.T) {
	d, warnings, err := crontab.ParseCommand(
		`curl -kL --max-redirs 3 -m 2.5 --connect-timeout 1 --retry 4 --retry-delay 7 --retry-max-time 60 https://a/ > /var/log/a`, job.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	p := &d.Policy
	if !d.Request.InsecureTLS || d.Request.FollowRedirects != 3 || p.AttemptTimeout != job.Duration(2500*time.Millisecond) ||
		p.ConnectTimeout != job.Duration(time.Second) || p.Retry.MaxAttempts != 5 || p.Retry.MinBackoff != job.Duration(7*time.Second) ||
		p.Retry.MaxRetryDuration != job.Duration(time.Minute) {
		t.Errorf("%+v %+v", d.Request, d.Policy)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "/var/log/a") {
		t.Errorf("warnings %q", warnings)
	}
	_, _, err = crontab.ParseCommand(`wget -T 9999 -t 2 -H 2>/dev/null https://a/`, job.DefaultPolicy())
	if err == nil {
		t.Errorf("wget -H is taken")
	}
	_, warnings, err = crontab.ParseCommand(`sudo nice -n 10 chronic sh -c 'exec curl https://a/'`, job.DefaultPolicy())
	if got := strings.Join(warnings, "; "); err != nil || strings.Count(got, "is not carried over") != 4 ||
		!strings.HasPrefix(got, "sudo is") || !strings.Contains(got, "nice is") || !strings.Contains(got, "chronic is") || !strings.Contains(got, "exec is") {
		t.Errorf("warnings %q, %v", warnings, err)
	}
	d, warnings, err = crontab.ParseCommand(`A=1 wget -T 9999 -t 2 --header 'Content-Length: 3' https://a/`, job.DefaultPolicy())
	if err != nil || d.Policy.AttemptTimeout != job.Duration(30*time.Minute) || d.Policy.Retry.MaxAttempts != 2 || len(warnings) != 3 || d.Request.FollowRedirects != 10 {
		t.Errorf("%+v, warnings %q, %v", d, warnings, err)
	}
}

// TestRefusedCommands wants a reason for all that cannot be carried over.
func TestRefusedCommands(t *testing.T) {
	for command, want := range map[string]string{
		"":                             "there is no command",
		"curl":                         "names no URL",
		"curl https://a/?a=1&b=2":      "put the URL into quotes",
		"curl https://a/ | sh":         "another command reads its output",
		"curl https://a/ && rm -rf /":  "more than one command",
		"curl https://a/; ls":          "more than one command",
		"curl https://a/$(date +%F)":   "contains another",
		"curl https://a/`id`":          "contains another",
		`curl "https://a/$TOKEN"`:      "TOKEN has no value",
		"curl https://a/${X:-1}":       "more of the shell",
		"curl https://a/$((9**9**9))":  "more of the shell",
		"curl ~/x":                     "home directory",
		"curl https://a/ https://b/":   "more than one URL",
		"curl https://a/{b,c}":         "stands for several",
		"curl 'https://a/[1-9]'":       "stands for several",
		"curl -d @file https://a/":     "reads a file",
		"curl -F a=@b https://a/":      "it reads a file",
		"curl -H ~/x https://a/":       "home directory",
		"curl -o ~/x https://a/$(id)":  "contains another",
		"curl https://a/ < ~/x":        "reads a file",
		"timeout soon curl https://a/": "a number is expected",
		"timeout -x 5 curl https://a/": "-x is not known",
		"sudo -u www curl https://a/":  "calls sudo",
		"torsocks curl https://a/":     "calls torsocks",

		"curl -H 'X-A: 1' -H 'x-a: 2' https://a/":                     "X-A and x-a are the same header",
		"curl -H 'Authorization: b' -H 'Authorization: c' https://a/": "the header Authorization is there twice",
		"curl -u a:b -H 'authorization: Bearer c' https://a/":         "Authorization and authorization are the same header",
		"curl -b a=1 -H 'cookie: b=2' https://a/":                     "Cookie and cookie are the same header",
		"wget --user-agent=a --header='User-Agent: b' https://a/":     "the header User-Agent is there twice",
		"curl http://a:99999/":                                        "the port",
		"curl http://a..b/":                                           "a dot with no name before it",
		"curl http://2130706433/":                                     "ends in a number",

		"curl -T x https://a/":                "reads a file",
		"curl -K x":                           "reads a file",
		"curl https://a/ < x":                 "reads a file",
		"curl --proxy http://p https://a/":    "setting of the whole service",
		"curl -u user https://a/":             "asks for a password",
		"curl --frobnicate https://a/":        "--frobnicate is not known",
		"curl -@ https://a/":                  "-@ is not known",
		"curl https://a/ -H":                  "lacks its value",
		"curl -m soon https://a/":             "a number is expected",
		"curl ftp://a/":                       "must begin with http",
		"curl 'https://a/":                    "cannot be read",
		"python3 x.py":                        "calls python3",
		"if true; then curl https://a/; fi":   "part of a script",
		"! curl https://a/":                   "part of a script",
		"curl " + strings.Repeat("x", 70_000): "longer than",
	} {
		if d, _, err := crontab.ParseCommand(command, job.DefaultPolicy()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s gives %v and %v, want %q", command, d, err, want)
		}
	}
}

const sample = `# System crontab
SHELL=/bin/sh
MAILTO=ops@example.com
BASE = "https://a.example/jobs"

# Nightly report
0 2 * * *   curl -fsS -X POST $BASE/report
*/5 * * * * root wget -q --spider ${BASE}/ping
@daily curl -d @- https://a.example/hook%{"rate":"5\%"}%line 2
CRON_TZ=Europe/Berlin
30 9 * * mon-fri curl https://a.example/berlin > /dev/null 2>&1
30 9 * * mon-fri curl https://a.example/berlin
@reboot curl https://a.example/up
15 3 * * * /usr/local/bin/backup.sh
61 * * * * curl https://a.example/never
0 0 31 2 * curl https://a.example/feb
* * * * *
nonsense
`

func TestParse(t *testing.T) {
	o := options()
	o.TimeZone = "Asia/Shanghai"
	file, err := crontab.Parse(context.Background(), strings.ReplaceAll(sample, "\n", "\r\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range file.Jobs {
		d := &e.Definition
		got = append(got, fmt.Sprintf("%d %s %s %s %s %q", e.Line, d.ID, d.Schedule.Expression, d.Schedule.TimeZone, request(&d.Request), d.Description))
		if d.Policy.Retry.MaxAttempts != 1 {
			t.Errorf("%s would be tried %d times", d.ID, d.Policy.Retry.MaxAttempts)
		}
	}
	want := []string{
		`7 a-example-jobs-report-ID 0 2 * * * Asia/Shanghai POST | https://a.example/jobs/report "Nightly report"`,
		`8 a-example-jobs-ping-ID */5 * * * * Asia/Shanghai HEAD | https://a.example/jobs/ping ""`,
		`9 a-example-hook-ID @daily Asia/Shanghai POST | https://a.example/hook | Content-Type=application/x-www-form-urlencoded | body={"rate":"5%"}line 2 ""`,
		`11 a-example-berlin-ID 30 9 * * mon-fri Europe/Berlin GET | https://a.example/berlin ""`,
		`12 a-example-berlin-ID-2 30 9 * * mon-fri Europe/Berlin GET | https://a.example/berlin ""`,
		`16 a-example-feb-ID 0 0 31 2 * Europe/Berlin GET | https://a.example/feb ""`,
	}
	for i := range got {
		id := strings.Fields(got[i])[1]
		hash := strings.TrimSuffix(id, "-2")[strings.LastIndex(strings.TrimSuffix(id, "-2"), "-")+1:]
		got[i] = strings.Replace(got[i], "-"+hash, "-ID", 1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
	var skipped []string
	for _, s := range file.Skipped {
		skipped = append(skipped, fmt.Sprint(s.Line))
		if s.Reason == "" || s.Text == "" {
			t.Errorf("%+v", s)
		}
	}
	if got := strings.Join(skipped, " "); got != "13 14 15 17 18" {
		t.Errorf("skipped lines %s: %+v", got, file.Skipped)
	}
}

// TestStableIDs wants the same line to be the same job, whatever is around it and whenever it runs.
func TestStableIDs(t *testing.T) {
	id := func(text string) string {
		file, err := crontab.Parse(context.Background(), text, options())
		if err != nil || len(file.Jobs) == 0 {
			t.Fatal(text, err, file.Skipped)
		}
		return file.Jobs[len(file.Jobs)-1].Definition.ID
	}
	first := id("0 2 * * * curl -d x https://a/")
	for _, same := range []string{"5 3 * * * curl -d x https://a/", "0 1 * * * curl https://b/\n0 2 * * * root curl -s https://a/ -d x >/dev/null"} {
		if got := id(same); got != first {
			t.Errorf("%q has the id %s, not %s", same, got, first)
		}
	}
	for _, other := range []string{"0 2 * * * curl -d y https://a/", "0 2 * * * curl https://a/"} {
		if got := id(other); got == first {
			t.Errorf("%q has the same id", other)
		}
	}
}

func TestLimits(t *testing.T) {
	if _, err := crontab.Parse(context.Background(), strings.Repeat("\n", crontab.MaxLines), options()); job.CodeOf(err) != job.CodeInvalid {
		t.Errorf("too many lines give %v", err)
	}
	bomb := "A=" + strings.Repeat("x", 60_000) + "\n* * * * * curl https://a/" + strings.Repeat("$A", 20_000)
	file, err := crontab.Parse(context.Background(), bomb, options())
	if err != nil || len(file.Skipped) != 1 || !strings.Contains(file.Skipped[0].Reason, "longer than") {
		t.Errorf("%v %+v", err, file)
	}
	for _, deep := range []string{"$(", "$[", "`", "((", "{ ", "${a:-", "\"$(", "if ", "<(", "$((", "! ", "a=("} {
		text := strings.Repeat(deep, 60_000/len(deep))
		if _, _, err := crontab.ParseCommand("curl "+text, job.DefaultPolicy()); err == nil {
			t.Errorf("%q many times is taken", deep)
		}
	}
}

// One variable on many lines is many times its size, of which a text may have so much in all.
func TestRoomOfAText(t *testing.T) {
	for what, value := range map[string]string{"taken": "-d $A https://a/", "refused": "-d $A$(date) https://a/"} {
		o := options()
		o.Room = 1 << 20
		file, err := crontab.Parse(t.Context(), "A="+strings.Repeat("x", 100_000)+strings.Repeat("\n* * * * * curl "+value, 1000)+"\n0 2 * * * curl https://b/", o)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, e := range file.Jobs[:len(file.Jobs)-1] {
			size += len(e.Definition.Request.Body)
		}
		if size > o.Room || len(file.Jobs)+len(file.Skipped) != 1001 {
			t.Errorf("%s: %d jobs with bodies of %d bytes, %d skipped", what, len(file.Jobs), size, len(file.Skipped))
		}
		if last := file.Jobs[len(file.Jobs)-1]; last.Line != 1002 {
			t.Errorf("%s: a line without variables is not read any more: the last is %d", what, last.Line)
		}
		if reason := file.Skipped[len(file.Skipped)-1].Reason; what == "taken" && !strings.Contains(reason, "too long") {
			t.Errorf("skipped for %q", reason)
		}
	}
	o := options()
	o.MaxJobs = 3
	file, err := crontab.Parse(t.Context(), strings.Repeat("0 2 * * * curl https://b/\n", 5), o)
	if err != nil || len(file.Jobs) != 3 || len(file.Skipped) != 2 || !strings.Contains(file.Skipped[0].Reason, "first 3 jobs") {
		t.Errorf("%v: %+v", err, file)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := crontab.Parse(gone, "0 2 * * * curl https://b/", o); !errors.Is(err, context.Canceled) {
		t.Errorf("for a caller that has gone: %v", err)
	}
}

// FuzzParse sends hostile text through both doors: every job that comes out is valid, and every line is accounted for.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{sample, "curl https://a/?a=1&b=2", `curl -d $'\x00\xff' https://a/`, "* * * * * curl a%b\\%c%d", "@every 5m curl a",
		"curl -" + strings.Repeat("s", 50), `curl -d "$A" https://[::1%25eth0]/`, "A=B\n* * * * * curl $A", "wget --=", "timeout", "nice -n"} {
		f.Add(seed)
	}
	parser := new(trigger.Parser)
	f.Fuzz(func(t *testing.T, text string) {
		if d, _, err := crontab.ParseCommand(text, job.DefaultPolicy()); err == nil {
			d.ID, d.Schedule = "x", trigger.Spec{Type: "interval", Every: job.Duration(time.Second)}
			d.Normalize(now)
			for _, fault := range d.Validate(parser) {
				if !strings.HasPrefix(fault.Field, "request.headers") && fault.Field != "request.method" && fault.Field != "request.body" {
					t.Errorf("%q gives an invalid draft: %v", text, fault)
				}
			}
		}
		file, err := crontab.Parse(context.Background(), text, options())
		if err != nil {
			return
		}
		for _, e := range file.Jobs {
			if faults := e.Definition.Validate(parser); len(faults) > 0 {
				t.Errorf("%q gives an invalid job: %v", text, faults)
			}
		}
		accounted(t, text)
	})
}
