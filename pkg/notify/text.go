package notify

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

// listed is how many names a digest shows; the rest is counted.
const listed = 8

// words are the texts of one language. A name stands for %[1]s wherever there is one.
type words struct {
	failed, failedAgain, stillFails, works string
	missed, runsAgain                      string
	late, started                          string
	overdue, overdueOver                   string
	silent, silentOver                     string
	paused, active                         string
	calendar, calendarOver                 string
	service, serviceOver                   string
	still, over                            string
	test, testBody                         string
	more, join                             string
	labels                                 labels
	groups                                 map[Kind][2]string
	reasons                                map[job.Reason]string
}

// labels go before the details.
type labels struct {
	job, url, reason, scheduled, attempts, status, took, lag, answer, since, times, link, run, colon string
}

func wordsOf(language string) *words {
	if language == "zh" {
		return &chinese
	}
	return &english
}

var english = words{
	failed: "✗ %s failed: %s", failedAgain: "✗ %s failed: %s after %d attempts",
	stillFails: "✗ %s still fails: %s, %d times in %s", works: "✓ %s works again, after %s in %s",
	missed: "✗ %s missed a run: %s", runsAgain: "✓ %s runs again",
	late: "✗ %s did not start in time", started: "✓ %s started, %s after it was reported late",
	overdue: "✗ %s has not succeeded in time", overdueOver: "✓ %s succeeded, %s after it was reported overdue",
	silent: "✗ %s has had no success for too long", silentOver: "✓ %s succeeds again, after %s",
	paused: "✗ %s is paused", active: "✓ %s is no longer paused, after %s",
	calendar: "✗ the calendar of %s ends soon", calendarOver: "✓ the calendar of %s goes on",
	service: "✗ schedule-server: %s", serviceOver: "✓ schedule-server is well again after %s: %s",
	still: "(still so after %s)", over: "✓ %s: %s",
	test: "✓ Test message of schedule-server", testBody: "If you can read this, the channel works.",
	more: "and %d more", join: ", ",
	labels: labels{"Job", "URL", "Reason", "Scheduled", "Attempts", "Status", "Took", "Lag", "Answer", "Since", "Times", "Link", "Run", ": "},
	groups: map[Kind][2]string{
		KindFailing: {"%d jobs failing", "%d jobs work again"}, KindMissed: {"%d jobs missed a run", "%d jobs run again"},
		KindLate: {"%d jobs did not start in time", "%d jobs started"}, KindOverdue: {"%d jobs are overdue", "%d jobs are no longer overdue"},
		KindSilent: {"%d jobs without success", "%d jobs succeed again"}, KindPaused: {"%d jobs are paused", "%d jobs are no longer paused"},
		KindCalendarEnds: {"calendars of %d jobs end soon", "calendars of %d jobs go on"},
		KindService:      {"%d troubles of schedule-server", "%d troubles of schedule-server are over"},
	},
	reasons: map[job.Reason]string{
		job.ReasonOverlap: "an earlier run was still open", job.ReasonMisfire: "too late to run", job.ReasonDNS: "the host has no address",
		job.ReasonConnectRefused: "connection refused", job.ReasonConnectTimeout: "no connection in time", job.ReasonConnect: "no connection",
		job.ReasonTLS: "TLS failed", job.ReasonTimeout: "timeout", job.ReasonReset: "the connection broke", job.ReasonProtocol: "the answer is not HTTP",
		job.ReasonBodyMismatch: "the answer is not what it should be", job.ReasonBlockedTarget: "the target is not allowed",
		job.ReasonTooManyRedirects: "too many redirects", job.ReasonInvalidRequest: "the request cannot be made",
		job.ReasonAuthFailed: "no token for the call", job.ReasonSecret: "a secret is missing", job.ReasonSecretHost: "a secret may not go to that host",
		job.ReasonWorkerError: "the worker lacks something", job.ReasonCircuitOpen: "the host was held back", job.ReasonWorkerLost: "worker after worker died",
		job.ReasonLost: "lost", job.ReasonCompletionFailed: "the target reported a failure", job.ReasonCompletionTimeout: "the target did not report in time",
	},
}

