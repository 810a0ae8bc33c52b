package job_test

import (
	"net/url"
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

// badAuthorities are hosts and ports that no URL may have, with a part of what is said about them.
var badAuthorities = map[string]string{
	"h:99999":                         "port",
	"h:65536":                         "port",
	"h:0":                             "port",
	"h:00":                            "port",
	"h:99999999999999999999":          "port",
	"a..b":                            "no name before it",
	".a":                              "no name before it",
	".":                               "no name before it",
	"a.b..":                           "no name before it",
	strings.Repeat("a", 64) + ".test": "63 bytes",
	strings.Repeat("a.", 127) + "aa":  "253 bytes",
	"2130706433":                      "ends in a number",
	"0x7f.1":                          "ends in a number",
	"0X7F000001":                      "ends in a number",
	"0x":                              "ends in a number",
	"017700000001":                    "ends in a number",
	"127.1":                           "ends in a number",
	"0":                               "ends in a number",
	"256.1.1.1":                       "ends in a number",
	"1.2.3.4.5":                       "ends in a number",
	"127.0.0.1.":                      "ends in a number",
	"127.0.0.01":                      "ends in a number",
	"a.test.1":                        "ends in a number",
	"１２７.1":                           "ends in a number", // full-width digits
}

var goodAuthorities = []string{
	"h", "h:1", "h:65535", "h:080", "a.test.", "my_service", "1.test", "127.0.0.1", "192.0.2.1:8080", "[::1]", "[::1]:80", "[fe80::1%25lo]",
	"0xg", "x0x1", "1a", strings.Repeat("a", 63) + ".test", strings.Repeat("a.", 126) + "a", "bücher.example", "a-b.c-d",
}

func TestAuthorities(t *testing.T) {
	for authority, want := range badAuthorities {
		for field, text := range map[string]string{
			"request.url":            strings.Replace(jobWith(`"method":"GET"`), "a.test", authority, 1),
			"request.auth.token_url": jobWith(`"auth":{"type":"oauth2","token_url":"http://` + authority + `/","client_id":"x","client_secret":"y"}`),
		} {
			_, err := decode(text)
			if got := faultsOf(err); got != field+" invalid" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s in %s: got %v, want %q", authority, field, err, want)
			}
		}
		// A job that was saved before is still read, and fails when it is called.
		if _, err := job.ParseTarget("http://" + authority + "/"); err != nil {
			t.Errorf("%s: %v", authority, err)
		}
	}
	for _, authority := range goodAuthorities {
		if message := job.CheckURL("http://" + authority + "/x?y=1"); message != "" {
			t.Errorf("%s: %s", authority, message)
		}
	}
	if message := job.CheckURL("http://user:topsecret@h:99999/"); message == "" || strings.Contains(message, "topsecret") {
		t.Errorf("the message tells the password: %q", message)
	}
}

func TestCheckAuthorityWithoutHost(t *testing.T) {
	for _, u := range []*url.URL{{}, {Host: ":80"}, {Host: "[zz]"}} {
		if job.CheckAuthority(u) == nil {
			t.Errorf("%q has no host that could be called", u.Host)
		}
	}
}
