package store

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// What goes into a rowset as a text comes out of its JSON as that text, without what PostgreSQL refuses.
func TestTextsOfRowsAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-z"\\{}:/<&]*`), rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), bytesText)).Draw(t, "text")
		var r rowset
		r.add(text, 1)
		var got [][2]any
		if err := json.Unmarshal([]byte(r.text()), &got); err != nil || len(got) != 1 || got[0][0] != cleanText(text) {
			t.Fatalf("%q became %s: %v", text, r.text(), err)
		}
	})
}

func bytesText(data []byte) string { return string(data) }
