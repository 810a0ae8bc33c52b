package notify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"schedule-server/pkg/job"
)

// Call is a message as it goes to its service by HTTP.
type Call struct {
	URL    string
	Header map[string]string
	Body   []byte
}

// signer puts a signature into what is about to be sent.
type signer int

const (
	signNothing  signer = iota
	signStandard        // the caller does that: see Preset.Signed
	signFeishu
	signDingTalk
)

// call is a message on its way into a preset's shape.
type call struct {
	preset   *Preset
	settings Settings
	message  *Message
	now      job.Instant
}

// Build makes the call of a message. Now is when it is sent: signatures hold for some minutes only.
func Build(t Type, settings Settings, m *Message, now job.Instant) (*Call, error) {
	preset := PresetOf(t)
	if preset == nil || preset.URL == "" {
		return nil, fmt.Errorf("there are no calls to %q", t)
	}
	c := call{preset, settings.withDefaults(preset), m, now}
	values := c.values()
	made := &Call{Header: map[string]string{"Content-Type": "application/json; charset=utf-8"}}
	target, err := c.target(values)
	if err != nil {
		return nil, err
	}
	made.URL = target
	for name, text := range preset.Headers {
		value, empty := expand(text, values)
		if !empty {
			made.Header[name] = value
		}
	}
	if made.Body, err = c.body(values); err != nil {
		return nil, err
	}
	return made, nil
}

// Signed reports whether the caller signs the call by Standard Webhooks with the setting secret.
func (p *Preset) Signed() bool { return p.Sign == signStandard }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text)) // never fails
	return h.Sum(nil)
}

// target is the URL; what is secret in its path is escaped.
func (c *call) target(values map[string]any) (string, error) {
	text := placeholder.ReplaceAllStringFunc(c.preset.URL, func(found string) string {
		name := placeholder.FindStringSubmatch(found)[1]
		value, _ := values[name].(string)
		if name == "url" {
			return strings.TrimRight(value, "/")
		}
		return pathEscape(value)
	})
	if c.preset.URL == "{{url}}" {
		text, _ = values["url"].(string)
	}
	if secret := c.settings.Text("secret"); c.preset.Sign == signDingTalk && secret != "" {
		u, err := url.Parse(text)
		if err != nil {
			return "", err
		}
		at := strconv.FormatInt(int64(c.now), 10)
		query := u.Query()
		query.Set("timestamp", at)
		query.Set("sign", base64.StdEncoding.EncodeToString(mac([]byte(secret), at+"\n"+secret)))
		u.RawQuery = query.Encode()
		text = u.String()
	}
	return text, nil
}

func pathEscape(text string) string { return strings.ReplaceAll(url.PathEscape(text), "%3A", ":") }

// values are what the placeholders stand for.
func (c *call) values() map[string]any {
	m := c.message
	title, body := cut(m.Title(), 1000), m.Body()
	text := title + "\n" + body
	if most := c.preset.MaxText; most > 0 {
		title, body = cut(title, min(most, 1000)), cut(body, most)
		text = c.fit(text, most)
	} else if c.preset.Escape != nil {
		text = c.preset.Escape(text)
	}
	values := map[string]any{"title": title, "body": body, "text": text, "sent_at": m.SentAt.String(), "timestamp": "", "sign": "",
		"link": "", "source": "schedule-server", "at": m.SentAt.String(), "ntfy_priority": 4, "pagerduty_action": "trigger", "job_id": "", "kind": "", "incident_id": m.ID}
	for name := range c.settings {
		values[name] = c.settings.Text(name)
	}
	if len(m.Notices) > 0 {
		n := &m.Notices[0]
		maps.Copy(values, map[string]any{"link": n.Link(m.PublicURL), "at": n.At.String(), "job_id": n.Incident.JobID,
			"kind": string(n.Incident.Kind), "incident_id": n.Incident.ID})
		if n.Transition == Closed {
			values["pagerduty_action"] = "resolve"
		}
		if !slices.ContainsFunc(m.Notices, func(n Notice) bool { return n.Transition != Closed }) {
			values["ntfy_priority"] = 3
		}
	} else {
		values["kind"] = "test"
	}
	if secret := c.settings.Text("secret"); c.preset.Sign == signFeishu && secret != "" {
		at := strconv.FormatInt(c.now.Time().Unix(), 10)
		values["timestamp"] = at
		values["sign"] = base64.StdEncoding.EncodeToString(mac([]byte(at+"\n"+secret), ""))
	}
	return values
}

// fit escapes a text and cuts it so that it is short enough when it is escaped.
func (c *call) fit(text string, most int) string {
	for length := most; ; length = length * 3 / 4 {
		short := cut(text, length)
		if c.preset.Escape != nil {
			short = c.preset.Escape(short)
		}
		if len(short) <= most || length < 16 {
			return short
		}
	}
}

// body fills the shape; one that is too long tells of fewer notices.
func (c *call) body(values map[string]any) ([]byte, error) {
	shape, err := read(c.preset.Body)
	if err != nil {
		return nil, err
	}
	if c.preset.Each == "" {
		return encode(fill(shape, values))
	}
	each, err := read(c.preset.Each)
	if err != nil {
		return nil, err
	}
	notices := make([]any, 0, len(c.message.Notices))
	for i := range c.message.Notices {
		notices = append(notices, fill(each, c.message.values(&c.message.Notices[i])))
	}
	if c.message.Test {
		test := Notice{ID: c.message.ID, Transition: Opened, At: c.message.SentAt,
			Incident: Incident{ID: c.message.ID, Kind: KindService, Note: wordsOf(c.message.Language).testBody, OpenedAt: c.message.SentAt}}
		notices = append(notices, fill(each, c.message.values(&test)))
	}
	values["notices"] = notices
	return encode(fill(shape, values))
}

