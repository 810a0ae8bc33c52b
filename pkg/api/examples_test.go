package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// TestExamples sends every example of the document as a request, and holds it against its schema.
func TestExamples(t *testing.T) {
	c, err := plainContract()
	must(t, err)
	sent := 0
	for _, o := range c.operations {
		if c.streams(o) {
			continue // its answer does not end
		}
		for name, e := range c.examples(t, o) {
			sent++
			t.Run(o.id+" "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, worldOptions{monitor: true})
				if o.id == "testRequest" || o.id == "testChannel" {
					w.try()
				}
				path := w.prepare(o)
				if o.id == "completeRun" {
					path += "?token=" + w.tokens.Token(strings.Split(path, "/")[4], 1)
				}
				if e.schema != nil {
					c.validate(t, name, e.schema, e.body)
				}
				a := w.call(o.method, path+c.exampleQuery(o), e.body, append(e.headers, "Content-Type", e.media)...)
				if a.status >= 300 && (o.id != "getReadiness" || a.status != 503) {
					t.Errorf("%s %s answers %d: %s", o.method, path, a.status, a.body)
				}
			})
		}
	}
	if sent < 25 {
		t.Errorf("only %d examples were found", sent)
	}
	for name, r := range c.at("components", "responses").(map[string]any) {
		for media, content := range r.(map[string]any)["content"].(map[string]any) {
			if example, ok := content.(map[string]any)["example"]; ok {
				text, err := json.Marshal(example)
				must(t, err)
				c.validate(t, name+" "+media, content.(map[string]any)["schema"], string(text))
			}
		}
	}
}

// prepare makes what the operation wants to be there, and answers its path.
func (w *world) prepare(o operation) string {
	switch {
	case o.id == "createSession":
		w.key = w.makeKey(access.Admin).Text
	case strings.HasPrefix(o.path, "/api/v1/keys/{id}"):
		w.key = w.makeKey(access.Admin).Text
		return strings.Replace(o.path, "{id}", w.makeKey(access.Read).ID, 1)
	}
	if !strings.Contains(o.path, "{id}") && o.id != "listJobs" && o.id != "listRuns" {
		return o.path
	}
	if strings.HasPrefix(o.path, "/api/v1/secrets/") {
		w.call("PUT", "/api/v1/secrets/API_TOKEN", `{"value":"x"}`).is(201)
		return strings.Replace(o.path, "{id}", "API_TOKEN", 1)
	}
	switch {
	case strings.HasPrefix(o.path, "/api/v1/calendars/"):
		w.call("PUT", "/api/v1/calendars/cn", `{"off":[{"date":"2027-01-01"}]}`).is(201)
		return strings.Replace(o.path, "{id}", "cn", 1)
	case strings.HasPrefix(o.path, "/api/v1/channels/"):
		w.channel()
		return strings.Replace(o.path, "{id}", "ops", 1)
	case strings.HasPrefix(o.path, "/api/v1/incidents/"):
		return strings.Replace(o.path, "{id}", w.incident(), 1)
	case strings.HasPrefix(o.path, "/api/v1/notifications/"):
		return strings.Replace(o.path, "{id}", w.untold(), 1)
	}
	w.call("PUT", "/api/v1/jobs/nightly-report", strings.Replace(cronJob, `"id":"a",`, "", 1)).is(201)
	id := "nightly-report"
	if strings.HasPrefix(o.path, "/api/v1/runs/{id}") {
		id = w.run("/api/v1/jobs/nightly-report/run", "").ID
	}
	if o.id == "retryRun" {
		w.call("POST", "/api/v1/runs/"+id+"/cancel", "").is(200)
	}
	return strings.Replace(o.path, "{id}", id, 1)
}

// channel makes the channel ops.
func (w *world) channel() {
	w.call("POST", "/api/v1/channels", `{"id":"ops","kind":"webhook","settings":{"url":"https://hooks.example.com/x"}}`).is(201)
}

// incident opens an incident of the service, and answers its id.
func (w *world) incident() string { return w.trouble("worker") }

// trouble opens an incident of the service about something, and answers its id.
func (w *world) trouble(subject string) string {
	_, err := w.store.ServiceTroubles(w.t.Context(), nil, []notify.Trouble{{Subject: subject, Note: "not alive"}}, begin)
	must(w.t, err)
	page, err := w.store.ListIncidents(w.t.Context(), &notify.IncidentQuery{Limit: 100})
	must(w.t, err)
	at := slices.IndexFunc(page.Incidents, func(i notify.Incident) bool { return i.Subject == subject })
	return page.Incidents[at].ID
}

// untold is a notification that its channel refused.
func (w *world) untold() string {
	w.call("POST", "/api/v1/channels", `{"id":"refusing","kind":"webhook","settings":{"url":"https://hooks.example.com/x"}}`).is(201)
	w.call("PUT", "/api/v1/rules", `{"rules":[{"id":"all","channels":["refusing"]}]}`).is(200)
	id := w.trouble("beat") + ".opened.refusing"
	tasks, err := w.store.Dispatch(w.t.Context(), "", begin)
	must(w.t, err)
	for i := range tasks { // there may be messages for other channels, in any order
		_, err = w.store.Record(w.t.Context(), []job.Event{{RunID: tasks[i].RunID, At: begin, State: job.StateFailed, Reason: "status_404", N: 1,
			Attempt: &job.Attempt{N: 1, StartedAt: begin, Reason: "status_404"}}})
		must(w.t, err)
	}
	return id
}

// example is one way to call an operation.
type example struct {
	media, body string
	schema      any
	headers     []string
}

// examples are those of an operation's body, or one without a body.
func (c *contract) examples(t *testing.T, o operation) map[string]example {
	list := map[string]example{}
	body, _ := c.resolve(o.own["requestBody"]).(map[string]any)
	if body == nil || body["required"] != true {
		list["without a body"] = example{}
	}
	if body == nil {
		return list
	}
	for media, content := range body["content"].(map[string]any) {
		examples, _ := content.(map[string]any)["examples"].(map[string]any)
		for name, one := range examples {
			text, err := json.Marshal(one.(map[string]any)["value"])
			must(t, err)
			e := example{media: media, body: string(text), schema: content.(map[string]any)["schema"]}
			if plain, ok := one.(map[string]any)["value"].(string); ok {
				e.body, e.schema = plain, nil // a text as it is
			}
			list[name+" as "+media] = e
		}
	}
	return list
}

// exampleQuery gives every query parameter that has an example.
func (c *contract) exampleQuery(o operation) string {
	query := url.Values{}
	for _, list := range []any{o.whole["parameters"], o.own["parameters"]} {
		parameters, _ := list.([]any)
		for _, p := range parameters {
			p := c.resolve(p).(map[string]any)
			switch value := p["example"].(type) {
			case nil:
			case []any:
				for _, one := range value {
					query.Add(p["name"].(string), fmt.Sprint(one))
				}
			default:
				if p["in"] == "query" {
					query.Set(p["name"].(string), fmt.Sprint(value))
				}
			}
		}
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}