var chinese = words{
	failed: "✗ %s 失败：%s", failedAgain: "✗ %s 失败：%s（共尝试 %d 次）",
	stillFails: "✗ %s 仍在失败：%s，已失败 %d 次，持续 %s", works: "✓ %s 已恢复，此前失败 %s，持续 %s",
	missed: "✗ %s 错过了一次执行：%s", runsAgain: "✓ %s 已恢复执行",
	late: "✗ %s 未按时开始", started: "✓ %s 已开始，告警后 %s",
	overdue: "✗ %s 未按时成功", overdueOver: "✓ %s 已成功，超时告警后 %s",
	silent: "✗ %s 已太久没有成功", silentOver: "✓ %s 恢复成功，历时 %s",
	paused: "✗ %s 已暂停", active: "✓ %s 已不再暂停，历时 %s",
	calendar: "✗ %s 的日历即将用完", calendarOver: "✓ %s 的日历已续期",
	service: "✗ schedule-server：%s", serviceOver: "✓ schedule-server 已恢复，历时 %s：%s",
	still: "（持续 %s）", over: "✓ %s：%s",
	test: "✓ schedule-server 测试消息", testBody: "能看到这条消息，说明此通知渠道可用。",
	more: "另有 %d 个", join: "、",
	labels: labels{"任务", "地址", "原因", "计划时间", "尝试次数", "状态码", "耗时", "延迟", "响应", "开始于", "次数", "链接", "执行记录", "："},
	groups: map[Kind][2]string{
		KindFailing: {"%d 个任务失败", "%d 个任务已恢复"}, KindMissed: {"%d 个任务错过执行", "%d 个任务恢复执行"},
		KindLate: {"%d 个任务未按时开始", "%d 个任务已开始"}, KindOverdue: {"%d 个任务未按时成功", "%d 个任务不再超时"},
		KindSilent: {"%d 个任务太久没有成功", "%d 个任务恢复成功"}, KindPaused: {"%d 个任务已暂停", "%d 个任务不再暂停"},
		KindCalendarEnds: {"%d 个任务的日历即将用完", "%d 个任务的日历已续期"},
		KindService:      {"schedule-server 有 %d 个问题", "schedule-server 的 %d 个问题已解决"},
	},
	reasons: map[job.Reason]string{
		job.ReasonOverlap: "上一次执行尚未结束", job.ReasonMisfire: "错过时间过久", job.ReasonDNS: "域名无法解析",
		job.ReasonConnectRefused: "连接被拒绝", job.ReasonConnectTimeout: "连接超时", job.ReasonConnect: "无法连接",
		job.ReasonTLS: "TLS 失败", job.ReasonTimeout: "超时", job.ReasonReset: "连接中断", job.ReasonProtocol: "响应不是 HTTP",
		job.ReasonBodyMismatch: "响应内容不符合要求", job.ReasonBlockedTarget: "目标地址不被允许",
		job.ReasonTooManyRedirects: "重定向过多", job.ReasonInvalidRequest: "请求无法构造",
		job.ReasonAuthFailed: "无法取得令牌", job.ReasonSecret: "缺少密钥", job.ReasonSecretHost: "密钥不允许发送到该主机",
		job.ReasonWorkerError: "执行节点资源不足", job.ReasonCircuitOpen: "目标主机被暂时停止调用", job.ReasonWorkerLost: "执行节点多次中断",
		job.ReasonLost: "丢失", job.ReasonCompletionFailed: "目标报告失败", job.ReasonCompletionTimeout: "目标未按时报告",
	},
}

// reason is why a run ended as it did, in words.
func (w *words) reason(r *RunAbout) string {
	if r == nil {
		return "?"
	}
	if code, ok := r.Reason.StatusCode(); ok {
		return strconv.Itoa(code)
	}
	if text, ok := w.reasons[r.Reason]; ok {
		return text
	}
	return string(r.Reason)
}

// name is what a person calls the job.
func (n *Notice) name() string {
	switch {
	case n.Job == nil:
		return n.Incident.JobID
	case n.Job.Name != "":
		return oneLine(n.Job.Name)
	}
	return oneLine(n.Job.ID)
}

// span is a length of time as people say it.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d", int(d.Hours())/24)
}

// Headline is the one line that a phone shows.
func (n *Notice) Headline(language string) string {
	w, name, open := wordsOf(language), n.name(), span(n.At.Sub(n.Incident.OpenedAt))
	if n.Transition == Closed {
		return n.closed(w, name, open)
	}
	var line string
	switch n.Incident.Kind {
	case KindFailing:
		if n.Transition == Reminder {
			return fmt.Sprintf(w.stillFails, name, w.reason(n.Run), n.Count, open)
		}
		if n.Run != nil && n.Run.Attempts > 1 {
			return fmt.Sprintf(w.failedAgain, name, w.reason(n.Run), n.Run.Attempts)
		}
		line = fmt.Sprintf(w.failed, name, w.reason(n.Run))
	case KindMissed:
		line = fmt.Sprintf(w.missed, name, w.reason(n.Run))
	case KindLate:
		line = fmt.Sprintf(w.late, name)
	case KindOverdue:
		line = fmt.Sprintf(w.overdue, name)
	case KindSilent:
		line = fmt.Sprintf(w.silent, name)
	case KindPaused:
		line = fmt.Sprintf(w.paused, name)
		if n.Incident.Note != "" {
			line += w.labels.colon + oneLine(n.Incident.Note)
		}
	case KindCalendarEnds:
		line = fmt.Sprintf(w.calendar, name)
	default:
		line = fmt.Sprintf(w.service, oneLine(n.Incident.Note))
	}
	if n.Transition == Reminder {
		line += " " + fmt.Sprintf(w.still, open)
	}
	return line
}

