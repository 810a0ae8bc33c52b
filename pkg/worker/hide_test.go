package worker

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"schedule-server/pkg/job"
)

func hiderOf(texts ...string) *hider {
	f := &filler{}
	for i, text := range texts {
		f.remember(fmt.Sprint(i), text)
	}
	return f.hider("")
}

// encoders are how targets write down what they were sent.
var encoders = map[string]func(string) string{
	"plain": func(s string) string { return s },
	"query": url.QueryEscape, "path": url.PathEscape, "lower query": func(s string) string { return lowerEscapes(url.QueryEscape(s)) },
	"every byte, upper": func(s string) string { return everyByte(s, "%%%02X") },
	"every byte, lower": func(s string) string { return everyByte(s, "%%%02x") },
	"query twice":       func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"JSON":              jsonText, "JSON for HTML": inJSON, "JSON twice": func(s string) string { return jsonText(jsonText(s)) },
	"JSON in ASCII": func(s string) string { return asciiJSON(s, `\u%04x`) },
	"JSON in ASCII, upper": func(s string) string {
		return asciiJSON(s, `\u%04X`)
	},
	"JSON of PHP": func(s string) string { return strings.ReplaceAll(jsonText(s), "/", `\/`) },
	"Go":          func(s string) string { return strings.Trim(fmt.Sprintf("%+q", s), `"`) },
	"HTML":        html.EscapeString, "HTML twice": func(s string) string { return html.EscapeString(html.EscapeString(s)) },
	"HTML in decimal": func(s string) string { return everyRune(s, "&#%d;") },
	"HTML in hex":     func(s string) string { return everyRune(s, "&#x%X;") },
	"XML": func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s))
		return b.String()
	},
	"hex": func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEX": func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"UTF-16LE": func(s string) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune(s)) {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
		return b.String()
	},
	"UTF-16BE": func(s string) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune(s)) {
			b.Write([]byte{byte(u >> 8), byte(u)})
		}
		return b.String()
	},
	"base64 0":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64url": func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"base64 1":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "yz")) },
	"base64 2":  func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("xx" + s + "y")) },
	"a request in base64": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("GET /?k=" + s + " HTTP/1.1\r\n"))
	},
	"a query in base64": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte("GET /?k=" + inURL(s) + " HTTP/1.1"))
	},
	"base64 in lines":       func(s string) string { return inLines(base64.StdEncoding.EncodeToString([]byte("ab"+s)), "\r\n") },
	"base64 in lines, JSON": func(s string) string { return jsonText(inLines(base64.StdEncoding.EncodeToString([]byte(s)), "\n")) },
	"base64 in a query":     func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("ab" + s))) },
	"base64 in JSON of PHP": func(s string) string {
		return strings.ReplaceAll(base64.StdEncoding.EncodeToString([]byte(s)), "/", `\/`)
	},
	"a JSON request in base64": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(`{"key":"` + inJSON(s) + `"}`))
	},
}

func jsonText(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")[1 : len(b.String())-2]
}

