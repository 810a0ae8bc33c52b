package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"schedule-server/pkg/access"
)

// TestRandomInput sends to every operation input that is drawn from the document,
// some of it valid and most of it not quite: whatever comes, the answer is one that
// the document names, and never that something broke. API_RANDOM_CALLS sets how
// many calls each operation gets; the seed is that of the call, so that one that fails can be made again.
func TestRandomInput(t *testing.T) {
	t.Parallel()
	calls := 60
	if text := os.Getenv("API_RANDOM_CALLS"); text != "" {
		n, err := strconv.Atoi(text)
		must(t, err)
		calls = n
	}
	w := newWorld(t, worldOptions{monitor: true})
	w.try()
	w.key = w.makeKey(access.Admin).Text
	for _, o := range w.contract.operations {
		if w.contract.streams(o) {
			continue // its answer does not end
		}
		t.Run(o.id, func(t *testing.T) {
			w.t = t
			done := 0
			for seed := range calls {
				if status := w.callRandomly(o, uint64(seed)).status; status < 400 || status == http.StatusServiceUnavailable {
					done++
				}
				if t.Failed() {
					t.Fatalf("the call of seed %d failed", seed)
				}
			}
			if done == 0 && o.id != "completeRun" { // its token cannot be guessed: that is what it is for
				t.Errorf("none of %d calls came through: they all ended at the door", calls)
			}
		})
	}
	w.t = t
}

// streams reports an operation whose answer is a stream of events.
func (c *contract) streams(o operation) bool {
	return c.at("paths", o.path, strings.ToLower(o.method), "responses", "200", "content", "text/event-stream") != nil
}

// callRandomly makes one call of an operation.
func (w *world) callRandomly(o operation, seed uint64) answer {
	w.t.Helper()
	r := &randomInput{rand.New(rand.NewPCG(seed, 1)), w.t, w.contract}
	path, query := w.fixtures(r, o.path), url.Values{}
	var headers []string
	for _, list := range []any{o.whole["parameters"], o.own["parameters"]} {
		parameters, _ := list.([]any)
		for _, p := range parameters {
			p := w.contract.resolve(p).(map[string]any)
			name := p["name"].(string)
			switch {
			case p["in"] == "query" && r.chance(15):
				query.Add(name, r.parameter(p))
			case p["in"] == "header" && r.chance(30):
				if value := r.parameter(p); !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }) {
					headers = append(headers, name, value)
				}
			}
		}
	}
	if r.chance(5) {
		query.Set("no_such_parameter", "1")
	}
	body, media := r.body(o)
	if media != "" {
		headers = append(headers, "Content-Type", media)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	a := w.call(o.method, path, body, headers...)
	if a.status >= 500 && (o.id != "getReadiness" || a.status != http.StatusServiceUnavailable) {
		w.t.Errorf("%s %s answers %d to %q: %s", o.method, path, a.status, body, a.body)
	}
	return a
}

