package job

import "testing"

func TestCarriesCredentials(t *testing.T) {
	for name, want := range map[string]bool{
		"Authorization": true, "cookie": true, "X-Api-Key": true, "api_key": true, "X-Auth-Token": true,
		"client_secret": true, "Private-Key": true, "password": true, "sessionid": true, "X-Signature": true,
		"Accept": false, "Content-Type": false, "X-Plain": false, "key": true, "sig": true, "pwd": true,
		"keyword": false, "design": false, "Idempotency-Key": false, "X-Functions-Key": true, "subscription-key": true,
	} {
		if got := CarriesCredentials(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestRedactURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://example.com/a?b=c&d":                        "http://example.com/a?b=c&d",
		"http://user:hunter2@example.com/":                  "http://redacted@example.com/",
		"http://e.com/?token=hunter2&x=1&api%5Fkey=hunter2": "http://e.com/?token=redacted&x=1&api%5Fkey=redacted",
		"http://e.com/?%zz=hunter2":                         "http://e.com/?%zz=redacted",
		"http://e.com/\x7f":                                 Redacted,
		"http://e.com/{{job_id}}?a=b c":                     "http://e.com/{{job_id}}?a=b c",
		"":                                                  "",
	} {
		if got := RedactURL(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
