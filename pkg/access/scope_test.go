package access

import "testing"

func TestScopesIncludeThoseBefore(t *testing.T) {
	for i, have := range Scopes() {
		for j, need := range Scopes() {
			if got := have.Allows(need); got != (i >= j) {
				t.Errorf("%s allows %s: %t", have, need, got)
			}
		}
	}
	for _, have := range append(Scopes(), Anyone, "", "root") {
		if !have.Allows(Anyone) {
			t.Errorf("%q may not do what anyone may", have)
		}
		for _, need := range []Scope{"", "root"} {
			if have.Allows(need) {
				t.Errorf("%q allows %q", have, need)
			}
		}
	}
	for _, have := range []Scope{Anyone, "", "root"} {
		if have.Allows(Read) {
			t.Errorf("%q allows to read", have)
		}
	}
}