func (n *Notice) closed(w *words, name, open string) string {
	if n.Incident.Kind != KindService && n.Run == nil && n.Incident.Note != "" { // it ended without a run: the job was deleted, or edited
		return fmt.Sprintf(w.over, name, oneLine(n.Incident.Note))
	}
	switch n.Incident.Kind {
	case KindFailing:
		return fmt.Sprintf(w.works, name, w.failures(n.Count), open)
	case KindMissed:
		return fmt.Sprintf(w.runsAgain, name)
	case KindLate:
		return fmt.Sprintf(w.started, name, open)
	case KindOverdue:
		return fmt.Sprintf(w.overdueOver, name, open)
	case KindSilent:
		return fmt.Sprintf(w.silentOver, name, open)
	case KindPaused:
		return fmt.Sprintf(w.active, name, open)
	case KindCalendarEnds:
		return fmt.Sprintf(w.calendarOver, name)
	}
	return fmt.Sprintf(w.serviceOver, open, oneLine(n.Incident.Note))
}

func (w *words) failures(n int64) string {
	switch {
	case w == &chinese:
		return fmt.Sprintf("%d 次", n)
	case n == 1:
		return "1 failure"
	}
	return fmt.Sprintf("%d failures", n)
}

// Details are the lines below the headline.
func (n *Notice) Details(language, publicURL string) string {
	w := wordsOf(language)
	l := &w.labels
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s%s%s\n", label, l.colon, value)
		}
	}
	zone := time.UTC
	if j := n.Job; j != nil {
		line(l.job, oneLine(fmt.Sprintf("%s (%s)", n.name(), j.ID)))
		line(l.url, oneLine(j.URL))
		if loaded, err := time.LoadLocation(j.TimeZone); err == nil {
			zone = loaded
		}
	}
	moment := func(at job.Instant) string { return at.Time().In(zone).Format("2006-01-02 15:04:05 MST") }
	if r := n.Run; r != nil {
		line(l.reason, w.reason(r))
		line(l.scheduled, moment(r.ScheduledAt))
		if r.Attempts > 0 {
			line(l.attempts, strconv.Itoa(r.Attempts))
		}
		if r.StatusCode != nil {
			line(l.status, strconv.Itoa(*r.StatusCode))
		}
		if r.DurationMS != nil {
			line(l.took, fmt.Sprintf("%d ms", *r.DurationMS))
		}
		if r.LagMS != nil {
			line(l.lag, fmt.Sprintf("%d ms", *r.LagMS))
		}
	}
	line(l.since, moment(n.Incident.OpenedAt))
	if n.Count > 1 {
		line(l.times, strconv.FormatInt(n.Count, 10))
	}
	if r := n.Run; r != nil {
		line(l.answer, r.Answer)
		line(l.run, r.ID)
	}
	line(l.link, n.Link(publicURL))
	return strings.TrimRight(b.String(), "\n")
}

// Link leads to where more is to be seen; empty without a public URL.
func (n *Notice) Link(publicURL string) string {
	switch base := strings.TrimRight(publicURL, "/"); {
	case base == "":
		return ""
	case n.Run != nil:
		return base + "/runs/" + pathEscape(n.Run.ID)
	case n.Job != nil:
		return base + "/jobs/" + pathEscape(n.Job.ID)
	default:
		return base + "/"
	}
}

// Text is the whole text of one notice: its template, or headline and details.
func (m *Message) Text(n *Notice) string {
	if m.Template != "" {
		if text, err := n.expand(m); err == nil {
			return text
		}
	}
	return n.Headline(m.Language) + "\n" + n.Details(m.Language, m.PublicURL)
}

// maxTemplate is how long a text made by a template may be, in bytes.
const maxTemplate = 16 << 10

// templateWords are what a template may name.
func templateWords() []string {
	return []string{"headline", "details", "job_id", "job_name", "url", "run_id", "scheduled_at", "attempt", "status_code", "reason", "answer",
		"kind", "transition", "count", "since", "link", "unix", "incident_id"}
}

