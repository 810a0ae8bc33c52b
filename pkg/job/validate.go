package job

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"schedule-server/pkg/trigger"
)

// The limits of a definition.
const (
	MaxIDBytes     = 512
	MaxNameRunes   = 200
	MaxTextRunes   = 4000
	MaxTags        = 32
	MaxTagRunes    = 64
	MaxURLBytes    = 8 << 10
	MaxHeaders     = 64
	MaxHeaderBytes = 16 << 10
	MaxBodyBytes   = 1 << 20
	MaxPatterns    = 32
	MaxRedirects   = 10
	MaxAttempts    = 100
	MaxHostLimit   = 10_000
	MinHostRate    = 0.001 // one call in 1,000 seconds
)

// Normalize fills in what depends on other fields: the method, the content type
// of a JSON body, the grace of the schedule's type, the anchor of an interval;
// and puts tags in order. Now is when the job is created.
func (d *Definition) Normalize(now Instant) {
	r := &d.Request
	r.Method = strings.ToUpper(r.Method)
	if r.Method == "" {
		r.Method = "GET"
		if r.Body != "" {
			r.Method = "POST"
		}
	}
	if r.BodyEncoding == "" && r.looksJSON() {
		r.defaultHeader("Content-Type", "application/json")
	}
	if r.Headers == nil {
		r.Headers = map[string]string{}
	}
	if d.Policy.MisfireGraceTime == 0 {
		d.Policy.MisfireGraceTime = Grace(time.Minute)
		if d.Schedule.Type == "date" {
			d.Policy.MisfireGraceTime = Unlimited
		}
	}
	if d.Schedule.Type == "interval" && d.Schedule.Anchor == nil {
		d.Schedule.Anchor = &now
	}
	if d.Schedule.Exclude == nil {
		d.Schedule.Exclude = []trigger.Exclusion{}
	}
	d.Policy.Notify.normalize()
	slices.Sort(d.Tags)
	d.Tags = slices.Compact(d.Tags)
	if d.Tags == nil {
		d.Tags = []string{}
	}
}

func (r *Request) defaultHeader(name, value string) {
	for key := range r.Headers {
		if strings.EqualFold(key, name) {
			return
		}
	}
	// A fresh map: the caller's may be shared with another definition.
	headers := map[string]string{name: value}
	maps.Copy(headers, r.Headers)
	r.Headers = headers
}

// Validate names every fault of a normalized definition; nil when there is none.
func (d *Definition) Validate(parser *trigger.Parser) []FieldError {
	var v validator
	v.check(d.ID != "" && len(d.ID) <= MaxIDBytes && utf8.ValidString(d.ID) && !strings.ContainsRune(d.ID, 0),
		"id", "an id is 1 to %d bytes of UTF-8 without NUL", MaxIDBytes)
	v.check(plainText(d.Name, MaxNameRunes), "name", "a name is at most %d characters", MaxNameRunes)
	v.check(plainText(d.Description, MaxTextRunes), "description", "a description is at most %d characters", MaxTextRunes)
	v.check(len(d.Tags) <= MaxTags, "tags", "there are at most %d tags", MaxTags)
	for i, tag := range d.Tags {
		v.check(ValidTag(tag), fmt.Sprintf("tags[%d]", i), "a tag is 1 to %d characters", MaxTagRunes)
	}
	if _, err := parser.Parse(d.Schedule, d.ID); err != nil {
		for _, fault := range scheduleFields(err) {
			v.add(fault.Field, fault.Code, fault.Message)
		}
	}
	v.request(&d.Request)
	v.policy(&d.Policy)
	return v.faults
}

// ValidTag reports whether a text can be a tag.
func ValidTag(tag string) bool { return tag != "" && plainText(tag, MaxTagRunes) }

// plainText reports whether the text is short enough and can be stored anywhere: PostgreSQL takes no NUL.
func plainText(text string, maxRunes int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= maxRunes && !strings.ContainsRune(text, 0)
}

type validator struct{ faults []FieldError }

// add notes a fault. Those beyond the first MaxFaults are not kept.
func (v *validator) add(field, code, message string) {
	if len(v.faults) < MaxFaults {
		v.faults = append(v.faults, FieldError{Field: field, Code: code, Message: message})
	}
}

func (v *validator) check(ok bool, field, format string, args ...any) {
	if !ok && len(v.faults) < MaxFaults {
		v.add(field, faultInvalid, fmt.Sprintf(format, args...))
	}
}

