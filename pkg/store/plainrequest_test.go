package store

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"schedule-server/pkg/job"
)

// Whatever is stored is read as encoding/json reads it, or refused as it does; and what is plain without it.
func TestRequestsAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-z:/?&"<>\\\\{}]{0,12}`), rapid.String())
		want := job.Request{
			Method: text.Draw(t, "method"), URL: text.Draw(t, "url"), Body: job.Body(text.Draw(t, "body")),
			Headers:      rapid.OneOf(rapid.Just(map[string]string(nil)), rapid.MapOfN(text, text, 0, 3)).Draw(t, "headers"),
			BodyEncoding: text.Draw(t, "body encoding"), SigningSecret: text.Draw(t, "signing secret"),
			Literal: rapid.Bool().Draw(t, "literal"), InsecureTLS: rapid.Bool().Draw(t, "insecure"),
			FollowRedirects: rapid.IntRange(0, 10).Draw(t, "redirects"),
		}
		plain := want.FollowRedirects < 10
		if rapid.IntRange(0, 3).Draw(t, "auth") == 0 {
			want.Auth, plain = &job.Auth{Type: "bearer"}, false
		}
		if rapid.IntRange(0, 3).Draw(t, "tls") == 0 {
			want.TLS, plain = &job.TLS{CA: "c"}, false
		}
		stored, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := readPlain(string(stored)); ok != plain {
			t.Fatalf("%s is plain: %v", stored, ok)
		}
		sameAsJSON(t, string(stored))
		at := rapid.IntRange(0, len(stored)-1).Draw(t, "damaged at")
		sameAsJSON(t, string(stored[:at])+string(rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "damage"))+string(stored[at+1:]))
	})
	for _, text := range []string{
		"", "null", "{}", `{"method":"GET","auth":{"type":1}}`, `{"method":"GET","url":"u","headers":{"a":"1","a":"2"},"body":"","auth":null,"follow_redirects":0,"insecure_tls":false}`,
		`{"method":"GET","url":"u","headers":{"a":"1",},"body":"","auth":null,"follow_redirects":0,"insecure_tls":false}`,
		`{"method":"GET","url":"u","headers":{,"body":"","auth":null,"follow_redirects":0,"insecure_tls":false}`,
		`{"method":"GET","url":"u","headers":{},"body":{"a":1},"auth":null,"follow_redirects":01,"insecure_tls":false}`,
		`{"method":"GET","url":"u","headers":{},"body":"","auth":null,"follow_redirects":0,"insecure_tls":false} `,
	} {
		sameAsJSON(t, text)
	}
}

func sameAsJSON(t rapid.TB, text string) {
	t.Helper()
	var want, got job.Request
	wantErr, err := json.Unmarshal([]byte(text), &want), decodeRequest(text, &got)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q is read with the error %v, by encoding/json with %v", text, err, wantErr)
	}
	if a, b := mustJSON(t, got), mustJSON(t, want); err == nil && a != b {
		t.Fatalf("%q is read as %s, by encoding/json as %s", text, a, b)
	}
}

func mustJSON(t rapid.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func BenchmarkDecodeRequest(b *testing.B) {
	text := mustJSON(b, job.Request{Method: "GET", URL: "https://example.com/hook?a=1&b=2", Headers: map[string]string{"X-A": "1"}})
	for b.Loop() {
		var got job.Request
		if err := decodeRequest(text, &got); err != nil {
			b.Fatal(err)
		}
	}
}
