package notify

import (
	"slices"
	"time"
)

// Type is which service a channel goes to.
type Type string

// The types of channels.
const (
	Webhook      Type = "webhook"
	Email        Type = "email"
	Slack        Type = "slack"
	Teams        Type = "teams"
	Discord      Type = "discord"
	Telegram     Type = "telegram"
	PagerDuty    Type = "pagerduty"
	Ntfy         Type = "ntfy"
	Feishu       Type = "feishu"
	DingTalk     Type = "dingtalk"
	WeCom        Type = "wecom"
	Bark         Type = "bark"
	Alertmanager Type = "alertmanager"
)

// Field is one setting of a channel.
type Field struct {
	Name string
	// Kind is url, secret, text, port, choice or list (of mail addresses).
	Kind     string
	Required bool
	// Default stands for what is left out; Choices are all there are.
	Default string
	Choices []string
}

// Preset is all that is particular about a service. Placeholders, "{{title}}", stand in the URL, the headers and the
// strings of the JSON body; see call.fill for them. A member whose whole value is an empty placeholder is left out.
type Preset struct {
	Type   Type
	Fields []Field
	// URL is called by POST.
	URL     string
	Headers map[string]string
	// Body is JSON. Each is what one notice becomes where "{{notices}}" stands.
	Body, Each string
	// Single: a message holds one notice.
	Single bool
	// Sign puts the signature in.
	Sign signer
	// Escape makes a text safe in what the service makes of texts. Nil: it shows them as they are.
	Escape func(string) string
	Judge  Judge
	// PerMinute is how many messages the service takes; MaxBytes and MaxText how long they, and their texts, may be.
	PerMinute, MaxBytes, MaxText int
	// Spread: the service asks not to be called just at full and half hours.
	Spread bool
}

// Judge says from an answer whether a message was taken. A status beyond 2xx says that it was not.
type Judge struct {
	// Fields are members of the JSON answer of which one must be there and have a value of OK. None: the status decides.
	Fields []string
	OK     []string
	// Busy are values that mean: later, and how much.
	Busy map[string]time.Duration
	// Final are values that mean: never, as it is.
	Final []string
	// After is a path to the seconds to wait, "parameters.retry_after".
	After string
}

// PresetOf is the preset of a type; nil: there is none. Email has one without URL: it goes by SMTP.
func PresetOf(t Type) *Preset {
	at := slices.IndexFunc(presets, func(p Preset) bool { return p.Type == t })
	if at < 0 {
		return nil
	}
	return &presets[at]
}

// Types lists every type.
func Types() []Type {
	types := make([]Type, len(presets))
	for i := range presets {
		types[i] = presets[i].Type
	}
	return types
}

var urlField = Field{Name: "url", Kind: "url", Required: true}

