package job

import (
	"strings"
	"testing"
)

func TestCompletions(t *testing.T) {
	tokens := func(keys string) *Completions {
		ring, err := ParseKeys(keys)
		if err != nil {
			t.Fatal(err)
		}
		return ring.Completions()
	}
	first, second := strings.Repeat("0a", 32), strings.Repeat("0b", 32)
	old, both := tokens(first), tokens(second+","+first)
	token := old.Token("01JRUN", 3)
	for _, c := range []*Completions{old, both} {
		if n, ok := c.Check("01JRUN", token); n != 3 || !ok {
			t.Errorf("%d, %v", n, ok)
		}
	}
	if _, ok := old.Check("01JRUN", both.Token("01JRUN", 3)); ok {
		t.Error("a token of a key that is not known passes")
	}
	for _, wrong := range []string{"", ".", "3", "3.", "4" + token[1:], "03" + token[1:], "+3" + token[1:], token + "A", token[:len(token)-1],
		token + "=", "0" + token[1:], "101" + token[1:], strings.ToUpper(token)} {
		if _, ok := old.Check("01JRUN", wrong); ok {
			t.Errorf("%q passes", wrong)
		}
	}
	if _, ok := old.Check("01JRUM", token); ok {
		t.Error("a token of another run passes")
	}
	if tokens("") != nil {
		t.Error("there are tokens without a key")
	}
}
