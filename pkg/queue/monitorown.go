package queue

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Asynq keeps the names of all queues, and all servers, under keys that everybody in
// one Redis shares. What of these belongs to others is neither shown nor touched here.

// serveOwn serves a request of the monitor, whose API is below api, as far as it is about what is ours.
func (b *Broker) serveOwn(pages http.Handler, w http.ResponseWriter, r *http.Request, api string) {
	path, isAPI := strings.CutPrefix(r.URL.Path, api+"/")
	if !isAPI {
		pages.ServeHTTP(w, r)
		return
	}
	kind, rest, _ := strings.Cut(path, "/")
	switch {
	case kind == "queues" && rest != "":
		name, _, _ := strings.Cut(rest, "/")
		if !b.ownsQueue(name) {
			http.Error(w, "queue not found", http.StatusNotFound)
			return
		}
		pages.ServeHTTP(w, r)
	case kind == "scheduler_entries": // nothing of ours is scheduled by asynq
		if rest != "" {
			http.Error(w, "entry not found", http.StatusNotFound)
			return
		}
		writeShown(w, map[string]any{"entries": []any{}})
	case path == "queues":
		b.serveQueues(pages, w, r, api)
	case path == "queue_stats", path == "servers", path == "redis_info":
		b.serveFiltered(pages, w, r)
	default:
		pages.ServeHTTP(w, r)
	}
}

// ownsQueue reports whether a queue of the monitor's paths, which may end with what is to be done with it, is ours.
func (b *Broker) ownsQueue(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ":pause"), ":resume")
	for _, queue := range queues() {
		if name == b.queueName(queue) {
			return true
		}
	}
	return false
}

// serveQueues lists our queues. The monitor's own list would fail for a queue of others that cannot be read.
func (b *Broker) serveQueues(pages http.Handler, w http.ResponseWriter, r *http.Request, api string) {
	shown := []json.RawMessage{}
	for _, queue := range queues() {
		one := r.Clone(r.Context())
		one.URL = &url.URL{Path: api + "/queues/" + b.queueName(queue)}
		page := &pageRecorder{header: http.Header{}}
		pages.ServeHTTP(page, one)
		var answer struct{ Current json.RawMessage }
		if json.Unmarshal(page.body.Bytes(), &answer) == nil && len(answer.Current) > 0 {
			shown = append(shown, answer.Current)
		} // otherwise it was never used
	}
	if len(shown) == 0 {
		if err := b.Ping(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	writeShown(w, map[string]any{"queues": shown})
}

// serveFiltered leaves out of an answer what belongs to others.
func (b *Broker) serveFiltered(pages http.Handler, w http.ResponseWriter, r *http.Request) {
	page := &pageRecorder{header: http.Header{}}
	pages.ServeHTTP(page, r)
	var answer map[string]any
	decoder := json.NewDecoder(bytes.NewReader(page.body.Bytes()))
	decoder.UseNumber()
	if page.status >= http.StatusBadRequest || decoder.Decode(&answer) != nil {
		http.Error(w, page.body.String(), http.StatusInternalServerError)
		return
	}
	if stats, ok := answer["stats"].(map[string]any); ok {
		for name := range stats {
			if !b.ownsQueue(name) {
				delete(stats, name)
			}
		}
	}
	keep(answer, "servers", func(server map[string]any) bool {
		taken, _ := server["queue_priorities"].(map[string]any)
		weights := map[string]int{}
		for name := range taken {
			weights[name] = 1
		}
		return b.serves(weights)
	})
	keep(answer, "queue_locations", func(location map[string]any) bool {
		name, _ := location["queue"].(string)
		return b.ownsQueue(name)
	})
	writeShown(w, answer)
}

// keep leaves in a list of objects those that are wanted.
func keep(answer map[string]any, member string, wanted func(map[string]any) bool) {
	list, ok := answer[member].([]any)
	if !ok {
		return
	}
	answer[member] = slices.DeleteFunc(list, func(one any) bool {
		object, ok := one.(map[string]any)
		return !ok || !wanted(object)
	})
}

func writeShown(w http.ResponseWriter, answer any) {
	_ = json.NewEncoder(w).Encode(answer) // the client went away: nobody to tell
}
