package job

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of secrets.
const (
	MaxSecretName  = 64
	MaxSecretBytes = 64 << 10
	// MaxSecrets is how many there may be.
	MaxSecrets = 1000
	// MaxSecretUses is how many different ones a request may use.
	MaxSecretUses = 100
)

const secretNameRule = "a name is 1 to 64 letters, digits, _ and -"

// SecretInfo is what anybody may know of a secret.
type SecretInfo struct {
	Name string `json:"name"`
	// Hosts are where it may be sent; empty: anywhere. Never nil in answers.
	Hosts     SecretHosts `json:"hosts"`
	CreatedAt Instant     `json:"created_at"`
	UpdatedAt Instant     `json:"updated_at"`
}

// SecretChange is what is written of a secret.
type SecretChange struct {
	Name string
	// Sealed is its value, sealed. Empty: it stays as it is, and there must be one.
	Sealed string
	// Hosts are where it may be sent. Nil: they stay as they are; a new one may be sent anywhere.
	Hosts *SecretHosts
}

// ValidSecretName reports whether a secret may have the name: 1 to 64 ASCII letters, digits, _ and -.
func ValidSecretName(name string) bool {
	return name != "" && len(name) <= MaxSecretName && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}

// CheckSecret names what is wrong with a new secret; nil when nothing is.
func CheckSecret(name, value string) error {
	var v validator
	v.check(ValidSecretName(name), "name", secretNameRule)
	v.check(value != "" && len(value) <= MaxSecretBytes && utf8.ValidString(value) && !strings.ContainsRune(value, 0),
		"value", "a secret is 1 to %d bytes of UTF-8 without NUL", MaxSecretBytes)
	return invalid(v.faults)
}

// SecretPlace is where a secret's value is sealed for.
func SecretPlace(name string) string { return "secret/" + name }

// CredentialPlace is where a credential of a job is sealed for.
func CredentialPlace(jobID, field string) string { return "job/" + jobID + "/" + field }

// SecretUse is a secret that stands somewhere in a request.
type SecretUse struct {
	// Field is the path of the member, "request.headers.X-Key".
	Field string
	Name  string
}

// SecretUses lists the secrets that a valid request names, each place for itself.
func (r *Request) SecretUses() []SecretUse {
	var uses []SecretUse
	places := r.templated()
	for _, c := range r.Credentials() {
		places = append(places, textAt{"request." + c.Field, *c.Text})
	}
	for _, place := range places {
		names, _ := templatesOf(place.text) // of a valid request, all are names
		for _, name := range names {
			if secret, ok := strings.CutPrefix(name, SecretPrefix); ok {
				uses = append(uses, SecretUse{place.field, secret})
			}
		}
	}
	return uses
}

// SecretNames lists the secrets that a valid request names, in order, each once.
func (r *Request) SecretNames() []string {
	uses := r.SecretUses()
	names := make([]string, len(uses))
	for i, use := range uses {
		names[i] = use.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// textAt is a text of a request and its path.
type textAt struct{ field, text string }

// templated lists the URL, the headers and the body where they hold templates.
func (r *Request) templated() []textAt {
	var found []textAt
	if r.Literal {
		return nil
	}
	add := func(field, text string) {
		if HasTemplate(text) {
			found = append(found, textAt{field, text})
		}
	}
	add("request.url", r.URL)
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		add("request.headers."+name, r.Headers[name])
	}
	if r.BodyEncoding != EncodingBase64 {
		add("request.body", string(r.Body))
	}
	return found
}

// Credential is a text of a request by which the caller shows who it is.
type Credential struct {
	// Field is the path of the member within the request, "auth.password".
	Field string
	Text  *string
	// Public says that it is shown as it stands: a user name, or a certificate.
	Public bool
}

// Credentials lists those that the request has, empty ones left out.
func (r *Request) Credentials() []Credential {
	var found []Credential
	add := func(field string, text *string, public bool) {
		if *text != "" {
			found = append(found, Credential{field, text, public})
		}
	}
	add("signing_secret", &r.SigningSecret, false)
	if a := r.Auth; a != nil {
		add("auth.username", &a.Username, true)
		add("auth.password", &a.Password, false)
		add("auth.token", &a.Token, false)
		add("auth.client_id", &a.ClientID, true)
		add("auth.client_secret", &a.ClientSecret, false)
	}
	if t := r.TLS; t != nil {
		add("tls.ca", &t.CA, true)
		add("tls.client_cert", &t.ClientCert, true)
		add("tls.client_key", &t.ClientKey, false)
	}
	return found
}

// Seal takes the credentials that are written out in a job's request away into
// Sealed, and leaves Redacted in their places. Where Redacted stands already the
// one of the stored request, old, is kept; old is nil for a new job. So are headers and a URL as WithoutCredentials
// shows them. Nothing is kept for another destination: whoever may change a job must not have its credentials sent
// to a host of their own. What else holds
// the request's Auth and TLS keeps them as they were. The error is an *Error: CodeInvalid with
// Fields where there is nothing to be kept, CodeUnavailable where there is no key.
func (r *Request) Seal(keys *Keyring, jobID string, old *Request) error {
	if r.Auth != nil {
		own := *r.Auth
		r.Auth = &own
	}
	if r.TLS != nil {
		own := *r.TLS
		r.TLS = &own
	}
	sealed := map[string]string{}
	same := old == nil || r.sameDestination(old)
	faults := r.restore(old, nil)
	for _, c := range r.Credentials() {
		switch {
		case c.Public, HasTemplate(*c.Text):
		case *c.Text == Redacted && !same:
			faults = append(faults, FieldError{"request." + c.Field, "invalid",
				"the job now goes to another host, or checks it less: send this credential again"})
			sealed[c.Field] = ""
		case *c.Text == Redacted:
			kept := ""
			if old != nil {
				kept = old.Sealed[c.Field]
			}
			if anew, err := keys.Reseal(CredentialPlace(jobID, c.Field), kept); err == nil {
				kept = anew // a key that is to go keeps nothing
			}
			if kept == "" {
				faults = append(faults, FieldError{"request." + c.Field, "invalid",
					"there is no stored value that " + Redacted + " could keep"})
			}
			sealed[c.Field] = kept
		default:
			text, err := keys.Seal(CredentialPlace(jobID, c.Field), *c.Text)
			if err != nil {
				return err
			}
			sealed[c.Field] = text
			*c.Text = Redacted
		}
	}
	r.Sealed = nil
	if len(sealed) > 0 {
		r.Sealed = sealed
	}
	return invalid(faults)
}

// Sealable reports whether the request holds a credential that is written out, which must not be stored.
func (r *Request) Sealable() bool {
	return slices.ContainsFunc(r.Credentials(), func(c Credential) bool {
		return !c.Public && *c.Text != Redacted && !HasTemplate(*c.Text)
	})
}

// Open gives a sealed text of the task: a credential by its field, or a secret by "secret.NAME".
func (t *Task) Open(keys *Keyring, name string) (string, error) {
	sealed, ok := t.Sealed[name]
	if !ok {
		return "", Errorf(CodeNotFound, "it does not exist")
	}
	place := CredentialPlace(t.JobID, name)
	if secret, isSecret := strings.CutPrefix(name, SecretPrefix); isSecret {
		place = SecretPlace(secret)
	}
	return keys.Open(place, sealed)
}