func (v *validator) request(r *Request) {
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
	v.check(slices.Contains(methods, r.Method), "request.method", "%q is not one of %s", r.Method, strings.Join(methods, " "))
	if message := r.checkURL(); message != "" {
		code := faultInvalid
		if r.URL == "" {
			code = faultRequired
		}
		v.add("request.url", code, message)
	}
	v.headers(r)
	v.templates(r)
	v.auth(r)
	v.credentials(r)
	v.signing(r.SigningSecret)
	v.tls(r.TLS)
	v.check(r.BodyEncoding == "" || r.BodyEncoding == "text" || r.BodyEncoding == EncodingBase64,
		"request.body_encoding", "body_encoding is text or base64")
	body, err := r.BodyBytes()
	v.check(err == nil, "request.body", "the body is not base64")
	v.check(len(body) <= MaxBodyBytes, "request.body", "a body is at most 1 MiB (%d bytes), this one has %d", MaxBodyBytes, len(body))
	v.check(!strings.ContainsRune(string(r.Body), 0) && utf8.ValidString(string(r.Body)), "request.body",
		"a body with NUL or broken UTF-8 is given in base64, with body_encoding base64")
	v.check(r.FollowRedirects >= 0 && r.FollowRedirects <= MaxRedirects, "request.follow_redirects",
		"follow_redirects is 0 to %d", MaxRedirects)
}

// checkURL is CheckURL for a URL that may hold templates, which stand after the host.
func (r *Request) checkURL() string {
	first := strings.Index(r.URL, "{{")
	if r.Literal || first < 0 {
		return CheckURL(r.URL)
	}
	if first < pathStart(r.URL) {
		return "templates stand after the host, in the path or the query"
	}
	if len(r.URL) > MaxURLBytes {
		return fmt.Sprintf("a URL is at most %d bytes", MaxURLBytes)
	}
	return CheckURL(withoutTemplates(r.URL))
}

// templates checks the names in URL, headers and body.
func (v *validator) templates(r *Request) {
	valid := true
	for _, place := range r.templated() {
		if _, err := templatesOf(place.text); err != nil {
			v.check(false, place.field, "%v", err)
			valid = false
		}
	}
	v.check(!valid || len(r.SecretNames()) <= MaxSecretUses, "request", "a request uses at most %d different secrets", MaxSecretUses)
}

