package main

import (
	"testing"

	"schedule-server/pkg/app"
)

// Calls may reach this machine and its network only as long as no stranger can ask for them.
func TestOwnNetwork(t *testing.T) {
	local := app.HTTP{Listen: "127.0.0.1:8000"}
	proxied := app.HTTP{Listen: "127.0.0.1:8000", TrustedProxies: []string{"127.0.0.1"}}
	for name, c := range map[string]struct {
		http    app.HTTP
		public  string
		allowed []string
		hasKeys bool
		want    bool
	}{
		"on loopback":                           {http: local, want: true},
		"on loopback, with a key":               {http: local, hasKeys: true},
		"on loopback, with a proxy":             {http: proxied},
		"on loopback, with a public URL":        {http: local, public: "https://cron.example"},
		"on loopback, with targets of its own":  {http: local, allowed: []string{"10.1.0.0/16"}},
		"on an address that others can reach":   {http: app.HTTP{Listen: "0.0.0.0:8000"}},
		"on an address of the private network":  {http: app.HTTP{Listen: "10.0.0.7:8000"}},
		"on localhost, by its name":             {http: app.HTTP{Listen: "localhost:8000"}, want: true},
		"on loopback of IPv6, on any free port": {http: app.HTTP{Listen: "[::1]:0"}, want: true},
	} {
		f := flags{HTTP: c.http}
		f.PublicURL, f.AllowTargets = c.public, c.allowed
		own := newOwnNetwork(&f, c.hasKeys)
		if got := own != nil && own.open.Load(); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