// fixtures sees to it that there is a job and a run, and fills a path with the id of one, or of none.
func (w *world) fixtures(r *randomInput, path string) string {
	w.t.Helper()
	if !strings.Contains(path, "{") {
		return path
	}
	w.call("PUT", "/api/v1/jobs/nightly-report", `{"schedule":{"type":"cron","expression":"0 2 * * *"},
		"request":{"url":"https://example.com/"},"policy":{"concurrency_policy":"allow"}}`)
	id := "nightly-report"
	if strings.HasPrefix(path, "/api/v1/keys/") {
		id = w.makeKey(access.Read).ID
	}
	if strings.HasPrefix(path, "/api/v1/runs/") {
		id = w.run("/api/v1/jobs/nightly-report/run", `{"force":true}`).ID
		if strings.HasSuffix(path, "/retry") {
			w.call("POST", "/api/v1/runs/"+id+"/cancel", "")
		}
	}
	if strings.HasPrefix(path, "/api/v1/secrets/") {
		id = "API_TOKEN"
		w.call("PUT", "/api/v1/secrets/"+id, `{"value":"x"}`)
	}
	if strings.HasPrefix(path, "/api/v1/calendars/") {
		id = "holidays"
		w.call("PUT", "/api/v1/calendars/"+id, `{"off":[{"date":"2027-01-01"}]}`)
	}
	if strings.HasPrefix(path, "/api/v1/channels/") {
		id = "ops"
		w.call("POST", "/api/v1/channels", `{"id":"ops","kind":"webhook","settings":{"url":"https://hooks.example.com/x"}}`)
	}
	if strings.HasPrefix(path, "/api/v1/incidents/") {
		id = w.incident()
	}
	if strings.HasPrefix(path, "/api/v1/notifications/") {
		if w.notification == "" {
			w.notification = w.untold()
		}
		id = w.notification
	}
	if r.chance(30) {
		id = r.pick("none", "%00", "%FF", "a%2Fb", strings.Repeat("x", 600), "..%2F..", "定时%20任务", "%25", "0")
	}
	head, rest, _ := strings.Cut(path, "{")
	_, tail, _ := strings.Cut(rest, "}")
	return head + id + tail
}

// randomInput draws input from the schemas of a document.
type randomInput struct {
	*rand.Rand
	t        testing.TB
	contract *contract
}

func (r *randomInput) chance(percent int) bool { return r.IntN(100) < percent }

func (r *randomInput) pick(words ...string) string { return words[r.IntN(len(words))] }

// parameter is the text of a parameter's value.
func (r *randomInput) parameter(p map[string]any) string {
	if r.chance(20) {
		return r.pick("", "-1", "0", "501", "x", "\x00", "\xff", "9999999999999999999", "{}", "2026-13-01T00:00:00Z", `"0"`, "*", `W/"1"`)
	}
	switch value := r.value(p["schema"], 0).(type) {
	case string:
		return value
	case []any:
		if len(value) == 0 {
			return ""
		}
		return fmt.Sprint(value[0])
	default:
		return fmt.Sprint(value)
	}
}

// body draws a body, and the media type that goes with it.
func (r *randomInput) body(o operation) (text, media string) {
	whole, _ := r.contract.resolve(o.own["requestBody"]).(map[string]any)
	if whole == nil || r.chance(3) {
		return "", ""
	}
	content := whole["content"].(map[string]any)
	names := sortedNames(content)
	media = names[r.IntN(len(names))]
	if !strings.HasSuffix(media, "json") {
		return r.pick("", "{", "jobs: []\n", "jobs: &a [*a]\n", "* * * * * curl http://a.test/\n", "SQLite format 3\x00", "\x00\xff"), media
	}
	value := r.copied(r.wholeBody(content[media].(map[string]any))) // an example in it belongs to the document
	for r.chance(40) {
		value = r.damage(value)
	}
	data, err := json.Marshal(value)
	must(r.t, err)
	text = string(data)
	if r.chance(5) {
		text = text[:r.IntN(len(text))]
	}
	if r.chance(3) {
		media = r.pick("text/plain", "application/x-www-form-urlencoded", "nonsense")
	}
	return text, media
}

// wholeBody is one of the document's examples, or what its schema allows.
func (r *randomInput) wholeBody(media map[string]any) any {
	examples, _ := media["examples"].(map[string]any)
	if names := sortedNames(examples); len(names) > 0 && r.chance(40) {
		return examples[names[r.IntN(len(names))]].(map[string]any)["value"]
	}
	return r.value(media["schema"], 0)
}