// expand writes the notice by the message's template.
func (n *Notice) expand(m *Message) (string, error) {
	values := map[string]string{
		"headline": n.Headline(m.Language), "details": n.Details(m.Language, m.PublicURL), "job_id": n.Incident.JobID, "job_name": n.name(),
		"kind": string(n.Incident.Kind), "transition": string(n.Transition), "count": strconv.FormatInt(n.Count, 10),
		"since": n.Incident.OpenedAt.String(), "link": n.Link(m.PublicURL), "unix": strconv.FormatInt(n.At.Time().Unix(), 10), "incident_id": n.Incident.ID,
	}
	if n.Job != nil {
		values["url"] = n.Job.URL
	}
	if r := n.Run; r != nil {
		values["run_id"], values["scheduled_at"], values["attempt"] = r.ID, r.ScheduledAt.String(), strconv.Itoa(r.Attempts)
		values["reason"], values["answer"] = wordsOf(m.Language).reason(r), r.Answer
		if r.StatusCode != nil {
			values["status_code"] = strconv.Itoa(*r.StatusCode)
		}
	}
	return job.Expand(m.Template, maxTemplate, func(name string) (string, error) { return values[name], nil })
}

// checkTemplate says what is wrong with a template; empty: nothing.
func checkTemplate(text string) string {
	if len(text) > 4<<10 || !utf8.ValidString(text) {
		return "a template is at most 4 KiB of UTF-8"
	}
	known := templateWords()
	_, err := job.Expand(text, maxTemplate, func(name string) (string, error) {
		for _, word := range known {
			if word == name {
				return "", nil
			}
		}
		return "", fmt.Errorf("{{ %s }} is not one of %s", name, strings.Join(known, " "))
	})
	if err != nil {
		return err.Error()
	}
	return ""
}

// Title is the one line of a whole message.
func (m *Message) Title() string {
	w := wordsOf(m.Language)
	switch {
	case m.Test:
		return w.test
	case len(m.Notices) == 1:
		return m.Notices[0].Headline(m.Language)
	}
	lines := m.groups()
	if len(lines) > 3 {
		lines = append(lines[:3:3], "…")
	}
	return strings.Join(lines, " · ")
}

// group is what of a digest is of one kind and transition.
type group struct {
	kind   Kind
	closed bool
}

// groups are a digest's lines: "37 jobs failing: a, b, …, and 29 more".
func (m *Message) groups() []string {
	w := wordsOf(m.Language)
	var order []group
	names, alone := map[group][]string{}, map[group]*Notice{}
	for i := range m.Notices {
		n := &m.Notices[i]
		g := group{n.Incident.Kind, n.Transition == Closed}
		if names[g] == nil {
			order = append(order, g)
		}
		name := n.name()
		if n.Incident.Kind == KindService {
			name = oneLine(n.Incident.Note)
		}
		names[g], alone[g] = append(names[g], name), n
	}
	lines := make([]string, 0, len(order))
	for _, g := range order {
		all := names[g]
		if len(all) == 1 {
			lines = append(lines, alone[g].Headline(m.Language))
			continue
		}
		head, shown := w.groups[g.kind][0], all
		if g.closed {
			head = w.groups[g.kind][1]
		}
		if len(all) > listed {
			shown = append(all[:listed:listed], fmt.Sprintf(w.more, len(all)-listed))
		}
		mark := "✗ "
		if g.closed {
			mark = "✓ "
		}
		lines = append(lines, mark+fmt.Sprintf(head, len(all))+w.labels.colon+strings.Join(shown, w.join))
	}
	return lines
}

// Body is what goes below the title.
func (m *Message) Body() string {
	switch {
	case m.Test:
		return wordsOf(m.Language).testBody
	case len(m.Notices) == 1:
		n := &m.Notices[0]
		if m.Template != "" {
			return m.Text(n)
		}
		return n.Details(m.Language, m.PublicURL)
	}
	var b strings.Builder
	b.WriteString(strings.Join(m.groups(), "\n"))
	for i := range min(len(m.Notices), listed) {
		b.WriteString("\n\n" + m.Text(&m.Notices[i]))
	}
	if m.PublicURL != "" {
		b.WriteString("\n\n" + strings.TrimRight(m.PublicURL, "/") + "/")
	}
	return b.String()
}

// plain takes out what no text should hold: control characters but line breaks, and those that turn the direction of writing.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == '\r', unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != '\u200d':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// oneLine is a text as one line without surprises, at most 200 characters long.
func oneLine(text string) string {
	line := strings.Join(strings.Fields(plain(cut(text, 2000))), " ")
	if utf8.RuneCountInString(line) > 200 {
		line = string([]rune(line)[:199]) + "…"
	}
	return line
}

// cut ends a text at that many bytes, and not within a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := max(0, most-len("…"))
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
