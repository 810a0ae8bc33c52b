package worker

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"schedule-server/pkg/job"
)

const (
	// maxKeptHeaders bounds the names and values of an answer's headers in the history, in bytes.
	maxKeptHeaders = 16 << 10
	// The rest of a long answer is read away within these bounds, so that the
	// connection can serve the next call; beyond them the connection is closed.
	maxDiscard     = 256 << 10
	maxDiscardTime = 100 * time.Millisecond
	maxHopBody     = 2 << 10
	hidden         = "[hidden]"
)

// readBody reads as much of the answer as is kept. Truncated says that there
// was more. With an error the body is what came before it.
func readBody(resp *http.Response, buffer *[maxBody + 1]byte) (body []byte, truncated bool, err error) {
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return nil, false, nil // what follows is no answer, and nobody asked for it
	}
	n := 0
	for n < len(buffer) && err == nil {
		var read int
		read, err = resp.Body.Read(buffer[n:])
		n += read
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if n > maxBody {
		return buffer[:maxBody], true, nil
	}
	return buffer[:n], false, err
}

// discard closes the call's last answer; of one with more to come it reads the
// rest away first, within bounds.
func (c *call) discard(resp *http.Response, more bool) {
	if more {
		late := time.AfterFunc(maxDiscardTime, func() { c.cancel(errDone) })
		_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard)
		late.Stop()
	}
	_ = resp.Body.Close()
}

// discardHop does the same for a redirect that is followed, whose body is short or of no interest.
func discardHop(resp *http.Response) {
	if resp.ContentLength <= maxHopBody {
		_, _ = io.CopyN(io.Discard, resp.Body, maxHopBody)
	}
	_ = resp.Body.Close()
}

// keep makes the account of an answer, without what h hides.
func keep(resp *http.Response, body []byte, truncated bool, h *hider) *job.Response {
	kept := &job.Response{StatusCode: resp.StatusCode, Headers: keepHeaders(resp.Header, h), BodyEncoding: "text", Truncated: truncated}
	body = h.hide(body, truncated)
	if truncated {
		body = wholeRunes(body)
	}
	if utf8.Valid(body) && bytes.IndexByte(body, 0) < 0 {
		kept.Body = string(body)
		return kept
	}
	kept.BodyEncoding, kept.Body = job.EncodingBase64, base64.StdEncoding.EncodeToString(body)
	return kept
}

// wholeRunes cuts a character off that was cut in the middle.
func wholeRunes(body []byte) []byte {
	for back := 1; back < utf8.UTFMax && back <= len(body); back++ {
		if tail := body[len(body)-back:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return body[:len(body)-back]
			}
			break
		}
	}
	return body
}

// keepHeaders joins repeated headers and hides the values of cookies, which are
// keys to the target. Where there is too much the last names, in order, are left out.
func keepHeaders(headers http.Header, h *hider) map[string]string {
	size := 0
	kept := make(map[string]string, len(headers))
	for name, values := range headers {
		value := values[0]
		if name == "Set-Cookie" {
			value = hideCookies(values)
		} else if len(values) > 1 {
			value = strings.Join(values, ", ")
		}
		kept[name] = cleanText(h.hideText(value), maxKeptHeaders)
		size += len(name) + len(kept[name])
	}
	if size <= maxKeptHeaders {
		return kept
	}
	room := maxKeptHeaders
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		if room -= len(name) + len(kept[name]); room < 0 {
			delete(kept, name)
		}
	}
	return kept
}

// hideCookies keeps the names and attributes of cookies.
func hideCookies(cookies []string) string {
	shown := make([]string, len(cookies))
	for i, cookie := range cookies {
		pair, attributes, more := strings.Cut(cookie, ";")
		name, _, _ := strings.Cut(pair, "=")
		shown[i] = name + "=" + hidden
		if more {
			shown[i] += ";" + attributes
		}
	}
	return strings.Join(shown, ", ")
}
