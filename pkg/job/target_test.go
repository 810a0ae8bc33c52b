package job_test

import (
	"strings"
	"testing"

	"schedule-server/pkg/job"
)

func TestParseTarget(t *testing.T) {
	tests := []struct{ in, host, uri string }{
		{"http://a.test", "a.test", "/"},
		{"HTTP://a.test:8080/x?y=1", "a.test:8080", "/x?y=1"},
		{"http://a.test?q=1", "a.test", "/?q=1"},
		{"http://a.test/x#part", "a.test", "/x"},
		{"http://a.test/定时 任务/1", "a.test", "/%E5%AE%9A%E6%97%B6%20%E4%BB%BB%E5%8A%A1/1"},
		{"http://a.test/?名=值 1&b=\"c\"", "a.test", "/?%E5%90%8D=%E5%80%BC%201&b=%22c%22"},
		{"http://a.test/%E5%AE%9A%20x?q=%e5%AE%9a", "a.test", "/%E5%AE%9A%20x?q=%e5%AE%9a"},
		{"http://a.test/100%/%zz/%4", "a.test", "/100%25/%25zz/%254"},
		{"http://a.test/?rate=50%&x=%41", "a.test", "/?rate=50%25&x=%41"},
		{"http://a.test/a%2Fb/c", "a.test", "/a%2Fb/c"},
		{"http://a.test/{x}|^`<>\\", "a.test", "/%7Bx%7D%7C%5E%60%3C%3E%5C"},
		{"http://a.test/!$&'()*+,;=:@[]~-._", "a.test", "/!$&'()*+,;=:@[]~-._"},
		{"http://a.test/a//b/../c", "a.test", "/a//b/../c"},
		{"http://a.test/?u=http://b.test/é", "a.test", "/?u=http://b.test/%C3%A9"},
		{"http://a.test/\xff", "a.test", "/%FF"},
		{"https://bücher.example:8443/x", "xn--bcher-kva.example:8443", "/x"},
		{"http://例え.テスト/", "xn--r8jz45g.xn--zckzah", "/"},
		{"http://[::1]:80/x", "[::1]:80", "/x"},
		{"http://u:p@a.test/x", "a.test", "/x"},
	}
	for _, test := range tests {
		u, err := job.ParseTarget(test.in)
		if err != nil {
			t.Errorf("%q: %v", test.in, err)
			continue
		}
		if u.Host != test.host || u.RequestURI() != test.uri {
			t.Errorf("%q: got %s %s, want %s %s", test.in, u.Host, u.RequestURI(), test.host, test.uri)
		}
	}
}

func TestParseTargetFaults(t *testing.T) {
	for _, in := range []string{"", "x", "/x", "ftp://a.test/", "http://", "http:///x", "http://:80/", "http://a.test:port/",
		"http://a b/", "http://a\\b/", "http://[::1/", "http://user:topsecret@a.test:x/", "http://-ä-.test/", "javascript:alert(1)",
		"http://a.test\x00/", "file:///etc/passwd"} {
		_, err := job.ParseTarget(in)
		if err == nil {
			t.Errorf("%q: no error", in)
		} else if strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%q: the error tells the password: %v", in, err)
		}
	}
}

// Whatever is given, the result never changes when it goes through once more,
// and what is sent is ASCII without spaces.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"http://a.test/定时 任务/1?&%", "//x/%", "http://a.test/?%zz#", "http://é/é?é#é", "a:b//c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		once := job.EscapeURL(in)
		if twice := job.EscapeURL(once); twice != once {
			t.Fatalf("%q became %q, then %q", in, once, twice)
		}
		u, err := job.ParseTarget(in)
		if err != nil {
			return
		}
		for _, c := range []byte(u.RequestURI()) {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("%q sends %q", in, u.RequestURI())
			}
		}
	})
}
