package compat

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
)

// maxBody bounds a body, in bytes. The largest that is of use has an id of 512 bytes and a URL of 8 KiB; each
// missing member echoes the whole body once.
const maxBody = 256 << 10

// readForm reads the body of a call by a table of fields. Besides the faults of members it answers what the
// original did where there is no object to take members from.
func readForm(c *fiber.Ctx, fields []field) (*form, []fault, error) {
	body := c.Request().Body() // as sent: the original undid no Content-Encoding either
	if len(body) > maxBody {
		return nil, nil, refuse(fiber.StatusRequestEntityTooLarge, "The body is longer than 262144 bytes")
	}
	missing := unprocessable(fault{Type: "missing", Loc: []any{"body"}, Msg: "Field required", Input: null})
	if len(body) == 0 {
		return nil, nil, missing
	}
	if !isJSON(c.Get(fiber.HeaderContentType)) {
		return nil, nil, noObject(quote(body))
	}
	body = bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF"))
	unparsable := refuse(fiber.StatusBadRequest, "There was an error parsing the body")
	if !utf8.Valid(body) {
		return nil, nil, unparsable
	}
	d, err := scan(body)
	var broken *syntaxError
	switch {
	case errors.As(err, &broken):
		return nil, nil, unprocessable(fault{
			Type: "json_invalid", Loc: []any{"body", broken.pos}, Msg: "JSON decode error",
			Input: json.RawMessage("{}"), Ctx: map[string]any{"error": broken.msg},
		})
	case err != nil:
		return nil, nil, unparsable
	case d.kind == kindNull:
		return nil, nil, missing
	case d.kind != kindObject:
		return nil, nil, noObject(json.RawMessage(d.text))
	}
	f, faults := fill(d, fields)
	return f, faults, nil
}

func noObject(input json.RawMessage) error {
	return unprocessable(fault{
		Type: "model_attributes_type", Loc: []any{"body"},
		Msg: "Input should be a valid dictionary or object to extract fields from", Input: input,
	})
}

// isJSON reports whether a content type says that the body is JSON. None at all says so too.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	name, _, _ := strings.Cut(contentType, ";")
	main, sub, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "/")
	return main == "application" && (sub == "json" || strings.HasSuffix(sub, "+json") && !strings.Contains(sub, "/"))
}

// quote shows bytes that are not JSON as a JSON string.
func quote(body []byte) json.RawMessage {
	text, err := encode(strings.ToValidUTF8(string(body), "\uFFFD"))
	if err != nil {
		return null
	}
	return text
}
