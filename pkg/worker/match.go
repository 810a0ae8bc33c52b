package worker

import (
	"bytes"
	"context"
	"io"
	"runtime"

	"schedule-server/pkg/job"
)

const (
	// quickMatch is how many steps a match may take that is neither counted nor
	// interrupted: instructions times bytes, some 30 ms at most.
	quickMatch = 2 << 20
	// checkEvery is how many characters are matched between two looks at the
	// context. It is a power of two.
	checkEvery = 256
)

// matching bounds what matching costs: at most half of the processors match
// large expressions, so that calls, reports and timeouts of others go on.
type matching struct{ slots chan struct{} }

func newMatching() matching {
	return matching{make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1))}
}

// match reports whether the body matches. The error is that of ctx, which ends a match that takes long.
func (m *matching) match(ctx context.Context, p *job.Pattern, body []byte) (bool, error) {
	if _, literal := p.LiteralPrefix(); literal || p.Size*len(body) <= quickMatch {
		return p.Match(body), nil
	}
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	matched := p.MatchReader(&endingReader{ctx: ctx, r: bytes.NewReader(body)})
	return matched, context.Cause(ctx)
}

// endingReader gives the characters of a text and ends with its context. The
// expression takes that for the end of the text, so what it finds then means nothing.
type endingReader struct {
	ctx  context.Context
	r    *bytes.Reader
	read int
}

// ReadRune gives the next character.
func (e *endingReader) ReadRune() (rune, int, error) {
	if e.read++; e.read%checkEvery == 0 && e.ctx.Err() != nil {
		return 0, 0, io.EOF
	}
	return e.r.ReadRune()
}
