package api

import (
	"strings"
	"testing"

	"schedule-server/pkg/access"
)

func TestCORS(t *testing.T) {
	const friend = "https://ops.example"
	w := newWorld(t, worldOptions{cors: []string{friend}})
	preflight := func(path, origin string) answer {
		return w.call("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization")
	}
	a := preflight(v1+"/jobs/a", friend).is(204)
	if a.header.Get("Access-Control-Allow-Origin") != friend || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "PUT") ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("a friend's preflight: %v", a.header)
	}
	if a := preflight(v1+"/jobs/a", "https://evil.example"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another's preflight: %v", a.header)
	}
	a = w.call("POST", v1+"/jobs", cronJob, "Origin", friend, "Sec-Fetch-Site", "cross-site").is(201)
	if a.header.Get("Access-Control-Allow-Origin") != friend || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "ETag") {
		t.Errorf("a friend's call: %v", a.header)
	}
	w.call("DELETE", v1+"/jobs/a", "", "Origin", "https://evil.example").problem(403, "forbidden")
	w.key = w.makeKey(access.Admin).Text
	// A refusal has the headers too, or the page cannot read it.
	if a := w.call("GET", v1+"/jobs", "", "Origin", friend, "Authorization", "").is(401); a.header.Get("Access-Control-Allow-Origin") != friend {
		t.Errorf("a friend without a key: %v", a.header)
	}
}

// TestCORSForAny lets every page read and write with a key, and none without.
func TestCORSForAny(t *testing.T) {
	w := newWorld(t, worldOptions{cors: []string{"*"}})
	w.call("POST", v1+"/jobs", cronJob, "Origin", "https://a.example", "Sec-Fetch-Site", "cross-site").problem(403, "forbidden")
	w.call("GET", v1+"/jobs", "", "Origin", "https://a.example", "Sec-Fetch-Site", "cross-site").problem(403, "forbidden")
	w.call("GET", v1+"/jobs", "").is(200)
	w.key = w.makeKey(access.Admin).Text
	a := w.call("POST", v1+"/jobs", cronJob, "Origin", "https://a.example", "Sec-Fetch-Site", "cross-site").is(201)
	if a.header.Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Error(a.header)
	}
}

func TestOriginsAndProxiesAreChecked(t *testing.T) {
	w := newWorld(t, worldOptions{})
	for _, bad := range []string{"", "ops.example", "https://ops.example/", "https://OPS.example", "ftp://a", "https://a b", "https://*.example",
		"https://ops.example:99999", "https://ops..example"} {
		if _, err := New(w.deps(), Options{CORSOrigins: []string{bad}}); err == nil || !strings.Contains(err.Error(), "--cors-origins") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "proxy", "10.0.0.0/33", "10.0.0.1:80"} {
		if _, err := New(w.deps(), Options{TrustedProxies: []string{bad}}); err == nil || !strings.Contains(err.Error(), "--trusted-proxies") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