func asciiJSON(s, form string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		switch {
		case u == '"' || u == '\\':
			b.WriteString(`\` + string(rune(u)))
		case u < 0x80 && u >= ' ':
			b.WriteByte(byte(u))
		default:
			_, _ = fmt.Fprintf(&b, form, u)
		}
	}
	return b.String()
}

func everyByte(s, form string) string {
	var b strings.Builder
	for i := range len(s) {
		_, _ = fmt.Fprintf(&b, form, s[i])
	}
	return b.String()
}

func everyRune(s, form string) string {
	var b strings.Builder
	for _, r := range s {
		_, _ = fmt.Fprintf(&b, form, r)
	}
	return b.String()
}

func lowerEscapes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			b.WriteString(strings.ToLower(s[i : i+3]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func inLines(s, end string) string {
	var b strings.Builder
	for len(s) > 7 {
		b.WriteString(s[:7] + end)
		s = s[7:]
	}
	return b.String() + s
}

func TestHiddenInAllForms(t *testing.T) {
	for _, secret := range []string{
		"abcd", "s3cr3t-PAYROLL-hex-4711", `p"w/1 2&3<\`, "1.aVeryLongCompletionToken_-x", "naïve schlüssel 密钥 😀!",
		"line\nbreak\ttab", "+/+/==//??>>", strings.Repeat("long-", 200), "ünïcödé", `%41%%42 &amp;`, `a\u0041\\b`,
	} {
		h := hiderOf(secret)
		for name, encode := range encoders {
			form := encode(secret)
			for _, around := range [][2]string{{"", ""}, {"<", ">"}, {`{"a":"`, `"}`}, {"a%20", "&b=c"}} {
				text := around[0] + form + around[1]
				clean := h.hideText(text)
				if !strings.Contains(clean, job.Redacted) || !strings.HasPrefix(clean, around[0]) || !strings.HasSuffix(clean, around[1]) {
					t.Errorf("%s of %.20q: %.90q becomes %.90q", name, secret, text, clean)
				}
				if left := len(clean) - len(around[0]) - len(around[1]) - len(job.Redacted); left > 64 {
					t.Errorf("%s of %.20q: %d bytes are left: %.90q", name, secret, left, clean)
				}
			}
		}
	}
}

// What is not a secret stays as it is.
func TestNothingElseIsHidden(t *testing.T) {
	h := hiderOf("s3cr3t-token", "密钥密钥", "a b")
	for _, text := range []string{
		"", "s3cr3t-toke", "s3cr3t token", "S3CR3T-TOKEN", "%", "%%%%", "%2", `\`, `\\\\`, `\u`, `\u12`, `\ud83d`, `\ud83d\u`, "&", "&;", "&amp", "&#;", "&#x;",
		"&amp;amp;amp;amp;amp;amp;", "%2525252525252525", strings.Repeat(`\`, 1000), "a b", "the quick brown fox", "\xff\xfe\x00", "s3cr3t\n-token",
	} {
		if got := h.hide([]byte(text), false); string(got) != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	if h := hiderOf("", "abc"); h != nil {
		t.Error("short texts are looked for")
	}
	var none *hider
	if none.hideText("x") != "x" || none.holds("x") || none.hideFault(nil) != nil {
		t.Error("no hider hides something")
	}
}

// At the end of an answer that was cut, the beginning of a secret is left out too; a
// long secret need not be complete anywhere.
func TestPartsOfSecrets(t *testing.T) {
	secret := "s3cr3t-PAYROLL-token"
	h := hiderOf(secret)
	for name, encode := range encoders {
		if strings.Contains(name, "base64") || strings.HasPrefix(name, "UTF-16") {
			continue // what is left of those ends in the middle of a character
		}
		form := encode(secret)
		cut := "xxxx " + form[:len(form)*2/3]
		if got := string(h.hide([]byte(cut), true)); !strings.HasPrefix(got, "xxxx ") || len(got) > 5+8 {
			t.Errorf("%s: %q becomes %q", name, cut, got)
		}
		if got := h.hideText(cut); got != cut {
			t.Errorf("%s: a part within is hidden: %q", name, got)
		}
	}
	long := strings.Repeat("0123456789", 20)
	if got := hiderOf(long).hideText("<" + long[:100] + ">"); got != "<"+job.Redacted+">" {
		t.Errorf("the first half of a long secret becomes %q", got)
	}
}

// However strange the answer, hiding ends, and leaves no plain secret.
func TestHidingAnything(t *testing.T) {
	alphabet := []string{"a", "b", "%", "2", "5", `\`, "u", "0", "&", "amp", ";", "#", "x", "+", " ", "\n", "4", "1", "/", "=", "Y", "W"}
	rapid.Check(t, func(t *rapid.T) {
		word := func(label string, least, most int) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(alphabet), least, most).Draw(t, label), "")
		}
		secret := word("secret", 4, 12)
		text := word("before", 0, 30) + secret + word("after", 0, 30)
		if clean := hiderOf(secret).hideText(text); strings.Contains(clean, secret) && !strings.Contains(job.Redacted, secret) {
			t.Fatalf("%q in %q: %q", secret, text, clean)
		}
	})
}

func TestFaultsHideSecrets(t *testing.T) {
	h := hiderOf("hush hush")
	if got := h.hideFault(&fault{job.ReasonDNS, errors.New("look-up of hush%20hush.test")}); got.text() != "look-up of [redacted].test" || got.reason != job.ReasonDNS {
		t.Errorf("%+v", got)
	}
	same := &fault{job.ReasonDNS, errors.New("nothing")}
	if h.hideFault(same) != same {
		t.Error("a fault without a secret is made anew")
	}
}

// A completion URL is kept in no form, neither in text nor in what is kept as base64, nor in headers.
func TestEchoedCompletionURLs(t *testing.T) {
	b, tokens := newLongBench(t)
	token := tokens.Token("01JRUN", 1)
	for name, encode := range encoders {
		for _, binary := range []string{"", "\xff\x00"} {
			target, _ := recording(t, func(w http.ResponseWriter, r *recorded) {
				sent := r.Header.Get(headerCompletion)
				if !strings.HasPrefix(name, "UTF-16") {
					w.Header().Set("X-Echo", encode(sent))
					w.Header().Set("Location", "https://other.example/?back="+url.QueryEscape(encode(sent)))
				}
				_, _ = w.Write([]byte(binary + encode(sent) + binary))
			})
			e := b.expect(t, taskFor(target.URL), job.ReasonOK)
			body := e.Response.Body
			if e.Response.BodyEncoding == job.EncodingBase64 {
				plain, err := base64.StdEncoding.DecodeString(body)
				if err != nil {
					t.Fatal(err)
				}
				body = string(plain)
			}
			for where, text := range map[string]string{"body": body, "X-Echo": e.Response.Headers["X-Echo"], "Location": e.Response.Headers["Location"]} {
				if strings.Contains(text, token) || where == "body" && !strings.Contains(text, hidden) {
					t.Errorf("%s: the %s keeps %q", name, where, text)
				}
				if where != "body" && text != "" && !strings.HasPrefix(name, "UTF-16") && !strings.Contains(text, hidden) {
					t.Errorf("%s: the %s keeps %q", name, where, text)
				}
			}
			target.Close()
		}
	}
}
