package worker

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
)

// notGzip reports that the answer's body is not the gzip that its headers announce.
func notGzip(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
}

// badHeader is how net/http begins what it says of a header that it does not read.
const badHeader = "malformed MIME header"

// explainAnswer words what is wrong with an answer, where the library's words do not say that it is the answer's fault.
func explainAnswer(err error) error {
	text := err.Error()
	switch i := strings.Index(text, badHeader); {
	case notGzip(err):
		return fmt.Errorf("the answer says Content-Encoding: gzip, and its body is not: %w", err)
	case i >= 0:
		return fmt.Errorf("the answer has an invalid header, without a colon or with a control character: %s", text[i:])
	}
	return err
}
