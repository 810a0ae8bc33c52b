package job

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"schedule-server/pkg/trigger"
)

// hint says which member a caller may have meant by one that does not exist: the end of a sentence, "; did you mean
// …?". Where nothing is near it lists what there is. Root is the type that the whole input is read into.
func hint(root reflect.Type, path string) string {
	known := knownPaths(root)
	parent, name := parentOf(plainPath(path))
	if meant := meantBy(known, parent, name); meant != "" {
		return "; did you mean \"" + meant + "\"?"
	}
	siblings := namesBelow(known, parent)
	if len(siblings) == 0 {
		return ""
	}
	return "; there are " + strings.Join(siblings, ", ")
}

// DidYouMean returns the end of a sentence that proposes one of the names in place of another; "" if none is near.
func DidYouMean(names []string, name string) string {
	if near := Nearest(names, name); near != "" {
		return "; did you mean \"" + near + "\"?"
	}
	return ""
}

// meantBy finds the known path that a name below a parent stands for; "" if there is none.
func meantBy(known []string, parent, name string) string {
	siblings := namesBelow(known, parent)
	plain := plainName(name)
	for _, sibling := range siblings {
		if plainName(sibling) == plain {
			return join(parent, sibling)
		}
	}
	if near := Nearest(siblings, name); near != "" {
		return join(parent, near)
	}
	for _, slip := range slips() {
		if slices.Contains(slip.names, plain) && slices.Contains(known, slip.meant) {
			return slip.meant
		}
	}
	for _, path := range known {
		if _, last := parentOf(path); plainName(last) == plain {
			return path
		}
	}
	return ""
}

// slip is what other schedulers call a member.
type slip struct {
	meant string
	// names are in the form of plainName.
	names []string
}

// slips are names for members that are spelled nothing like ours. A name stands here once.
func slips() []slip {
	list := []struct{ meant, names string }{
		{"schedule.time_zone", "tz zone location timezoneid"},
		{"schedule.expression", "cron cronexpression cronexpr crontab expr"},
		{"schedule.every", "interval intervalseconds period frequency seconds repeatinterval"},
		{"schedule.at", "runat rundate date datetime executeat scheduledat scheduledtime"},
		{"schedule.start_at", "startdate starttime startson notbefore begin"},
		{"schedule.end_at", "enddate endtime endson notafter expiresat"},
		{"request.url", "uri endpoint target requesturl webhook webhookurl callbackurl"},
		{"request.method", "verb httpmethod requestmethod"},
		{"request.headers", "httpheaders"},
		{"request.body", "payload data json content"},
		{"request.auth", "authentication authorization credentials basicauth"},
		{"request.auth.username", "user login"},
		{"request.auth.password", "pass passwd"},
		{"request.insecure_tls", "insecure skiptlsverify insecureskipverify verifyssl tlsskipverify"},
		{"request.follow_redirects", "redirects maxredirects followredirect"},
		{"policy.attempt_timeout", "timeout timeoutseconds requesttimeout attemptdeadline"},
		{"policy.connect_timeout", "connectiontimeout dialtimeout"},
		{"policy.retry", "retries retrypolicy retryconfig"},
		{"policy.retry.max_attempts", "maxretries retrycount retrylimit attempts backofflimit"},
		{"policy.retry.min_backoff", "backoff retrydelay retryinterval minbackoffduration"},
		{"policy.retry.max_backoff", "maxbackoffduration maxretrydelay"},
		{"policy.concurrency_policy", "concurrency maxinstances overlap overlappolicy allowconcurrent"},
		{"policy.misfire_grace_time", "misfire gracetime misfirepolicy startingdeadlineseconds"},
		{"policy.queue", "priority"},
		{"policy.success.status", "successcodes statuscodes expectedstatus"},
		{"policy.keep", "history retention"},
		{"status", "enabled disabled paused suspend suspended active state"},
		{"tags", "labels groups categories"},
		{"name", "title jobname displayname"},
		{"id", "jobid"},
		{"description", "comment comments notes"},
	}
	all := make([]slip, len(list))
	for i, one := range list {
		all[i] = slip{one.meant, strings.Fields(one.names)}
	}
	return all
}

// Nearest is the one of the names that is spelled most like another: a third of its letters may differ, or either
// begins with the other. "" if none is, or two are as near.
func Nearest(names []string, name string) string {
	const longest = 64
	plain := plainName(name)
	if len(plain) < 2 || len(plain) > longest {
		return ""
	}
	best, least, tie := "", len(plain)/3+1, false
	for _, candidate := range names {
		other := plainName(candidate)
		away := distance(plain, other)
		if short := min(len(plain), len(other)); short >= 4 && plain[:short] == other[:short] {
			away = min(away, len(plain)/3)
		}
		switch {
		case away < least:
			best, least, tie = candidate, away, false
		case away == least && best != "":
			tie = true
		}
	}
	if tie {
		return ""
	}
	return best
}

// distance counts the letters to insert, delete, replace, or exchange with their neighbour, to turn one text into the
// other (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// plainName is a name without case and the signs between its words, so that timeZone is time_zone.
func plainName(name string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(name))
}

// knownPaths lists the members of a type and of all below, those of lists without their index. Members that are
// taken and not read are left out.
func knownPaths(t reflect.Type) []string {
	var list []string
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for i := range t.NumField() {
			field := t.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case field.Anonymous && name == "":
				walk(field.Type, path)
			case name == "" || name == "-" || field.Type == reflect.TypeFor[json.RawMessage]() && name != "schedule":
			case name == "schedule":
				list = append(list, join(path, name))
				walk(reflect.TypeFor[trigger.Spec](), join(path, name)) // a preview keeps it as text
			default:
				list = append(list, join(path, name))
				walk(field.Type, join(path, name))
			}
		}
	}
	walk(t, "")
	return list
}

// namesBelow lists the members of a path.
func namesBelow(known []string, parent string) []string {
	var names []string
	for _, path := range known {
		if above, name := parentOf(path); above == parent {
			names = append(names, name)
		}
	}
	return names
}

func join(parent, name string) string { return strings.TrimPrefix(parent+"."+name, ".") }

func parentOf(path string) (parent, name string) {
	dot := strings.LastIndexByte(path, '.')
	return path[:max(dot, 0)], path[dot+1:]
}

var indexes = regexp.MustCompile(`\[[0-9]+\]`)

// plainPath is a path without the indexes of lists.
func plainPath(path string) string { return indexes.ReplaceAllString(path, "") }

// clipPath bounds a path that a caller has made up.
func clipPath(path string) string {
	const longest = 200
	if len(path) <= longest {
		return path
	}
	return strings.ToValidUTF8(path[:longest], "") + "…"
}
