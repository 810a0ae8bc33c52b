package access

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token := NewToken(KindKey)
		text := token.Text()
		if len(text) != 51 || !strings.HasPrefix(text, "sk_"+token.ID) || seen[token.ID] {
			t.Fatalf("the token is %s", text)
		}
		seen[token.ID] = true
		again, ok := ParseToken(KindKey, text)
		if !ok || again != token || !again.Matches(token.Hash()) || len(token.Hash()) != 64 {
			t.Fatalf("%s is read as %v", text, again)
		}
		for _, shown := range []string{fmt.Sprint(token), fmt.Sprintf("%+v", token), fmt.Sprintf("%#v", token), slog.AnyValue(token).Resolve().String()} {
			if strings.Contains(shown, text[13:]) {
				t.Fatalf("it is shown as %s", shown)
			}
		}
		for i := range text { // no typing mistake is a token
			for _, c := range []string{"0", "z", "_"} {
				if wrong := text[:i] + c + text[i+1:]; wrong != text {
					if _, ok := ParseToken(KindKey, wrong); ok {
						t.Fatalf("%s is taken for a token", wrong)
					}
				}
			}
		}
	}
	good := NewToken(KindKey)
	if _, ok := ParseToken(KindSession, good.Text()); ok {
		t.Error("a key is taken for a session")
	}
	if good.Matches(NewToken(KindKey).Hash()) || good.Matches("") {
		t.Error("a token matches what is not its own")
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(NewToken(KindKey).Text())
	f.Add("sk_")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if token, ok := ParseToken(KindKey, text); ok && token.Text() != text {
			t.Errorf("%q is read as %q", text, token.Text())
		}
	})
}
