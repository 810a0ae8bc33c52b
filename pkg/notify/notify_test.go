package notify

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

var at = job.Instant(time.Date(2026, 11, 18, 7, 0, 0, 0, time.UTC).UnixMilli())

func failing(name, answer string, n int) *Message {
	m := &Message{ID: "01MSG", SentAt: at, Language: "en", PublicURL: "https://cron.example.com/base/"}
	code := 503
	for i := range n {
		m.Notices = append(m.Notices, Notice{
			ID: fmt.Sprintf("n%d", i), Transition: Opened, At: at, Count: 1,
			Incident: Incident{ID: fmt.Sprintf("i%d", i), Kind: KindFailing, JobID: name, OpenedAt: at},
			Job:      &About{ID: name, Name: name, URL: "https://example.com/hook", Tags: []string{"a"}, TimeZone: "Asia/Shanghai"},
			Run:      &RunAbout{ID: "01RUN", ScheduledAt: at, State: job.StateFailed, Reason: "status_503", StatusCode: &code, Attempts: 3, Answer: answer},
		})
	}
	return m
}

// settings are good ones of every type.
func settings(t Type) Settings {
	s := Settings{}
	for _, f := range PresetOf(t).Fields {
		switch {
		case f.Name == "secret" && t == Webhook:
			s[f.Name] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		case f.Kind == "url":
			s[f.Name] = "https://robot.example.com/hook/abc?access_token=x"
		case f.Kind == "list":
			s[f.Name] = []any{"ops@example.com"}
		case f.Kind == "address":
			s[f.Name] = "cron@example.com"
		case f.Kind == "port", f.Kind == "choice":
		default:
			s[f.Name] = "SECab/c d"
		}
	}
	return s
}

// The signatures were computed with Python's hmac and base64, by the services' documents.
func TestBuild_Signatures(t *testing.T) {
	m := failing("nightly", "", 1)
	sent := job.Instant(1700000000123)
	c, err := Build(DingTalk, Settings{"url": "https://oapi.dingtalk.com/robot/send?access_token=t", "secret": "SECtest"}, m, sent)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(c.URL)
	if got := u.Query(); got.Get("timestamp") != "1700000000123" || got.Get("sign") != "lrMq5E54T40t3FfGVjxdvoqIbXlWY6mzkZYiVoI6emk=" || got.Get("access_token") != "t" {
		t.Errorf("DingTalk: %v", got)
	}
	if c, err = Build(Feishu, Settings{"url": "https://open.feishu.cn/x", "secret": "demo"}, m, sent); err != nil {
		t.Fatal(err)
	}
	var body struct{ Timestamp, Sign string }
	if err := json.Unmarshal(c.Body, &body); err != nil || body.Timestamp != "1700000000" || body.Sign != "8oT2n3SMKFfEnDoiwer8BUM/SjKLwe9SqoEIHlhDTKo=" {
		t.Errorf("Feishu: %+v %v", body, err)
	}
}

func TestBuild_ShapeOfWebhook(t *testing.T) {
	c, err := Build(Webhook, Settings{"url": "https://example.com/h"}, failing("nightly", "oops", 1), at)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(c.Body, &got); err != nil {
		t.Fatal(err)
	}
	one := got["notifications"].([]any)[0].(map[string]any)
	incident, run := one["incident"].(map[string]any), one["run"].(map[string]any)
	if got["type"] != "notifications" || one["id"] != "n0" || one["transition"] != "opened" || one["count"] != 1.0 || incident["closed_at"] != nil ||
		incident["opened_at"] != "2026-11-18T07:00:00.000Z" || run["status_code"] != 503.0 || run["attempts"] != 3.0 ||
		one["job"].(map[string]any)["url"] != "https://example.com/hook" || !strings.Contains(one["text"].(string), "failed: 503 after 3 attempts") {
		t.Errorf("got %s", c.Body)
	}
	if _, set := c.Header["Authorization"]; set {
		t.Error("an empty setting makes a header")
	}
}

