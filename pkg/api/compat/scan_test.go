package compat

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func readCases(tb testing.TB, file string, into any) {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		tb.Fatalf("%s: %v", file, err)
	}
}

// TestScan compares with what Python's parser said of the same documents.
func TestScan(t *testing.T) {
	var recorded struct {
		Cases []struct {
			Doc   string `json:"doc"`
			OK    bool   `json:"ok"`
			Error string `json:"error"`
			Pos   int    `json:"pos"`
		} `json:"cases"`
	}
	readCases(t, "testdata/broken_json.json", &recorded)
	if len(recorded.Cases) < 800 {
		t.Fatalf("only %d cases", len(recorded.Cases))
	}
	for _, one := range recorded.Cases {
		_, err := scan([]byte(one.Doc))
		var broken *syntaxError
		switch {
		case one.OK && err != nil:
			t.Errorf("%q is refused: %v", one.Doc, err)
		case !one.OK && (!errors.As(err, &broken) || broken.msg != one.Error || broken.pos != one.Pos):
			t.Errorf("%q: %v, want %s at %d", one.Doc, err, one.Error, one.Pos)
		}
	}
}

func TestScanKeepsWhatWasGiven(t *testing.T) {
	d, err := scan([]byte(` { "big" : 123456789012345678901234567890 , "a" : [ 1.50, {"x" : NaN} ], "a" : "定\u00e9" } `))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"big":123456789012345678901234567890,"a":[1.50,{"x":null}],"a":"定\u00e9"}`; d.text != want {
		t.Errorf("read %s, want %s", d.text, want)
	}
	if v := d.members["a"]; v.kind != kindText || v.text != `"定\u00e9"` || len(d.members) != 2 {
		t.Errorf("members %+v: the last of a name counts, and none from within", d.members)
	}
}

func TestScanLimits(t *testing.T) {
	for name, doc := range map[string]string{
		"depth":  strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1),
		"digits": strings.Repeat("9", maxDigits+1),
	} {
		if _, err := scan([]byte(doc)); !errors.Is(err, errBeyond) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, doc := range map[string]string{
		"depth":  strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth),
		"digits": strings.Repeat("9", maxDigits),
	} {
		if _, err := scan([]byte(doc)); err != nil {
			t.Errorf("%s at the limit: %v", name, err)
		}
	}
}

// FuzzScan: what encoding/json takes is taken, to the same value; what is taken besides holds a NaN or an infinity,
// and is written as valid JSON all the same.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{`{"job_id": "a", "url": 1e5}`, `[NaN, -Infinity, 1e999]`, `{"a":"\ud800\u12"}`, `01`, "\"\x7f\"", `-0.0E+1`, `{"":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if !utf8.Valid(doc) {
			return
		}
		d, err := scan(doc)
		if errors.Is(err, errBeyond) {
			return
		}
		switch valid := json.Valid(doc); {
		case valid && err != nil:
			t.Fatalf("%q is refused: %v", doc, err)
		case err != nil:
			var broken *syntaxError
			if !errors.As(err, &broken) || broken.pos < 0 || broken.pos > utf8.RuneCount(doc) {
				t.Fatalf("%q: %v", doc, err)
			}
		case !valid && !bytes.Contains(doc, []byte("NaN")) && !bytes.Contains(doc, []byte("Infinity")):
			t.Fatalf("%q is taken", doc)
		case !json.Valid([]byte(d.text)):
			t.Fatalf("%q is written as %s", doc, d.text)
		}
	})
}