// CheckURL says what is wrong with a target's URL; empty when nothing is.
func CheckURL(text string) string {
	if text == "" {
		return "a URL is required"
	}
	if len(text) > MaxURLBytes {
		return fmt.Sprintf("a URL is at most %d bytes", MaxURLBytes)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "a URL holds no control characters"
	}
	u, err := ParseTarget(text)
	if err == nil {
		err = CheckAuthority(u)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func (v *validator) policy(p *Policy) {
	v.check(p.MisfireGraceTime >= Grace(time.Second), "policy.misfire_grace_time", "at least 1s, or \"unlimited\"")
	v.oneOf("policy.coalesce", string(p.Coalesce), string(CoalesceLatest), string(CoalesceEarliest), string(CoalesceAll))
	v.oneOf("policy.concurrency_policy", string(p.ConcurrencyPolicy), string(ConcurrencyForbid), string(ConcurrencyAllow),
		string(ConcurrencyReplace), string(ConcurrencyQueue))
	v.oneOf("policy.queue", string(p.Queue), string(QueueCritical), string(QueueDefault), string(QueueLow))
	v.between("policy.attempt_timeout", p.AttemptTimeout, time.Second, MaxAttemptTimeout)
	v.between("policy.connect_timeout", p.ConnectTimeout, 100*time.Millisecond, 5*time.Minute)
	v.between("policy.jitter", p.Jitter, 0, 24*time.Hour)
	v.check(p.AutoPauseAfter >= 0, "policy.auto_pause_after", "0 (never) or more")
	v.check(p.Limits.PerHostConcurrency >= 0 && p.Limits.PerHostConcurrency <= MaxHostLimit, "policy.limits.per_host_concurrency",
		"0 (the server's) to %d", MaxHostLimit)
	v.check(p.Limits.PerHostRate == 0 || p.Limits.PerHostRate >= MinHostRate && p.Limits.PerHostRate <= MaxHostLimit,
		"policy.limits.per_host_rate", "0 (the server's), or %v to %d calls a second", MinHostRate, MaxHostLimit)

	v.check(p.Keep.Successes >= 0 && p.Keep.Successes <= MaxKept, "policy.keep.successes", "0 to %d", MaxKept)
	v.check(p.Keep.Failures >= 0 && p.Keep.Failures <= MaxKept, "policy.keep.failures", "0 to %d", MaxKept)
	v.between("policy.keep.max_age", p.Keep.MaxAge, time.Hour, 3650*24*time.Hour)

	r := &p.Retry
	v.check(r.MaxAttempts >= 1 && r.MaxAttempts <= MaxAttempts, "policy.retry.max_attempts", "1 to %d", MaxAttempts)
	v.between("policy.retry.min_backoff", r.MinBackoff, 0, 24*time.Hour)
	v.between("policy.retry.max_backoff", r.MaxBackoff, time.Duration(r.MinBackoff), 24*time.Hour)
	v.check(r.MaxDoublings >= 0 && r.MaxDoublings <= 30, "policy.retry.max_doublings", "0 to 30")
	v.between("policy.retry.max_retry_duration", r.MaxRetryDuration, 0, 7*24*time.Hour)

	v.check(len(p.Success.Status) > 0 && len(p.Success.Status) <= MaxPatterns, "policy.success.status", "1 to %d patterns", MaxPatterns)
	for i, pattern := range p.Success.Status {
		_, _, err := StatusRange(pattern)
		v.check(err == nil, fmt.Sprintf("policy.success.status[%d]", i), "%q is no status such as 204, 2xx or 200-299", pattern)
	}
	v.pattern("policy.success.body_match", p.Success.BodyMatch)
	v.pattern("policy.success.body_not_match", p.Success.BodyNotMatch)
	v.expect(&p.Expect)
	v.notify(&p.Notify)
}

func (v *validator) expect(e *Expect) {
	for _, one := range []struct {
		field string
		value *Duration
	}{{"start_within", e.StartWithin}, {"finish_within", e.FinishWithin}, {"success_every", e.SuccessEvery}, {"paused_at_most", e.PausedAtMost}} {
		if one.value != nil {
			v.between("policy.expect."+one.field, *one.value, time.Second, 3650*24*time.Hour)
		}
	}
}

// notify checks all but whether the channels exist, which the database knows.
func (v *validator) notify(n *Notify) {
	if n.Rules != "" {
		v.oneOf("policy.notify.rules", n.Rules, NotifyInherit, NotifyNone)
	}
	v.check(len(n.Channels) <= MaxPatterns, "policy.notify.channels", "there are at most %d channels", MaxPatterns)
	for i, id := range n.Channels {
		v.check(id != "" && plainText(id, MaxTagRunes), fmt.Sprintf("policy.notify.channels[%d]", i), "a channel's id is 1 to %d characters", MaxTagRunes)
	}
	for i, kind := range n.Kinds {
		v.oneOf(fmt.Sprintf("policy.notify.kinds[%d]", i), kind, "failing", "missed", "late", "overdue", "silent", "paused", "calendar_ends")
	}
	v.check(n.After >= 0 && n.After <= 1000, "policy.notify.after", "1 to 1000")
}

func (v *validator) oneOf(field, value string, allowed ...string) {
	v.check(slices.Contains(allowed, value), field, "%q is not one of %s", value, strings.Join(allowed, ", "))
}

func (v *validator) between(field string, value Duration, low, high time.Duration) {
	v.check(time.Duration(value) >= low && time.Duration(value) <= high, field, "from %s to %s", Duration(low), Duration(high))
}

func (v *validator) pattern(field, text string) {
	_, err := checkPattern(text)
	v.check(err == nil, field, "%v", err)
}

// StatusRange reads one pattern of Success.Status: "204", "2xx" or "200-299",
// all between 100 and 599.
func StatusRange(pattern string) (low, high int, err error) {
	var class int
	switch {
	case len(pattern) == 3 && strings.HasSuffix(strings.ToLower(pattern), "xx"):
		_, err = fmt.Sscanf(pattern[:1], "%1d", &class)
		low, high = class*100, class*100+99
	case len(pattern) == 3:
		_, err = fmt.Sscanf(pattern, "%3d", &low)
		high = low
	case len(pattern) == 7 && pattern[3] == '-':
		_, err = fmt.Sscanf(pattern, "%3d-%3d", &low, &high)
	default:
		err = fmt.Errorf("%q is no status pattern", pattern)
	}
	if err == nil && (low < 100 || high > 599 || low > high) {
		err = fmt.Errorf("%q is outside 100 to 599", pattern)
	}
	return low, high, err
}