// values are what the placeholders of one notice stand for.
func (m *Message) values(n *Notice) map[string]any {
	incident := map[string]any{"id": n.Incident.ID, "kind": n.Incident.Kind, "job_id": n.Incident.JobID,
		"opened_at": n.Incident.OpenedAt, "closed_at": n.Incident.ClosedAt}
	values := map[string]any{"id": n.ID, "incident": incident, "transition": string(n.Transition), "count": n.Count, "whole": m.Text(n),
		"title": n.Headline(m.Language), "details": n.Details(m.Language, m.PublicURL), "link": n.Link(m.PublicURL), "kind": string(n.Incident.Kind),
		"job_id": n.Incident.JobID, "incident_id": n.Incident.ID, "opened_at": n.Incident.OpenedAt.String(), "closed_at": "", "job": nil, "run": nil}
	if n.Incident.ClosedAt != nil {
		values["closed_at"] = n.Incident.ClosedAt.String()
	}
	if n.Job != nil {
		values["job"] = n.Job
	}
	if n.Run != nil {
		values["run"] = n.Run
	}
	return values
}

var placeholder = regexp.MustCompile(`\{\{([a-z_]+)\}\}`)

// expand fills a text; empty reports that all it names is empty.
func expand(text string, values map[string]any) (filled string, empty bool) {
	empty = true
	filled = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		value := ""
		if given := values[placeholder.FindStringSubmatch(found)[1]]; given != nil {
			value = fmt.Sprint(given)
		}
		empty = empty && value == ""
		return value
	})
	return filled, empty
}

// fill puts values into a copy of a shape. What stands alone in a string keeps its type; values are never read as shapes.
func fill(shape any, values map[string]any) any {
	switch s := shape.(type) {
	case map[string]any:
		filled := make(map[string]any, len(s))
		for key, member := range s {
			value := fill(member, values)
			if text, ok := member.(string); ok && value == "" && placeholder.MatchString(text) {
				continue
			}
			filled[key] = value
		}
		return filled
	case []any:
		filled := make([]any, len(s))
		for i := range s {
			filled[i] = fill(s[i], values)
		}
		return filled
	case string:
		if alone := placeholder.FindStringSubmatch(s); alone != nil && alone[0] == s {
			return values[alone[1]]
		}
		text, _ := expand(s, values)
		return text
	}
	return shape
}

func read(text string) (shape any, err error) {
	err = json.Unmarshal([]byte(text), &shape)
	return shape, err
}

// encode writes JSON as it is: < and > are not turned into escapes, which count against the size.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// Verdict is what an answer says of a message.
type Verdict struct {
	// Taken: the service has it.
	Taken bool
	// Final: to send the same again is of no use.
	Final bool
	// After is how long to wait before. Zero: the usual time.
	After time.Duration
	// Said is the value that decided, "errcode 310000". Empty: the status did.
	Said string
}

// Judge reads the answer to a call of a type.
func (t Type) Judge(status int, body []byte) Verdict {
	preset := PresetOf(t)
	if preset == nil {
		return Verdict{Taken: status/100 == 2}
	}
	j := &preset.Judge
	var answer map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	readable := d.Decode(&answer) == nil
	v := Verdict{Taken: status/100 == 2}
	if seconds, err := strconv.ParseFloat(member(answer, j.After), 64); err == nil && seconds > 0 {
		v.After = time.Duration(min(seconds, 86400)*1000+.5) * time.Millisecond
	}
	if len(j.Fields) == 0 {
		v.Final = !v.Taken && status/100 == 4 && status != 408 && status != 425 && status != 429
		return v
	}
	for _, field := range j.Fields {
		value := member(answer, field)
		if !readable || value == "" {
			continue
		}
		v.Said = field + " " + value
		v.Taken = v.Taken && slices.Contains(j.OK, value)
		wait, busy := j.Busy[value]
		if busy {
			v.After = wait
		}
		v.Final = !v.Taken && !busy && (slices.Contains(j.Final, value) || status/100 == 4 && status != 408 && status != 429)
		return v
	}
	v.Taken = false // an answer that does not say so is none: a proxy's, or a login page
	v.Said = "no " + strings.Join(j.Fields, " or ") + " in the answer"
	v.Final = status/100 == 4 && status != 408 && status != 425 && status != 429
	return v
}

// member is a value of an answer as text; empty: there is none.
func member(answer map[string]any, path string) string {
	if path == "" {
		return ""
	}
	name, rest, more := strings.Cut(path, ".")
	value, ok := answer[name]
	if !ok || value == nil {
		return ""
	}
	if inner, isMap := value.(map[string]any); more && isMap {
		return member(inner, rest)
	}
	return fmt.Sprint(value)
}

// escapeSlack is all that Slack asks for: https://api.slack.com/reference/surfaces/formatting#escaping.
func escapeSlack(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// escapeMarkdown takes the meaning from Discord's marks. Links stay links.
func escapeMarkdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "~", `\~`, "`", "\\`", "|", `\|`, "<", `\<`, "#", `\#`, "[", `\[`, "]", `\]`).Replace(text)
}

// escapeTags keeps <at user_id="all"> from calling everybody: Feishu reads tags in plain texts and knows no escape.
func escapeTags(text string) string {
	return strings.NewReplacer("<", "＜", ">", "＞").Replace(text)
}

// escapeMentions keeps @ and <@ from calling anybody.
func escapeMentions(text string) string {
	return strings.NewReplacer("@", "＠").Replace(text)
}
