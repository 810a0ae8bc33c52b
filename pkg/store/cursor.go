package store

import (
	"encoding/base64"
	"encoding/json"

	"schedule-server/pkg/job"
)

// cursor is the place after the last row of a page. It holds that row's sort key
// rather than a count, so that rows which come and go shift nothing.
type cursor struct {
	// List is the list, its order included: a cursor of another is refused.
	List string `json:"l"`
	// ID is the last row's.
	ID string `json:"i"`
	// Text or Number is its sort key; both nil: the order is that of the ids, or the key was NULL.
	Text   *string `json:"t,omitempty"`
	Number *int64  `json:"n,omitempty"`
}

func (c cursor) encode() string {
	text, _ := json.Marshal(c) // strings and numbers always marshal
	return base64.RawURLEncoding.EncodeToString(text)
}

// readCursor reads the cursor of a list; nil for the first page. The error is
// CodeInvalid and names the field.
func readCursor(text, list string) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	var c cursor
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil || c.List != list || !storable(c.ID) || c.Text != nil && !storable(*c.Text) {
		return nil, badCursor()
	}
	return &c, nil
}

func badCursor() error {
	return &job.Error{Code: job.CodeInvalid, Detail: "1 field is invalid", Fields: []job.FieldError{{
		Field: "cursor", Code: "invalid", Message: "this is not the next_cursor of a page of this list in this order"}}}
}
