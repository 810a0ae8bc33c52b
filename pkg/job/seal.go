package job

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	keyBytes = 32
	// minPassphrase is the shortest passphrase that is taken for a key, in bytes.
	minPassphrase = 16
	// passphraseRounds is what OWASP's Password Storage Cheat Sheet (2023) asks of PBKDF2-HMAC-SHA256.
	passphraseRounds = 600_000
	passphraseSalt   = "schedule-server secret key, version 1"
	sealVersion      = "v1"
)

// Keyring seals and opens secret texts. A nil one has no key: all it does is an
// error of CodeUnavailable. It is safe for concurrent use.
type Keyring struct {
	keys []sealKey
	// passphrase says that some of them come from one.
	passphrase bool
}

// sealKey is what one secret key is used for, each part derived for itself.
type sealKey struct {
	id    string
	aead  cipher.AEAD
	nonce []byte
	// completion makes the tokens of targets that complete runs.
	completion []byte
}

// ParseKeys reads secret keys, separated by commas: the first one seals, all of
// them open. A key is 32 bytes in hex or base64, from which HKDF-SHA256 derives
// what is used; or a passphrase of at least 16 bytes, which PBKDF2 stretches to
// those 32 bytes first. Empty: nil. The error shows no part of any key.
func ParseKeys(text string) (*Keyring, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var ring Keyring
	for i, part := range strings.Split(text, ",") {
		secret, passphrase, err := keyOf(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("secret key %d: %w", i+1, err)
		}
		key, err := newSealKey(secret)
		if err != nil {
			return nil, fmt.Errorf("secret key %d: %w", i+1, err)
		}
		ring.keys = append(ring.keys, key)
		ring.passphrase = ring.passphrase || passphrase
	}
	return &ring, nil
}

// HasPassphrase reports whether some key is a passphrase and not 32 random bytes. Everybody who holds a token for
// completing a run, or a copy of the database, can try passphrases as fast as their machines compute PBKDF2. A nil
// keyring has none.
func (k *Keyring) HasPassphrase() bool { return k != nil && k.passphrase }

// NewKey makes a random key in the form that ParseKeys reads.
func NewKey() string {
	var key [keyBytes]byte
	rand.Read(key[:]) // never fails: crypto/rand aborts the program instead
	return base64.StdEncoding.EncodeToString(key[:])
}

// keyOf reads one key, and tells whether it is a passphrase.
func keyOf(text string) (key []byte, passphrase bool, err error) {
	if key, err := hex.DecodeString(text); err == nil && len(key) == keyBytes {
		return key, false, nil
	}
	plain := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	if key, err := base64.RawStdEncoding.DecodeString(plain); err == nil && len(key) == keyBytes {
		return key, false, nil
	}
	if len(text) < minPassphrase {
		return nil, false, fmt.Errorf("neither 32 bytes in base64 or hex, nor a passphrase of at least %d characters", minPassphrase)
	}
	key, err = pbkdf2.Key(sha256.New, text, []byte(passphraseSalt), passphraseRounds, keyBytes)
	return key, true, err
}

func newSealKey(secret []byte) (sealKey, error) {
	parts := map[string][]byte{"seal": nil, "nonce": nil, "id": nil, "completion": nil}
	for use := range parts {
		part, err := hkdf.Key(sha256.New, secret, nil, "schedule-server "+use, keyBytes)
		if err != nil {
			return sealKey{}, err
		}
		parts[use] = part
	}
	block, err := aes.NewCipher(parts["seal"])
	if err != nil {
		return sealKey{}, err
	}
	aead, err := cipher.NewGCM(block)
	return sealKey{id: hex.EncodeToString(parts["id"][:4]), aead: aead, nonce: parts["nonce"], completion: parts["completion"]}, err
}

// Completions makes and checks the tokens of targets that complete runs: the first
// key makes them. Without a key there are none: nil.
func (k *Keyring) Completions() *Completions {
	if k == nil {
		return nil
	}
	c := &Completions{}
	for i := range k.keys {
		c.keys = append(c.keys, k.keys[i].completion)
	}
	return c
}

// errNoKey is what a process without a key answers where one is needed.
func errNoKey() error {
	return Errorf(CodeUnavailable, "secrets cannot be used: this process was given no --secret-key (SECRET_KEY)")
}

// Seal encrypts a text by AES-256-GCM and binds it to a place: it opens nowhere
// else. The nonce is an HMAC of place and text, so that the same text at the same
// place, under the same key, seals alike: writing it again changes nothing.
func (k *Keyring) Seal(place, text string) (string, error) {
	if k == nil {
		return "", errNoKey()
	}
	key := &k.keys[0]
	mac := hmac.New(sha256.New, key.nonce)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(place))))
	mac.Write([]byte(place))
	mac.Write([]byte(text))
	nonce := mac.Sum(nil)[:key.aead.NonceSize()]
	sealed := key.aead.Seal(bytes.Clone(nonce), nonce, []byte(text), []byte(place))
	return sealVersion + "." + key.id + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Reseal seals a text anew under the first key; one that is so already stays as it
// is. The error is Open's.
func (k *Keyring) Reseal(place, sealed string) (string, error) {
	text, err := k.Open(place, sealed)
	if err != nil {
		return "", err
	}
	return k.Seal(place, text)
}

// Open gives the text that was sealed for the place. The error never holds any of
// it, and says whether the key is missing or the text is not what was sealed here.
func (k *Keyring) Open(place, sealed string) (string, error) {
	if k == nil {
		return "", errNoKey()
	}
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != sealVersion {
		return "", errors.New("it was sealed by another version")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return "", errors.New("it is damaged")
	}
	for i := range k.keys {
		key := &k.keys[i]
		if key.id != parts[1] {
			continue
		}
		if len(data) < key.aead.NonceSize() {
			return "", errors.New("it is damaged")
		}
		text, err := key.aead.Open(nil, data[:key.aead.NonceSize()], data[key.aead.NonceSize():], []byte(place))
		if err != nil {
			return "", errors.New("it is damaged, or was sealed for another place")
		}
		return string(text), nil
	}
	return "", errors.New("it was sealed with a key that this process was not given")
}