func TestHeadlines(t *testing.T) {
	m := failing("Nightly report", "", 1)
	n := &m.Notices[0]
	check := func(language, want string) {
		t.Helper()
		if got := n.Headline(language); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check("en", "✗ Nightly report failed: 503 after 3 attempts")
	check("zh", "✗ Nightly report 失败：503（共尝试 3 次）")
	closed := at.Add(42 * time.Minute)
	n.Transition, n.At, n.Count, n.Incident.ClosedAt = Closed, closed, 3, &closed
	check("en", "✓ Nightly report works again, after 3 failures in 42 min")
	check("zh", "✓ Nightly report 已恢复，此前失败 3 次，持续 42 min")
	many := failing("j", "", 37)
	for i := range many.Notices {
		many.Notices[i].Job.Name = fmt.Sprint("job ", i)
	}
	if got, want := many.Title(), "✗ 37 jobs failing: job 0, job 1, job 2, job 3, job 4, job 5, job 6, job 7, and 29 more"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if details := m.Notices[0].Details("en", "https://x.example"); !strings.Contains(details, "2026-11-18 15:00:00 CST") || !strings.Contains(details, "Link: https://x.example/runs/01RUN") {
		t.Errorf("details: %s", details)
	}
}

// hostile are names and answers that mean something in one format or another.
var hostile = []string{
	`"}],"x":{`, "<at user_id=\"all\">all</at>", "<!channel> <@U123>", "@everyone @all", "**b** _i_ `c` [l](http://evil)", "{{token}} {{url}} {{sign}}",
	"\x00\x1b[31m\r\nSubject: x", "\u202egnp.exe", "日本語😀" + strings.Repeat("长", 9000), strings.Repeat("<&>", 30000), "\xff\xfe", "", "\\", "%s%d%!",
}

func TestBuild_HostileTexts(t *testing.T) {
	for _, text := range hostile {
		hostileCall(t, text, text, 1)
		hostileCall(t, text, text, 40)
	}
}

func FuzzBuild(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, text, 2)
	}
	f.Fuzz(func(t *testing.T, name, answer string, n int) { hostileCall(t, name, answer, n) })
}

// hostileCall checks that every preset makes valid, bounded JSON of any texts, of the same members as of harmless ones.
func hostileCall(t *testing.T, name, answer string, n int) {
	t.Helper()
	n = max(1, n%50)
	for _, kind := range Types() {
		preset := PresetOf(kind)
		if preset.URL == "" {
			continue
		}
		evil, harmless := failing(name, answer, n), failing("plain", "plain", n)
		for i := range evil.Notices {
			evil.Notices[i].Run.Answer = cut(plain(answer), maxAnswer)
		}
		got, err := Build(kind, settings(kind), evil, at)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		want, _ := Build(kind, settings(kind), harmless, at)
		if got.URL != want.URL && preset.Sign != signDingTalk {
			t.Errorf("%s: the text changes the URL: %s", kind, got.URL)
		}
		if !json.Valid(got.Body) || !utf8.Valid(got.Body) {
			t.Errorf("%s: no JSON: %q", kind, got.Body)
		}
		if preset.MaxText > 0 && len(got.Body) > preset.MaxBytes {
			t.Errorf("%s: %d bytes are more than %d", kind, len(got.Body), preset.MaxBytes)
		}
		if a, b := shapeOf(got.Body), shapeOf(want.Body); a != b && name != "" {
			t.Errorf("%s: the text changes the shape:\n%s\n%s", kind, a, b)
		}
		body := string(got.Body)
		if kind == Slack && (strings.Contains(body, "<!channel>") || strings.Contains(body, "<@U")) ||
			kind == Feishu && strings.Contains(body, "<at") ||
			(kind == DingTalk || kind == WeCom) && strings.Contains(body, "@") {
			t.Errorf("%s: the text calls people: %.300s", kind, body)
		}
	}
}

// shapeOf is a JSON text without its texts.
func shapeOf(data []byte) string {
	var v any
	_ = json.Unmarshal(data, &v)
	var strip func(any) any
	strip = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for key := range v {
				v[key] = strip(v[key])
			}
		case []any:
			for i := range v {
				v[i] = strip(v[i])
			}
		case string:
			return ""
		}
		return v
	}
	text, _ := json.Marshal(strip(v))
	return string(text)
}