var presets = []Preset{
	{
		Type:   Webhook, // https://www.standardwebhooks.com
		Fields: []Field{urlField, {Name: "secret", Kind: "secret"}, {Name: "authorization", Kind: "secret"}},
		URL:    "{{url}}", Headers: map[string]string{"Authorization": "{{authorization}}"},
		Body: `{"type":"notifications","sent_at":"{{sent_at}}","notifications":"{{notices}}"}`,
		Each: `{"id":"{{id}}","incident":"{{incident}}","transition":"{{transition}}","job":"{{job}}","run":"{{run}}","count":"{{count}}","text":"{{whole}}"}`,
		Sign: signStandard, PerMinute: 600, MaxBytes: 256 << 10,
	},
	{
		Type: Email,
		Fields: []Field{{Name: "host", Kind: "text", Required: true}, {Name: "port", Kind: "port", Default: "587"},
			{Name: "tls", Kind: "choice", Default: "starttls", Choices: []string{"starttls", "tls", "none"}},
			{Name: "user", Kind: "text"}, {Name: "password", Kind: "secret"}, {Name: "from", Kind: "address", Required: true},
			{Name: "to", Kind: "list", Required: true}},
		PerMinute: 30, MaxBytes: 256 << 10,
	},
	{
		Type: Slack, Fields: []Field{urlField}, // https://api.slack.com/messaging/webhooks, one a second
		URL: "{{url}}", Body: `{"text":"{{text}}","unfurl_links":false,"unfurl_media":false}`,
		Escape: escapeSlack, PerMinute: 60, MaxBytes: 64 << 10, MaxText: 12000,
	},
	{
		Type: Teams, Fields: []Field{urlField}, // a card of 28 KB at most; a RichTextBlock shows texts as they are
		URL: "{{url}}",
		Body: `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{
			"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[
			{"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"{{title}}","weight":"bolder"}]},
			{"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"{{body}}"}]}]}}]}`,
		PerMinute: 60, MaxBytes: 24 << 10, MaxText: 8000,
	},
	{
		Type: Discord, Fields: []Field{urlField}, // https://discord.com/developers/docs/resources/webhook, 30 a minute
		URL: "{{url}}", Body: `{"content":"{{text}}","allowed_mentions":{"parse":[]}}`,
		Escape: escapeMarkdown, Judge: Judge{After: "retry_after"}, PerMinute: 25, MaxBytes: 8 << 10, MaxText: 1900,
	},
	{
		Type:   Telegram, // https://core.telegram.org/bots/api#sendmessage, 20 a minute in a group; without parse_mode texts stay as they are
		Fields: []Field{{Name: "token", Kind: "secret", Required: true}, {Name: "chat_id", Kind: "text", Required: true}, {Name: "url", Kind: "url", Default: "https://api.telegram.org"}},
		URL:    "{{url}}/bot{{token}}/sendMessage", Body: `{"chat_id":"{{chat_id}}","text":"{{text}}","link_preview_options":{"is_disabled":true}}`,
		Judge: Judge{Fields: []string{"ok"}, OK: []string{"true"}, After: "parameters.retry_after"}, PerMinute: 18, MaxBytes: 16 << 10, MaxText: 4000,
	},
	{
		Type:   PagerDuty, // https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
		Fields: []Field{{Name: "routing_key", Kind: "secret", Required: true}, {Name: "url", Kind: "url", Default: "https://events.pagerduty.com/v2/enqueue"}},
		URL:    "{{url}}",
		Body: `{"routing_key":"{{routing_key}}","event_action":"{{pagerduty_action}}","dedup_key":"schedule-server/{{incident_id}}","client":"schedule-server","client_url":"{{link}}",
			"payload":{"summary":"{{title}}","source":"{{source}}","severity":"error","timestamp":"{{at}}","component":"{{job_id}}","class":"{{kind}}","custom_details":{"text":"{{body}}"}}}`,
		Single: true, Judge: Judge{Fields: []string{"status"}, OK: []string{"success"}}, PerMinute: 100, MaxBytes: 400 << 10, MaxText: 1000,
	},
	{
		Type: Ntfy, // https://docs.ntfy.sh/publish/#publish-as-json
		Fields: []Field{{Name: "url", Kind: "url", Default: "https://ntfy.sh"}, {Name: "topic", Kind: "secret", Required: true},
			{Name: "token", Kind: "secret"}},
		URL: "{{url}}/", Headers: map[string]string{"Authorization": "Bearer {{token}}"},
		Body:      `{"topic":"{{topic}}","title":"{{title}}","message":"{{body}}","priority":"{{ntfy_priority}}","click":"{{link}}"}`,
		PerMinute: 12, MaxBytes: 16 << 10, MaxText: 3800,
	},
	{
		Type:   Feishu, // 100 a minute and 5 a second; error 11232 at full and half hours
		Fields: []Field{urlField, {Name: "secret", Kind: "secret"}},
		URL:    "{{url}}", Body: `{"timestamp":"{{timestamp}}","sign":"{{sign}}","msg_type":"text","content":{"text":"{{text}}"}}`,
		Sign: signFeishu, Escape: escapeTags,
		Judge:     Judge{Fields: []string{"code", "StatusCode"}, OK: []string{"0"}, Busy: map[string]time.Duration{"11232": time.Minute, "11233": time.Minute, "9499": 0}, Final: []string{"19001", "19021", "19022", "19024", "19002"}},
		PerMinute: 80, MaxBytes: 18 << 10, MaxText: 9000, Spread: true,
	},
	{
		Type:   DingTalk, // 20 a minute; beyond it the robot is blocked for ten
		Fields: []Field{urlField, {Name: "secret", Kind: "secret"}},
		URL:    "{{url}}", Body: `{"msgtype":"text","text":{"content":"{{text}}"},"at":{"isAtAll":false}}`,
		Sign: signDingTalk, Escape: escapeMentions,
		Judge:     Judge{Fields: []string{"errcode"}, OK: []string{"0"}, Busy: map[string]time.Duration{"130101": 10 * time.Minute, "410100": 10 * time.Minute, "660026": 10 * time.Minute}, Final: []string{"300001", "310000", "400013", "400101", "40035"}},
		PerMinute: 18, MaxBytes: 18 << 10, MaxText: 5000,
	},
	{
		Type: WeCom, Fields: []Field{urlField}, // 20 a minute, 2,048 bytes of text
		URL: "{{url}}", Body: `{"msgtype":"text","text":{"content":"{{text}}"}}`,
		Escape:    escapeMentions,
		Judge:     Judge{Fields: []string{"errcode"}, OK: []string{"0"}, Busy: map[string]time.Duration{"45009": time.Minute, "-1": 0}, Final: []string{"93000", "40008", "40058", "44004"}},
		PerMinute: 18, MaxBytes: 8 << 10, MaxText: 2000,
	},
	{
		Type: Bark, // https://bark.day.app: the device key is the address of a phone
		Fields: []Field{{Name: "url", Kind: "url", Default: "https://api.day.app"}, {Name: "device_key", Kind: "secret", Required: true},
			{Name: "group", Kind: "text", Default: "schedule-server"}},
		URL: "{{url}}/push", Body: `{"device_key":"{{device_key}}","title":"{{title}}","body":"{{body}}","group":"{{group}}","url":"{{link}}"}`,
		Judge: Judge{Fields: []string{"code"}, OK: []string{"200"}}, PerMinute: 30, MaxBytes: 4 << 10, MaxText: 2500,
	},
	{
		Type:   Alertmanager, // POST /api/v2/alerts; an alert that is told again is the same by its labels
		Fields: []Field{urlField, {Name: "authorization", Kind: "secret"}},
		URL:    "{{url}}/api/v2/alerts", Headers: map[string]string{"Authorization": "{{authorization}}"},
		Body: `"{{notices}}"`,
		Each: `{"labels":{"alertname":"ScheduleServer","kind":"{{kind}}","job_id":"{{job_id}}","incident":"{{incident_id}}","severity":"warning"},
			"annotations":{"summary":"{{title}}","description":"{{details}}"},"startsAt":"{{opened_at}}","endsAt":"{{closed_at}}","generatorURL":"{{link}}"}`,
		PerMinute: 60, MaxBytes: 256 << 10,
	},
}
