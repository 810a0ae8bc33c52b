package notify

import (
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

// Settings are those of a channel by their names: texts, numbers and lists of texts.
type Settings map[string]any

// Text is a setting as text; empty: it is not set.
func (s Settings) Text(name string) string {
	switch v := s[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		return strconv.Itoa(v)
	}
	return ""
}

// List is a setting that is a list, or one text.
func (s Settings) List(name string) (list []string) {
	switch v := s[name].(type) {
	case []string:
		return v
	case []any:
		for _, one := range v {
			text, _ := one.(string)
			list = append(list, text)
		}
	case string:
		if v != "" {
			list = []string{v}
		}
	}
	return list
}

// WithDefaults are the settings with what was left out.
func (s Settings) WithDefaults(t Type) Settings { return s.withDefaults(PresetOf(t)) }

func (s Settings) withDefaults(p *Preset) Settings {
	whole := Settings{}
	for _, f := range p.Fields {
		if value, ok := s[f.Name]; ok && value != nil && value != "" {
			whole[f.Name] = value
		} else if f.Default != "" {
			whole[f.Name] = f.Default
		} else {
			whole[f.Name] = ""
		}
	}
	return whole
}

// Limit is how much a channel takes.
type Limit struct {
	// PerMinute is how many messages; zero: as the service says.
	PerMinute int `json:"per_minute"`
}

// Channel is where messages go.
type Channel struct {
	ID   string `json:"id"`
	Kind Type   `json:"kind"`
	Name string `json:"name"`
	// Enabled: it is told. While it is not, nothing new is noted for it; what waited before is told when it is enabled again.
	Enabled bool `json:"enabled"`
	// Language is en or zh.
	Language string `json:"language"`
	// Settings are shown with **** for what is secret.
	Settings Settings `json:"settings"`
	Limit    Limit    `json:"limit"`
	// Template is what each notice is written by; nil: the usual text.
	Template *string `json:"template"`
	// Failing says since when nothing could be sent; nil: all is well.
	Failing   *job.Instant `json:"failing_since"`
	Version   int64        `json:"version"`
	CreatedAt job.Instant  `json:"created_at"`
	UpdatedAt job.Instant  `json:"updated_at"`
	// Sealed are the settings as they are kept.
	Sealed string `json:"-"`
}

// SettingsPlace is what the sealed settings of a channel are bound to.
func SettingsPlace(id string) string { return job.CredentialPlace(TaskOwner(id), "settings") }

// TaskOwner stands for a channel where a task names its job.
func TaskOwner(id string) string { return "channel:" + id }

// Hidden stands for what is not shown.
const Hidden = "****"

// maxSetting bounds each setting, in bytes.
const maxSetting = 4 << 10

// Validate names every fault of a channel whose settings are written out.
func (c *Channel) Validate() (faults []job.FieldError) {
	add := func(field, code, format string, args ...any) {
		faults = append(faults, job.FieldError{Field: field, Code: code, Message: fmt.Sprintf(format, args...)})
	}
	if !ValidID(c.ID) {
		add("id", "invalid", "an id is 1 to 64 letters, digits and . _ - that begin with a letter or digit")
	}
	if utf8.RuneCountInString(c.Name) > job.MaxNameRunes || !utf8.ValidString(c.Name) || strings.ContainsRune(c.Name, 0) {
		add("name", "invalid", "a name is at most %d characters", job.MaxNameRunes)
	}
	if c.Language != "en" && c.Language != "zh" {
		add("language", "invalid", "%q is not one of en zh", c.Language)
	}
	if c.Limit.PerMinute < 0 || c.Limit.PerMinute > 1000 {
		add("limit.per_minute", "invalid", "per_minute is 0 (as the service says) to 1000")
	}
	if c.Template != nil {
		if fault := checkTemplate(*c.Template); fault != "" {
			add("template", "invalid", "%s", fault)
		}
	}
	preset := PresetOf(c.Kind)
	if preset == nil {
		add("kind", "invalid", "%q is not one of %v", c.Kind, Types())
		return faults
	}
	var names []string
	for _, f := range preset.Fields {
		names = append(names, f.Name)
		if code, fault := f.check(c.Settings[f.Name]); fault != "" {
			add("settings."+f.Name, code, "%s", fault)
		}
	}
	for name := range c.Settings {
		if !slices.Contains(names, name) {
			add("settings."+name, "unknown", "there is no such setting; there are %s", strings.Join(names, " "))
		}
	}
	if secret := c.Settings.Text("secret"); c.Kind == Webhook && secret != "" {
		if _, err := job.ParseSigningSecrets(secret); err != nil {
			add("settings.secret", "invalid", "%v", err)
		}
	}
	return faults
}

// check says what is wrong with the value of a setting.
func (f *Field) check(value any) (code, fault string) {
	list := Settings{"": value}.List("")
	text := Settings{"": value}.Text("")
	if f.Kind != "list" && text != "" {
		list = []string{text}
	}
	switch value.(type) {
	case nil, string, float64, int, []any, []string:
	default:
		return "invalid", f.Name + " is a text"
	}
	if len(list) == 0 {
		if f.Required {
			return "required", f.Name + " is missing"
		}
		return "", ""
	}
	if len(list) > 50 {
		return "invalid", "there are at most 50"
	}
	for _, one := range list {
		if len(one) > maxSetting || !utf8.ValidString(one) || strings.ContainsFunc(one, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "invalid", fmt.Sprintf("%s is at most %d bytes of text without control characters", f.Name, maxSetting)
		}
		switch f.Kind {
		case "url":
			u, err := job.ParseTarget(one)
			if err != nil {
				return "invalid", err.Error()
			}
			if u.Fragment != "" {
				return "invalid", "a URL here has no #"
			}
		case "list", "address":
			if _, err := mail.ParseAddress(one); err != nil {
				return "invalid", fmt.Sprintf("%q is no mail address", one)
			}
		case "port":
			if port, err := strconv.Atoi(one); err != nil || port < 1 || port > 65535 {
				return "invalid", "a port is 1 to 65535"
			}
		case "choice":
			if !slices.Contains(f.Choices, one) {
				return "invalid", fmt.Sprintf("%q is not one of %s", one, strings.Join(f.Choices, " "))
			}
		}
	}
	return "", ""
}

// Shown are the settings as anybody may see them.
func (c *Channel) Shown() Settings {
	shown := Settings{}
	preset := PresetOf(c.Kind)
	if preset == nil {
		return shown
	}
	for _, f := range preset.Fields {
		value, ok := c.Settings[f.Name]
		if !ok || value == nil || value == "" {
			continue
		}
		switch f.Kind {
		case "secret":
			shown[f.Name] = Hidden
		case "url":
			shown[f.Name] = MaskURL(c.Settings.Text(f.Name))
		default:
			shown[f.Name] = value
		}
	}
	return shown
}

// MaskURL shows where a URL leads and nothing by which somebody could write there.
func MaskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return Hidden
	}
	if (u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.User == nil {
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme + "://" + u.Host + "/…/" + Hidden
}

// Keep takes from the settings of before what the caller sends back as it was shown. What is hidden stays with its
// destination: if the channel is to go to another host, or unencrypted, the faults name what must be sent again.
func (s Settings) Keep(t Type, before, shown Settings) (kept Settings, faults []job.FieldError) {
	kept = Settings{}
	var hidden []string
	for name, value := range s {
		if text, ok := value.(string); ok && strings.Contains(text, Hidden) && text == shown.Text(name) {
			value = before[name]
			hidden = append(hidden, name)
		}
		kept[name] = value
	}
	if kept.destination(t) == before.destination(t) {
		return kept, nil
	}
	for _, name := range slices.Sorted(slices.Values(hidden)) {
		faults = append(faults, job.FieldError{Field: "settings." + name, Code: "required", Message: "the channel leads elsewhere now: send this again"})
	}
	return kept, faults
}

// destination is where a channel of these settings leads, and how.
func (s Settings) destination(t Type) string {
	if PresetOf(t) == nil {
		return ""
	}
	s = s.WithDefaults(t)
	if t == Email {
		return s.Text("tls") + " " + s.Text("host") + " " + s.Text("port")
	}
	u, err := url.Parse(s.Text("url"))
	if err != nil {
		return ""
	}
	return u.Scheme + " " + strings.ToLower(u.Host)
}

// PerMinute is how many messages the channel takes.
func (c *Channel) PerMinute() int {
	preset := PresetOf(c.Kind)
	if preset == nil {
		return 1
	}
	if c.Limit.PerMinute == 0 {
		return preset.PerMinute
	}
	return min(c.Limit.PerMinute, preset.PerMinute)
}

const (
	// sendFor is how long a message is tried. Between two tries are at most five minutes, unless the other side asks for more.
	sendFor = 24 * time.Hour
	// SendTimeout bounds one try.
	SendTimeout = 30 * time.Second
)

// Task is the task that takes a message, in JSON, to the channel. Made are the tries that are known.
func (c *Channel) Task(id, message string, now job.Instant, made []job.Attempt) *job.Task {
	policy := job.DefaultPolicy()
	policy.AttemptTimeout = job.Duration(SendTimeout)
	policy.Retry = job.Retry{MaxAttempts: 1000, MinBackoff: job.Duration(5 * time.Second), MaxBackoff: job.Duration(sendFor), MaxDoublings: 6,
		MaxRetryDuration: job.Duration(sendFor)}
	return &job.Task{RunID: id, JobID: TaskOwner(c.ID), ScheduledAt: now, QueuedAt: now, Queue: job.QueueNotify, Made: made, Policy: policy,
		Request: job.Request{Method: "POST"}, Sealed: map[string]string{"settings": c.Sealed},
		Notice: &job.Notice{Channel: c.ID, Kind: string(c.Kind), Message: message}}
}
