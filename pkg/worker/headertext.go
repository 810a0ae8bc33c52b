package worker

import (
	"net/url"
	"strings"
)

// headerText makes a text safe for a header: all but visible ASCII, and %, is
// percent-encoded as UTF-8, so that decoding it as a URL component gives the text back.
func headerText(text string) string {
	plain := true
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '%' {
			plain = false
			break
		}
	}
	if plain {
		return text
	}
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
