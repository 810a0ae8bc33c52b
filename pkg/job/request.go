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
	// Literal turns templates off: URL, headers and body are sent as they stand.
	Literal bool `json:"literal,omitempty"`
	// Auth shows the target who calls. Nil: nothing does, unless Headers do.
	Auth *Auth `json:"auth"`
	// SigningSecret signs the call by Standard Webhooks: one "whsec_" secret, or two
	// separated by a space, or "{{ secret.NAME }}". Empty: the worker's own, if it has one.
	SigningSecret string `json:"signing_secret,omitempty"`
	// FollowRedirects is how many redirects are followed, 0 to 10. Zero: a redirect is the answer.
	FollowRedirects int `json:"follow_redirects"`
	// InsecureTLS turns the check of the target's certificate off.
	InsecureTLS bool `json:"insecure_tls"`
	// TLS is what goes into the handshake. Nil: the server's defaults.
	TLS *TLS `json:"tls,omitempty"`

	// Sealed are the credentials that were written out, sealed, by their fields ("auth.password"); see Seal. Nil: none.
	Sealed map[string]string `json:"-"`
	// Secrets are the names of the secrets that a stored request uses. Nil: none.
	Secrets []string `json:"-"`
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

// looksJSON reports whether the body is a JSON object or array, whatever its templates stand for.
func (r *Request) looksJSON() bool {
	text := string(r.Body)
	if text == "" || text[0] != '{' && text[0] != '[' {
		return false
	}
	if !r.Literal {
		text = withoutTemplates(text)
	}
	return json.Valid([]byte(text))
}
