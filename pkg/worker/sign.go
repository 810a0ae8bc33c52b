package worker

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/oklog/ulid/v2"

	"schedule-server/pkg/job"
)

// signature is what makes a call verifiable by Standard Webhooks. Without keys it signs nothing.
type signature struct {
	keys          [][]byte
	id, timestamp string
}

// of is the value of the header webhook-signature for a body: a signature for each key.
func (s *signature) of(body []byte) string {
	signed := make([]string, len(s.keys))
	for i, key := range s.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(s.id + "." + s.timestamp + "."))
		mac.Write(body)
		signed[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signed, " ")
}

// sign signs the request with the job's secrets or else the server's, if there are any. A task that is Unsigned is
// signed with its own secrets only.
func (w *Worker) sign(r *request, f *filler) error {
	keys := w.signing
	if f.task.Unsigned {
		keys = nil
	}
	if text := f.task.Request.SigningSecret; text != "" {
		text, err := f.credential("signing_secret", text)
		if err != nil {
			return err
		}
		if keys, err = job.ParseSigningSecrets(text); err != nil {
			return inField("signing_secret", err)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	r.signature = signature{keys, f.task.RunID, f.unix()}
	r.header[headerSignature] = []string{r.signature.of(r.body)}
	return nil
}

// traceparent is the W3C trace context of an attempt. All attempts of a run, and
// all that their targets do for them, are one trace, whose id is the run's: the
// 16 bytes of its ULID.
func traceparent(runID string, n int) string {
	span := sha256.Sum256([]byte(runID + "/" + strconv.Itoa(n)))
	trace, err := ulid.ParseStrict(runID)
	if err != nil {
		sum := sha256.Sum256([]byte(runID))
		trace = ulid.ULID(sum[:16])
	}
	var text [55]byte
	copy(text[:], "00-")
	hex.Encode(text[3:], trace[:])
	text[35] = '-'
	hex.Encode(text[36:], span[:8])
	copy(text[52:], "-01")
	return string(text[:])
}
