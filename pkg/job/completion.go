package job

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// The limits of what a target says of a run that it goes on working for.
const (
	// MaxWait is the longest time that a target is given; longer is cut.
	MaxWait = 24 * time.Hour
	// MaxMessageRunes bounds the message of a completion.
	MaxMessageRunes = 1000
)

// Completions makes and checks the tokens by which targets complete runs. A
// token is bound to one attempt of one run, and worth nothing once that run has
// ended; nobody keeps it: it is an HMAC-SHA256 under a key that workers and APIs share.
type Completions struct{ keys [][]byte }

// Token is the token of the nth attempt of a run.
func (c *Completions) Token(runID string, n int) string {
	return strconv.Itoa(n) + "." + base64.RawURLEncoding.EncodeToString(completionMAC(c.keys[0], runID, n))
}

// Check reports whether the token is one of the run, and of which attempt.
func (c *Completions) Check(runID, token string) (n int, ok bool) {
	number, text, found := strings.Cut(token, ".")
	n, err := strconv.Atoi(number)
	if !found || err != nil || n < 1 || n > MaxAttempts || strconv.Itoa(n) != number {
		return 0, false
	}
	mac, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return 0, false
	}
	for _, key := range c.keys {
		if hmac.Equal(mac, completionMAC(key, runID, n)) {
			return n, true
		}
	}
	return 0, false
}

func completionMAC(key []byte, runID string, n int) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strconv.Itoa(n)))
	mac.Write([]byte{0})
	mac.Write([]byte(runID))
	return mac.Sum(nil)
}
