package deliver

import (
	"net/url"
	"strings"

	"schedule-server/pkg/app"
	"schedule-server/pkg/job"
)

// WarnOfPassphrase warns of a secret key that may be guessed.
func WarnOfPassphrase(p *app.Process, keys *job.Keyring) {
	if keys.HasPassphrase() {
		p.Logger.Warn("the secret key is a passphrase: whoever has a copy of the database, or was called with X-Schedule-Completion-Url, can try to guess it; " +
			"use 32 random bytes (openssl rand -base64 32) and seal anew with reseal --new-key")
	}
}

// Started writes the line that says what a program is and does. It comes when everything is listening.
func Started(p *app.Process, attributes ...any) {
	p.Logger.Info("started", append([]any{"program", p.Name, "version", p.Version, "id", p.ID}, attributes...)...)
}

// Shown are the attributes of that line that say how calls are made.
func Shown(d app.Delivery, keys *job.Keyring) []any {
	targets := "public addresses"
	if len(d.AllowTargets) > 0 {
		targets += ", " + strings.Join(d.AllowTargets, ", ")
	}
	if d.OwnNetwork != nil && d.OwnNetwork() {
		targets += ", and loopback and private until there is a key"
	}
	shown := []any{"targets", targets, "concurrency", d.Concurrency, "secret_key", keys != nil}
	if d.Proxy != "" {
		shown = append(shown, "proxy", hosts(d.Proxy))
	}
	if d.PublicURL != "" {
		shown = append(shown, "public_url", d.PublicURL)
	}
	return shown
}

// hosts is a URL without user, password, path and query.
func hosts(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
