package worker

import (
	"net/url"
	"testing"
)

func TestHeaderText(t *testing.T) {
	for _, id := range []string{"nightly-report", "定时 任务/1?&%", "a b", "tab\tid", "50%", "a+b", "", "é\r\nX: y"} {
		got := headerText(id)
		back, err := url.PathUnescape(got)
		if err != nil || back != id {
			t.Errorf("%q became %q, which reads %q (%v)", id, got, back, err)
		}
		for _, c := range []byte(got) {
			if c <= ' ' || c >= 0x7f {
				t.Errorf("%q became %q, which is no header value", id, got)
			}
		}
	}
	if got := headerText("a/b:c"); got != "a/b:c" {
		t.Errorf("a plain id became %q", got)
	}
}
