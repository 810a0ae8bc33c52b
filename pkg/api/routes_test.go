package api

import (
	"slices"
	"testing"

	"schedule-server/pkg/access"
)

// TestRoutesHaveAScope wants every route to say who may use it, and the list of what anyone may do to be this one.
func TestRoutesHaveAScope(t *testing.T) {
	public := []string{"getSession", "createSession", "deleteSession", "getHealth", "getReadiness", "getOpenAPI", "getDocs", "getPage",
		"completeRun"}
	for _, r := range new(Server).table() {
		open := slices.Contains(public, r.operation)
		if !slices.Contains(append(access.Scopes(), access.Anyone), r.scope) || open != (r.scope == access.Anyone) {
			t.Errorf("%s %s has the scope %q", r.method, r.path, r.scope)
		}
	}
}