// The answers are those of the services' documents.
func TestJudge_DocumentedAnswers(t *testing.T) {
	for _, c := range []struct {
		kind   Type
		status int
		body   string
		want   Verdict
	}{
		{Feishu, 200, `{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`, Verdict{Taken: true, Said: "code 0"}},
		{Feishu, 200, `{"code":11232,"msg":"frequency limited psm"}`, Verdict{After: time.Minute, Said: "code 11232"}},
		{Feishu, 200, `{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}`, Verdict{Final: true, Said: "code 19021"}},
		{DingTalk, 200, `{"errcode":0,"errmsg":"ok"}`, Verdict{Taken: true, Said: "errcode 0"}},
		{DingTalk, 200, `{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`, Verdict{After: 10 * time.Minute, Said: "errcode 130101"}},
		{DingTalk, 200, `{"errcode":310000,"errmsg":"sign not match"}`, Verdict{Final: true, Said: "errcode 310000"}},
		{WeCom, 200, `{"errcode":0,"errmsg":"ok"}`, Verdict{Taken: true, Said: "errcode 0"}},
		{WeCom, 200, `{"errcode":45009,"errmsg":"api freq out of limit"}`, Verdict{After: time.Minute, Said: "errcode 45009"}},
		{WeCom, 200, `{"errcode":93000,"errmsg":"invalid webhook url"}`, Verdict{Final: true, Said: "errcode 93000"}},
		{WeCom, 200, `<html>log in</html>`, Verdict{Said: "no errcode in the answer"}},
		{Slack, 200, `ok`, Verdict{Taken: true}},
		{Slack, 404, `no_service`, Verdict{Final: true}},
		{Slack, 429, `rate_limited`, Verdict{}},
		{Teams, 202, ``, Verdict{Taken: true}},
		{Discord, 204, ``, Verdict{Taken: true}},
		{Discord, 429, `{"message":"You are being rate limited.","retry_after":64.57,"global":false}`, Verdict{After: 64570 * time.Millisecond}},
		{Telegram, 200, `{"ok":true,"result":{"message_id":1}}`, Verdict{Taken: true, Said: "ok true"}},
		{Telegram, 429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}`, Verdict{After: 5 * time.Second, Said: "ok false"}},
		{Telegram, 400, `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`, Verdict{Final: true, Said: "ok false"}},
		{PagerDuty, 202, `{"status":"success","message":"Event processed","dedup_key":"x"}`, Verdict{Taken: true, Said: "status success"}},
		{PagerDuty, 400, `{"status":"invalid event","message":"Event object is invalid","errors":["Length of 'routing_key' is incorrect"]}`, Verdict{Final: true, Said: "status invalid event"}},
		{Ntfy, 200, `{"id":"x","event":"message"}`, Verdict{Taken: true}},
		{Bark, 200, `{"code":200,"message":"success","timestamp":1}`, Verdict{Taken: true, Said: "code 200"}},
		{Bark, 400, `{"code":400,"message":"failed to get device token","timestamp":1}`, Verdict{Final: true, Said: "code 400"}},
		{Alertmanager, 200, ``, Verdict{Taken: true}},
		{Webhook, 500, ``, Verdict{}},
		{Webhook, 410, ``, Verdict{Final: true}},
	} {
		if got := c.kind.Judge(c.status, []byte(c.body)); got != c.want {
			t.Errorf("%s %d %s: got %+v, want %+v", c.kind, c.status, c.body, got, c.want)
		}
	}
}

func TestQuietUntil(t *testing.T) {
	q := &Quiet{From: "22:00", To: "08:00", TimeZone: "Asia/Shanghai"}
	moment := func(text string) job.Instant {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return job.Instant(v.UnixMilli())
	}
	for _, c := range []struct{ at, want string }{
		{"2026-11-18T21:59:00+08:00", "2026-11-18T21:59:00+08:00"}, {"2026-11-18T22:00:00+08:00", "2026-11-19T08:00:00+08:00"},
		{"2026-11-19T03:00:00+08:00", "2026-11-19T08:00:00+08:00"}, {"2026-11-19T08:00:00+08:00", "2026-11-19T08:00:00+08:00"},
	} {
		if got := q.Until(moment(c.at)); got != moment(c.want) {
			t.Errorf("%s: got %v, want %s", c.at, got, c.want)
		}
	}
}

func TestTargets(t *testing.T) {
	no := false
	rules := &Rules{[]Rule{
		{ID: "all", Channels: []string{"ops"}},
		{ID: "third", After: 3, Channels: []string{"boss", "ops"}, Close: &no},
		{ID: "missed", Kinds: []Kind{KindMissed}, Channels: []string{"log"}},
	}}
	all := map[int]bool{0: true, 1: true, 2: true}
	told := func(s Situation, tr Transition) string {
		var list []string
		for _, one := range rules.Targets(&s, tr) {
			list = append(list, one.Channel)
		}
		return strings.Join(list, " ")
	}
	for _, c := range []struct {
		s    Situation
		tr   Transition
		want string
	}{
		{Situation{Kind: KindFailing, Count: 1, Matches: all}, Opened, "ops"},
		{Situation{Kind: KindFailing, Count: 3, Matches: all, Told: map[string]bool{"ops": true}}, Opened, "boss"},
		{Situation{Kind: KindFailing, Count: 5, Matches: all, Told: map[string]bool{"ops": true, "boss": true}}, Closed, "ops"},
		{Situation{Kind: KindFailing, Count: 1, Matches: all}, Closed, ""},
		{Situation{Kind: KindMissed, Count: 1, Matches: all}, Opened, "log"},
		{Situation{Kind: KindFailing, Count: 1, Matches: all, Own: job.Notify{Rules: job.NotifyNone}}, Opened, ""},
		{Situation{Kind: KindFailing, Count: 1, Own: job.Notify{Channels: []string{"mine"}}}, Opened, "mine"},
		{Situation{Kind: KindFailing, Count: 1, Own: job.Notify{Channels: []string{"mine"}, After: 2}}, Opened, ""},
		{Situation{Kind: KindService, Count: 1, Except: "ops"}, Opened, "boss"},
	} {
		if got := told(c.s, c.tr); got != c.want {
			t.Errorf("%+v %s: got %q, want %q", c.s, c.tr, got, c.want)
		}
	}
}

func TestChannel_ValidateAndShow(t *testing.T) {
	for _, kind := range Types() {
		c := Channel{ID: "x", Kind: kind, Language: "zh", Settings: settings(kind)}
		if faults := c.Validate(); len(faults) > 0 {
			t.Errorf("%s: %v", kind, faults)
		}
		text, _ := json.Marshal(c.Shown())
		if strings.Contains(string(text), "abc") || strings.Contains(string(text), "SECab") && kind != Telegram && kind != Email && kind != Bark {
			t.Errorf("%s shows %s", kind, text)
		}
		c.Settings = Settings{"nonsense": 1.0}
		if faults := c.Validate(); len(faults) < 1 {
			t.Errorf("%s takes nonsense", kind)
		}
	}
	if got, want := MaskURL("https://open.feishu.cn/open-apis/bot/v2/hook/abc"), "https://open.feishu.cn/…/****"; got != want {
		t.Errorf("got %s", got)
	}
	before := Settings{"url": "https://h.example/secret"}
	kept, _ := Settings{"url": "https://h.example/…/****"}.Keep(Feishu, before, Settings{"url": "https://h.example/…/****"})
	if kept.Text("url") != before.Text("url") {
		t.Errorf("a masked URL sent back is kept as %v", kept)
	}
}

func TestTemplate(t *testing.T) {
	if fault := checkTemplate("{{ nonsense }}"); !strings.Contains(fault, "nonsense") {
		t.Errorf("fault %q", fault)
	}
	m := failing("nightly", "", 1)
	m.Template = "{{ job_id }} {{ status_code }} {{ kind }}"
	if got := m.Text(&m.Notices[0]); got != "nightly 503 failing" {
		t.Errorf("got %q", got)
	}
}

// What is hidden is not sent elsewhere: who may change a channel could read it there.
func TestKeep_StaysWithItsDestination(t *testing.T) {
	telegram := Settings{"token": "t0p-s3cret", "chat_id": "7"}
	email := Settings{"host": "mail.example", "user": "u", "password": "t0p-s3cret", "from": "a@b.example", "to": []any{"c@d.example"}}
	for name, c := range map[string]struct {
		kind    Type
		before  Settings
		change  Settings
		refused string
	}{
		"nothing changes":         {Telegram, telegram, Settings{}, ""},
		"another chat":            {Telegram, telegram, Settings{"chat_id": "8"}, ""},
		"the usual host, written": {Telegram, telegram, Settings{"url": "https://API.telegram.org/"}, ""},
		"another host":            {Telegram, telegram, Settings{"url": "https://thief.example"}, "settings.token"},
		"unencrypted":             {Telegram, telegram, Settings{"url": "http://api.telegram.org"}, "settings.token"},
		"another port":            {Telegram, telegram, Settings{"url": "https://api.telegram.org:8443"}, "settings.token"},
		"with the token anew":     {Telegram, telegram, Settings{"url": "https://mine.example", "token": "another"}, ""},
		"another mail server":     {Email, email, Settings{"host": "thief.example"}, "settings.password"},
		"mail without TLS":        {Email, email, Settings{"tls": "none"}, "settings.password"},
		"another recipient":       {Email, email, Settings{"to": []any{"e@f.example"}}, ""},
	} {
		shown := (&Channel{Kind: c.kind, Settings: c.before}).Shown()
		sent := maps.Clone(shown)
		maps.Copy(sent, c.change)
		kept, faults := sent.Keep(c.kind, c.before, shown)
		switch {
		case c.refused == "" && len(faults) > 0, c.refused != "" && (len(faults) != 1 || faults[0].Field != c.refused):
			t.Errorf("%s: got the faults %+v, want %q", name, faults, c.refused)
		case c.refused == "" && strings.Contains(fmt.Sprint(kept), Hidden):
			t.Errorf("%s: it keeps the mask: %v", name, kept)
		}
	}
}
