package job

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// AuthType is a way to show a target who calls.
type AuthType string

// The ways.
const (
	AuthBasic  AuthType = "basic"  // username and password (RFC 7617)
	AuthBearer AuthType = "bearer" // a token that is known (RFC 6750)
	AuthOAuth2 AuthType = "oauth2" // a token that is fetched by client credentials (RFC 6749 §4.4)
)

// Limits of what goes with a call.
const (
	MaxCredential = 8 << 10
	MaxScopes     = 32
)

// The size of a signing secret, in bytes, as Standard Webhooks has it.
const (
	minSigningKey = 24
	maxSigningKey = 64
	// SigningPrefix begins a signing secret.
	SigningPrefix = "whsec_"
	// MaxSigningSecrets is how many sign one call.
	MaxSigningSecrets = 2
)

// Auth says how a call shows its target who it is. Each text may be a secret,
// "{{ secret.NAME }}". Password, Token and ClientSecret that are written out are
// sealed when the job is stored.
type Auth struct {
	Type     AuthType `json:"type"`
	Username string   `json:"username,omitempty"`
	Password string   `json:"password,omitempty"`
	Token    string   `json:"token,omitempty"`
	// TokenURL is where the token is fetched.
	TokenURL     string   `json:"token_url,omitempty"`
	ClientID     string   `json:"client_id,omitempty"`
	ClientSecret string   `json:"client_secret,omitempty"`
	Scopes       []string `json:"scopes,omitempty"`
}

func (v *validator) auth(r *Request) {
	a := r.Auth
	if a == nil {
		return
	}
	members := []struct {
		name, value string
		types       []AuthType
	}{
		{"username", a.Username, []AuthType{AuthBasic}}, {"password", a.Password, []AuthType{AuthBasic}},
		{"token", a.Token, []AuthType{AuthBearer}}, {"token_url", a.TokenURL, []AuthType{AuthOAuth2}},
		{"client_id", a.ClientID, []AuthType{AuthOAuth2}}, {"client_secret", a.ClientSecret, []AuthType{AuthOAuth2}},
		{"scopes", strings.Join(a.Scopes, " "), []AuthType{AuthOAuth2}},
	}
	v.oneOf("request.auth.type", string(a.Type), string(AuthBasic), string(AuthBearer), string(AuthOAuth2))
	for _, m := range members {
		field := "request.auth." + m.name
		belongs := slices.Contains(m.types, a.Type)
		v.check(m.value == "" || belongs, field, "it does not go with type %s; set it to null", a.Type)
		if m.value == "" && belongs && a.Type != AuthBasic && m.name != "scopes" {
			v.add(field, faultRequired, "type "+string(a.Type)+" needs it")
		}
		v.check(len(m.value) <= MaxCredential, field, "at most %d bytes", MaxCredential)
		v.check(HasTemplate(m.value) || httpguts.ValidHeaderFieldValue(m.value), field, "it holds no control characters")
	}
	v.check(a.Type != AuthBasic || a.Username+a.Password != "", "request.auth", "type basic needs a username or a password")
	v.check(!strings.Contains(a.Username, ":"), "request.auth.username", "a user name holds no colon")
	if a.TokenURL != "" {
		v.check(!HasTemplate(a.TokenURL), "request.auth.token_url", "a token URL holds no templates")
		if message := CheckURL(a.TokenURL); message != "" {
			v.check(false, "request.auth.token_url", "%s", message)
		}
	}
	v.check(len(a.Scopes) <= MaxScopes, "request.auth.scopes", "at most %d scopes", MaxScopes)
	for i, scope := range a.Scopes {
		v.check(scope != "" && !strings.ContainsAny(scope, " \"\\") && isASCII(scope), fmt.Sprintf("request.auth.scopes[%d]", i), "not a scope")
	}
	for name := range r.Headers {
		v.check(!strings.EqualFold(name, "Authorization"), "request.auth", "the headers have an Authorization already")
	}
}

// credentials checks the templates in credentials: each is a secret and nothing beside.
func (v *validator) credentials(r *Request) {
	for _, c := range r.Credentials() {
		if !HasTemplate(*c.Text) {
			continue
		}
		field := "request." + c.Field
		names, err := templatesOf(*c.Text)
		if err != nil {
			v.check(false, field, "%v", err)
			continue
		}
		for _, name := range names {
			v.check(strings.HasPrefix(name, SecretPrefix), field, "only {{ secret.NAME }} can stand here, not %q", name)
		}
		rest, _ := Expand(*c.Text, len(*c.Text), func(string) (string, error) { return "", nil }) // its names were read already
		most := 1
		if c.Text == &r.SigningSecret {
			most = MaxSigningSecrets
		}
		v.check(c.Public || strings.TrimSpace(rest) == "" && len(names) <= most, field,
			"it is a {{ secret.NAME }} and nothing beside it, or has no template")
	}
}

func (v *validator) signing(text string) {
	v.check(len(text) <= MaxCredential, "request.signing_secret", "at most %d bytes", MaxCredential)
	if len(text) > MaxCredential || text == "" || text == Redacted || HasTemplate(text) {
		return
	}
	_, err := ParseSigningSecrets(text)
	v.check(err == nil, "request.signing_secret", "%v", err)
}

// ParseSigningSecrets reads one signing secret, or two separated by space or
// comma, while a receiver goes over from one to the other. The error shows no part of them.
func ParseSigningSecrets(text string) ([][]byte, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' })
	if len(words) == 0 || len(words) > MaxSigningSecrets {
		return nil, fmt.Errorf("1 to %d signing secrets, separated by a space", MaxSigningSecrets)
	}
	keys := make([][]byte, len(words))
	for i, word := range words {
		encoded, ok := strings.CutPrefix(word, SigningPrefix)
		key, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil || len(key) < minSigningKey || len(key) > maxSigningKey {
			return nil, fmt.Errorf("a signing secret is %s and %d to %d bytes in base64", SigningPrefix, minSigningKey, maxSigningKey)
		}
		keys[i] = key
	}
	return keys, nil
}