// value draws a value of a schema.
func (r *randomInput) value(node any, depth int) any {
	schema, _ := r.contract.resolve(node).(map[string]any)
	if depth > 6 {
		return nil
	}
	for _, several := range []string{"oneOf", "anyOf"} {
		if list, ok := schema[several].([]any); ok {
			return r.value(list[r.IntN(len(list))], depth+1)
		}
	}
	if list, ok := schema["allOf"].([]any); ok {
		return r.allOf(list, depth)
	}
	if words, ok := schema["enum"].([]any); ok {
		return words[r.IntN(len(words))]
	}
	if word, ok := schema["const"]; ok {
		return word
	}
	if example, ok := schema["example"]; ok && r.chance(50) {
		return example
	}
	return r.ofType(schema, depth)
}

func (r *randomInput) allOf(list []any, depth int) any {
	whole := map[string]any{}
	for _, part := range list {
		members, ok := r.value(part, depth+1).(map[string]any)
		if !ok {
			return r.value(part, depth+1)
		}
		for name, value := range members {
			whole[name] = value
		}
	}
	return whole
}

func (r *randomInput) ofType(schema map[string]any, depth int) any {
	kind, _ := schema["type"].(string)
	if kinds, ok := schema["type"].([]any); ok {
		kind = kinds[r.IntN(len(kinds))].(string)
	}
	switch kind {
	case "object", "":
		return r.object(schema, depth)
	case "array":
		list := []any{}
		for range r.IntN(4) {
			list = append(list, r.value(schema["items"], depth+1))
		}
		return list
	case "string":
		return r.text(schema)
	case "integer", "number":
		return r.number(schema)
	case "boolean":
		return r.chance(50)
	}
	return nil
}

func (r *randomInput) object(schema map[string]any, depth int) any {
	properties, _ := schema["properties"].(map[string]any)
	required := fmt.Sprint(schema["required"])
	object := map[string]any{}
	for _, name := range sortedNames(properties) {
		if strings.Contains(required, name) && r.chance(95) || r.chance(30) {
			object[name] = r.value(properties[name], depth+1)
		}
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		for range r.IntN(3) {
			object[r.pick("X-A", "a", "Host", "minute", "ü", "")] = r.value(more, depth+1)
		}
	}
	return object
}

func (r *randomInput) text(schema map[string]any) string {
	if schema["format"] == "date-time" {
		return r.pick("2026-11-18T12:00:00Z", "2099-01-01T00:00:00.123+08:00", "2020-02-29T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z")
	}
	return r.pick("", "a", "10s", "1h30m", "0 2 * * *", "*/5 * * * *", "http://a.test/x", "https://例え.テスト/?q=%", "Europe/Berlin",
		"2xx", "last fri", "\x00", "\u2028", strings.Repeat("ß", 300), "{{ run_id }}", "{{ secret.NONE }}", "(", "-1", "null", "9007199254740993")
}

func (r *randomInput) number(schema map[string]any) any {
	low, isLow := schema["minimum"].(json.Number)
	high, isHigh := schema["maximum"].(json.Number)
	edges := []any{0, 1, 2, -1, 1e18, 1.5}
	if isLow {
		edges = append(edges, low, low)
	}
	if isHigh {
		edges = append(edges, high, high)
	}
	return edges[r.IntN(len(edges))]
}

// copied is the same value in memory of its own.
func (r *randomInput) copied(value any) (other any) {
	data, err := json.Marshal(value)
	must(r.t, err)
	must(r.t, json.Unmarshal(data, &other))
	return other
}

// damage changes one place of a value.
func (r *randomInput) damage(value any) any {
	object, ok := value.(map[string]any)
	if !ok || len(object) == 0 || r.chance(20) {
		wrong := []any{nil, true, 0, -1.5, "x", []any{}, map[string]any{"no_such_member": 1}, strings.Repeat("[", 2000)}
		return wrong[r.IntN(len(wrong))]
	}
	names := sortedNames(object)
	name := names[r.IntN(len(names))]
	switch {
	case r.chance(30):
		delete(object, name)
	case r.chance(20):
		object[name+"_"] = object[name]
	default:
		object[name] = r.damage(object[name])
	}
	return object
}

func sortedNames(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
