package job

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestReadSecretHosts(t *testing.T) {
	read, err := ReadSecretHosts([]string{"API.example.com", "api.example.com.", "*.Corp.example", "a.test:8443", "10.0.0.5", "::1", "[::1]:80",
		" bücher.example ", "[::ffff:10.0.0.6]", "*.corp.example:443"})
	want := SecretHosts{"api.example.com", "*.corp.example", "a.test:8443", "10.0.0.5", "[::1]", "[::1]:80", "xn--bcher-kva.example", "10.0.0.6",
		"*.corp.example:443"}
	if err != nil || !slices.Equal(read, want) {
		t.Errorf("%q, %v", read, err)
	}
	again, err := ReadSecretHosts(read)
	if err != nil || !slices.Equal(again, want) {
		t.Errorf("read again: %q, %v", again, err)
	}
	for _, text := range []string{"", "*", "*.", "https://a.test", "a.test/x", "a.test?x", "u@a.test", "a.*.test", "*.10.0.0.1", "*.[::1]", "fe80::1%eth0",
		"a b", "a.test:port", strings.Repeat("a.", 127) + "com", strings.Repeat("漢", 20_000), ".example.com"} {
		if read, err := ReadSecretHosts([]string{"ok.test", text}); err == nil || !strings.Contains(err.Error(), "hosts[1]") {
			t.Errorf("%.40q: %q, %v", text, read, err)
		}
	}
	if _, err := ReadSecretHosts(make([]string, MaxSecretHosts+1)); err == nil || !strings.Contains(err.Error(), "at most 32") {
		t.Errorf("too many: %v", err)
	}
}

func TestSecretHostsAllow(t *testing.T) {
	hosts := SecretHosts{"api.example.com", "*.corp.example", "a.test:8443", "10.0.0.5", "[::1]:80", "*.low.example:443"}
	for target, want := range map[string]bool{
		"https://api.example.com/": true, "http://API.example.com.:99/x": true, "http://xapi.example.com/": false, "http://example.com/": false,
		"http://api.example.com.evil.test/": false, "http://a.corp.example/": true, "http://a.b.corp.example/": true, "http://corp.example/": false,
		"http://xcorp.example/": false, "http://.corp.example/": false, "https://a.test:8443/": true, "https://a.test/": false, "http://10.0.0.5:1/": true,
		"http://[::ffff:10.0.0.5]/": true, "http://10.0.0.50/": false, "http://0xa000005/": false, "http://[::1]/": true, "http://[0:0::1]/": true,
		"https://[::1]/": false, "https://x.low.example/": true, "http://x.low.example/": false, "http://api.example.com@evil.test/": false,
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if hosts.Allow(u) != want {
			t.Errorf("%s: %v", target, !want)
		}
		if !(SecretHosts{}).Allow(u) {
			t.Errorf("no hosts are no limit: %s", target)
		}
	}
}

func TestStraySecrets(t *testing.T) {
	hosts := map[string]SecretHosts{"API": {"api.example.com"}, "ID": {"id.example.com"}, "FREE": {}}
	for _, test := range []struct {
		request Request
		want    string // the field; empty: none is stray
	}{
		{Request{URL: "https://api.example.com/{{ secret.API }}"}, ""},
		{Request{URL: "https://evil.test/{{ secret.API }}"}, "request.url"},
		{Request{URL: "https://evil.test/{{ secret.FREE }}"}, ""},
		{Request{URL: "https://evil.test/", Body: "{{ secret.API }}"}, "request.body"},
		{Request{URL: "https://evil.test/{{ secret.API }}", Literal: true}, ""},
		{Request{URL: "https://api.example.com/{{ secret.API }}", Headers: map[string]string{"host": "evil.test"}}, "request.url"},
		{Request{URL: "https://api.example.com:81/{{ secret.API }}", Headers: map[string]string{"host": "API.example.com"}}, ""},
		{Request{URL: "https://api.example.com/{{ secret.API }}", Headers: map[string]string{"host": "{{ job_id }}"}}, ""},
		{Request{URL: "https://evil.test/", Auth: &Auth{Type: AuthBearer, Token: "{{ secret.API }}"}}, "request.auth.token"},
		{Request{URL: "https://evil.test/", SigningSecret: "{{ secret.API }}"}, "request.signing_secret"},
		{Request{URL: "https://api.example.com/", Auth: &Auth{Type: AuthOAuth2, TokenURL: "https://id.example.com/", ClientSecret: "{{ secret.ID }}"}}, ""},
		{Request{URL: "https://id.example.com/", Auth: &Auth{Type: AuthOAuth2, TokenURL: "https://evil.test/", ClientSecret: "{{ secret.ID }}"}},
			"request.auth.client_secret"},
		{Request{URL: "https://evil.test/", TLS: &TLS{CA: "{{ secret.API }}"}}, ""},
		{Request{URL: "https://evil.test/", TLS: &TLS{ClientKey: "{{ secret.API }}"}}, "request.tls.client_key"},
		{Request{URL: "https://api.example.com/", TLS: &TLS{ClientKey: "{{ secret.API }}"},
			Auth: &Auth{Type: AuthOAuth2, TokenURL: "https://id.example.com/"}}, "request.tls.client_key"},
	} {
		target, hostHeader := test.request.WrittenTarget()
		got := ""
		if stray := test.request.StraySecret(hosts, target, hostHeader); stray != nil {
			got = stray.Field
		}
		if got != test.want {
			t.Errorf("%+v: %q, want %q", test.request, got, test.want)
		}
	}
}
