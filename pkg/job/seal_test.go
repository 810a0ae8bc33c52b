package job_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"schedule-server/pkg/job"
)

func mustKeys(t *testing.T, text string) *job.Keyring {
	t.Helper()
	keys, err := job.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

const hexKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func TestParseKeys(t *testing.T) {
	same := []string{
		hexKey, strings.ToUpper(hexKey), " " + hexKey + " ",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
	}
	sealed, err := mustKeys(t, same[0]).Seal("p", "text")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range same {
		if got, err := mustKeys(t, text).Open("p", sealed); err != nil || got != "text" {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"short", hexKey + ",short", hexKey + ",", ",", "AAECAwQ="} {
		if _, err := job.ParseKeys(text); err == nil || strings.Contains(err.Error(), "short") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if keys, err := job.ParseKeys(" "); keys != nil || err != nil {
		t.Errorf("no key: %v, %v", keys, err)
	}
	passphrase := mustKeys(t, "correct horse battery")
	sealed, err = passphrase.Seal("p", "text")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := mustKeys(t, hexKey+",correct horse battery").Open("p", sealed); err != nil || got != "text" {
		t.Errorf("a passphrase among others: %q, %v", got, err)
	}
	if a, b := job.NewKey(), job.NewKey(); a == b || mustKeys(t, a) == nil {
		t.Errorf("new keys: %s, %s", a, b)
	}
}

func TestSealAndOpen(t *testing.T) {
	keys := mustKeys(t, hexKey)
	rapid.Check(t, func(t *rapid.T) {
		place, text := rapid.String().Draw(t, "place"), rapid.String().Draw(t, "text")
		sealed, err := keys.Seal(place, text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys.Open(place, sealed); err != nil || got != text {
			t.Fatalf("%q, %v", got, err)
		}
		if again, _ := keys.Seal(place, text); again != sealed {
			t.Fatal("the same text at the same place seals differently")
		}
		if _, err := keys.Open(place+"x", sealed); err == nil {
			t.Fatal("it opens at another place")
		}
		if other, _ := keys.Seal(place, text+"x"); other == sealed {
			t.Fatal("another text seals alike")
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		changed := []byte(sealed)
		changed[at] = rapid.SampledFrom([]byte("Ab0-_.\x00")).Draw(t, "byte")
		if got, err := keys.Open(place, string(changed)); err == nil && got != text { // the last character of base64 may have spare bits
			t.Fatalf("a changed text opens as %q", got)
		}
	})
}

// The first key seals, all open; without the right one the error says so.
func TestKeyRotation(t *testing.T) {
	other := job.NewKey()
	before, after := mustKeys(t, hexKey), mustKeys(t, other+","+hexKey)
	old, err := before.Seal("p", "text")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Open("p", old); err != nil || got != "text" {
		t.Errorf("%q, %v", got, err)
	}
	fresh, err := after.Seal("p", "text")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Open("p", fresh); err == nil || !strings.Contains(err.Error(), "key") {
		t.Errorf("opened by the old key: %v", err)
	}
	if anew, err := after.Reseal("p", old); err != nil || anew != fresh {
		t.Errorf("sealed anew: %q, %v; want %q", anew, err, fresh)
	}
	if anew, err := after.Reseal("p", fresh); err != nil || anew != fresh {
		t.Errorf("sealed anew twice: %q, %v", anew, err)
	}
	kept := job.Request{Auth: &job.Auth{Type: "bearer", Token: job.Redacted}}
	place := job.CredentialPlace("a", "auth.token")
	sealed, err := before.Seal(place, "text")
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Seal(after, "a", &job.Request{Sealed: map[string]string{"auth.token": sealed}}); err != nil {
		t.Fatal(err)
	}
	if text := kept.Sealed["auth.token"]; text == sealed || second(after.Open(place, text)) != nil {
		t.Errorf("an edit keeps the text under the old key: %q", text)
	}
	var none *job.Keyring
	for _, err := range []error{second(none.Seal("p", "x")), second(none.Open("p", old))} {
		if job.CodeOf(err) != job.CodeUnavailable || !strings.Contains(err.Error(), "SECRET_KEY") {
			t.Errorf("without a key: %v", err)
		}
	}
	for _, broken := range []string{"", "v1", "v1..", "v2.a.b", strings.Replace(old, ".", ".x", 1), old[:30]} {
		if _, err := before.Open("p", broken); err == nil {
			t.Errorf("%q opens", broken)
		}
	}
}

func second(_ string, err error) error { return err }

// A change may be made twice over the same input, when the database undid it the first time.
func TestSealLeavesTheInputAlone(t *testing.T) {
	keys := mustKeys(t, hexKey)
	in := job.Request{SigningSecret: "a", Auth: &job.Auth{Type: job.AuthBearer, Token: "b"}, TLS: &job.TLS{ClientCert: "c", ClientKey: "d"}}
	first, again := in, in
	for _, r := range []*job.Request{&first, &again} {
		if err := r.Seal(keys, "id", nil); err != nil {
			t.Fatal(err)
		}
	}
	if in.Auth.Token != "b" || in.TLS.ClientKey != "d" || in.SigningSecret != "a" || in.Sealed != nil {
		t.Errorf("the input is %+v %+v %+v", in, in.Auth, in.TLS)
	}
	if diff := cmp.Diff(first, again); diff != "" || len(first.Sealed) != 3 || first.Auth.Token != job.Redacted {
		t.Errorf("%+v\n%s", first, diff)
	}
	task := job.TaskOf(&job.Run{JobID: "id"}, &first, &job.Policy{})
	if got, err := task.Open(keys, "auth.token"); err != nil || got != "b" {
		t.Errorf("%q, %v", got, err)
	}
	task.JobID = "other"
	if _, err := task.Open(keys, "auth.token"); err == nil {
		t.Error("another job opens the credential")
	}
	if _, err := task.Open(keys, "auth.password"); job.CodeOf(err) != job.CodeNotFound {
		t.Errorf("what does not exist: %v", err)
	}
}
