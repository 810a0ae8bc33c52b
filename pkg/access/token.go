package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash/crc32"
	"log/slog"
	"strings"
)

// Kind is what a token is for. It is also how its text begins, so that people
// and scanners for leaked secrets know it when they see it.
type Kind string

// The kinds of tokens.
const (
	KindKey     Kind = "sk" // an API key
	KindSession Kind = "ss" // a login of the page
)

// The parts of a token's text after "sk_": an id, which is no secret, 190 random
// bits, and a checksum, by which a text that is no token is known without a look
// at the database.
const (
	letters     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idLength    = 10
	bitsLength  = 32
	checkLength = 6
)

// Token is a text that lets its bearer in. Printing or logging one shows its id only.
type Token struct {
	Kind Kind
	// ID names the token where its text must not stand.
	ID   string
	text string
}

// NewToken makes a token that nobody can guess.
func NewToken(kind Kind) Token {
	id := randomText(idLength)
	text := string(kind) + "_" + id + randomText(bitsLength)
	return Token{Kind: kind, ID: id, text: text + checksum(text)}
}

// ParseToken reads a token's text; false for what was never one of this kind.
func ParseToken(kind Kind, text string) (Token, bool) {
	rest, ok := strings.CutPrefix(text, string(kind)+"_")
	if !ok || len(rest) != idLength+bitsLength+checkLength || strings.Trim(rest, letters) != "" {
		return Token{}, false
	}
	body := text[:len(text)-checkLength]
	return Token{Kind: kind, ID: rest[:idLength], text: text}, checksum(body) == text[len(body):]
}

// Text is the whole secret.
func (t Token) Text() string { return t.text }

// String names the token without telling it.
func (t Token) String() string { return string(t.Kind) + "_" + t.ID + "…" }

// GoString does the same for %#v.
func (t Token) GoString() string { return t.String() }

// LogValue does the same for logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Hash is what is kept of a token. A plain SHA-256 is right for it: 190 random
// bits cannot be tried out however fast the hash is, which slow hashes are made
// for where people choose the secret, and every request computes it.
func (t Token) Hash() string {
	sum := sha256.Sum256([]byte(t.text))
	return hex.EncodeToString(sum[:])
}

// Matches compares the token with a hash, in the same time whether it matches or not.
func (t Token) Matches(hash string) bool {
	return subtle.ConstantTimeCompare([]byte(t.Hash()), []byte(hash)) == 1
}

// randomText is n letters, each as likely as any other.
func randomText(n int) string {
	var out strings.Builder
	var some [64]byte
	const fair = 256 - 256%len(letters) // bytes from here on would favor the first letters
	for {
		rand.Read(some[:]) // never fails: crypto/rand aborts the program instead
		for _, b := range some {
			if out.Len() == n {
				return out.String()
			}
			if int(b) < fair {
				out.WriteByte(letters[int(b)%len(letters)])
			}
		}
	}
}

// checksum is the CRC-32 of a text in letters.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var out [checkLength]byte
	for i := checkLength - 1; i >= 0; i-- {
		out[i] = letters[sum%uint32(len(letters))]
		sum /= uint32(len(letters))
	}
	return string(out[:])
}
