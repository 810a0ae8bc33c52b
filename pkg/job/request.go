package job

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// Request is the HTTP call that a run makes.
type Request struct {
	// Method is one of GET POST PUT PATCH DELETE HEAD OPTIONS. Empty: GET, or POST when there is a body.
	Method string `json:"method"`
	// URL is absolute, http or https, at most 8 KiB; characters outside ASCII are sent percent-encoded as UTF-8.
	URL string `json:"url"`
	// Headers are sent as they stand; those that the service itself sets are refused.
	Headers map[string]string `json:"headers"`
	// Body is sent as it stands, at most 1 MiB. A JSON object or array is sent as
	// application/json unless Headers say otherwise.
	Body Body `json:"body"`
	// BodyEncoding is "base64" when Body is to be decoded before it is sent. Empty: Body is text.
	BodyEncoding string `json:"body_encoding,omitempty"`
	// Auth is the place of the target's authentication; it must be null.
	Auth *Auth `json:"auth"`
	// FollowRedirects is how many redirects are followed, 0 to 10. Zero: a redirect is the answer.
	FollowRedirects int `json:"follow_redirects"`
	// InsecureTLS turns the check of the target's certificate off.
	InsecureTLS bool `json:"insecure_tls"`
}

// EncodingBase64 marks a body, of a request or an answer, that is not text.
const EncodingBase64 = "base64"

// BodyBytes is the body as it goes over the wire; an error means broken base64.
func (r *Request) BodyBytes() ([]byte, error) {
	if r.BodyEncoding == EncodingBase64 {
		return base64.StdEncoding.DecodeString(string(r.Body))
	}
	return []byte(r.Body), nil
}

// Body is the text of a body. JSON input may be a string, or an object or an
// array, which becomes its compact text.
type Body string

// UnmarshalJSON reads a string, an object or an array.
func (b *Body) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		return json.Unmarshal(data, (*string)(b))
	case '{', '[':
		var compact bytes.Buffer
		err := json.Compact(&compact, data)
		*b = Body(compact.String())
		return err
	case 'n':
		*b = ""
		return nil
	}
	return errors.New("a body is a string, an object or an array")
}

// looksJSON reports whether the body is a JSON object or array.
func (b Body) looksJSON() bool {
	return len(b) > 0 && (b[0] == '{' || b[0] == '[') && json.Valid([]byte(b))
}

// Auth is the place of the target's authentication.
type Auth struct{}

// UnmarshalJSON refuses every value but null.
func (*Auth) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	return errors.New("authentication at the target is not available: put its header into headers")
}
