package api

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"schedule-server/pkg/access"
)

// guarded writes into the document's paths what the table of contents says of
// each operation: the scope that a key must have, how a key is shown, and how a
// caller without one is refused. The files need not repeat it a hundred times.
func guarded(paths yaml.MapSlice, routes []route) {
	for _, r := range routes {
		at := indexOf(paths, documented(r.path))
		if at < 0 {
			continue // a test tells of it
		}
		path, _ := paths[at].Value.(yaml.MapSlice)
		if at = indexOf(path, strings.ToLower(r.method)); at < 0 {
			continue
		}
		if operation, ok := path[at].Value.(yaml.MapSlice); ok {
			path[at].Value = guardedOperation(operation, r.scope)
		}
	}
}

// documented is a route's path as the document writes it.
func documented(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}

func guardedOperation(operation yaml.MapSlice, scope access.Scope) yaml.MapSlice {
	if scope == access.Anyone {
		return append(operation, yaml.MapItem{Key: "security", Value: []any{}})
	}
	needs := fmt.Sprintf("Needs a key with the scope `%s`.", scope)
	if at := indexOf(operation, "description"); at >= 0 {
		operation[at].Value = strings.TrimRight(fmt.Sprint(operation[at].Value), "\n ") + "\n\n" + needs
	} else {
		operation = append(operation, yaml.MapItem{Key: "description", Value: needs})
	}
	if at := indexOf(operation, "responses"); at >= 0 {
		responses, _ := operation[at].Value.(yaml.MapSlice)
		for _, refusal := range [...][2]string{{"401", "Unauthorized"}, {"403", "Forbidden"}, {"429", "RateLimited"}, {"503", "Unavailable"}} {
			if indexOf(responses, refusal[0]) < 0 {
				ref := yaml.MapSlice{{Key: "$ref", Value: "#/components/responses/" + refusal[1]}}
				responses = append(responses, yaml.MapItem{Key: refusal[0], Value: ref})
			}
		}
		operation[at].Value = responses
	}
	schemes := []any{yaml.MapSlice{{Key: "key", Value: []any{}}}, yaml.MapSlice{{Key: "session", Value: []any{}}}}
	return append(operation, yaml.MapItem{Key: "security", Value: schemes}, yaml.MapItem{Key: "x-scope", Value: string(scope)})
}
