package main

import (
	"strings"
	"testing"
	"time"
)

func TestMoments(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	now := at("2026-11-27T09:00:00Z")
	tests := []struct{ now, text, want string }{
		{"2026-11-27T09:00:00Z", "+1y", "2027-11-27T09:00:00Z"},
		{"2026-11-27T09:00:00Z", "+13mo", "2027-12-27T09:00:00Z"},
		{"2026-11-27T09:00:00Z", "+40d", "2027-01-06T09:00:00Z"},
		{"2026-11-27T09:00:00Z", "2031-01-01T00:00:00+08:00", "2031-01-01T00:00:00+08:00"},
		{"2026-11-27T09:00:00Z", "leap-day", "2028-02-29T05:00:00Z"},
		{"2028-02-29T04:59:59Z", "leap-day", "2028-02-29T05:00:00Z"},
		{"2028-02-29T05:00:00Z", "leap-day", "2032-02-29T05:00:00Z"},
		{"2097-01-01T00:00:00Z", "leap-day", "2104-02-29T05:00:00Z"},
	}
	for _, test := range tests {
		got, err := parseMoment(test.text, at(test.now))
		if err != nil || !got.Equal(at(test.want)) {
			t.Errorf("%s at %s is %v, %v; want %s", test.text, test.now, got, err, test.want)
		}
	}
	for _, text := range []string{"", "1y", "+y", "+1", "+1w", "+-1y", "tomorrow", "2031-01-01"} {
		if got, err := parseMoment(text, now); err == nil || !strings.Contains(err.Error(), "leap-day") {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func TestFlagsAreAdded(t *testing.T) {
	const want = "-buildvcs=false '-overlay=/a b/overlay.json' -ldflags=-X=runtime.wallClockShift=-90"
	if got := goFlags("-buildvcs=false", "/a b/overlay.json", -90*time.Second); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"usage":            {"+1y", "UTC"},
		"the zone":         {"+1y", "Nowhere/Land", "go", "version"},
		"the moment \"x\"": {"x", "UTC", "go", "version"},
	} {
		if err := run(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}
