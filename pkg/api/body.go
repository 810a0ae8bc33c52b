package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
	"golang.org/x/sync/semaphore"

	"schedule-server/pkg/job"
)

// encodeAnswer writes an answer: JSON that ends with a newline, so that the next prompt of a terminal has a line of its own.
func encodeAnswer(v any) ([]byte, error) {
	text, err := encodeJSON(v)
	return append(text, '\n'), err
}

// encodeJSON writes JSON as people read it: & stays &.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// How many bytes of bodies the server keeps at once, over all connections. A body counts with the memory that was made
// for what came of it so far, so that a caller who promises much and sends little takes little.
const (
	// maxBodies is for calls with a key, and for those of an open server.
	maxBodies = 256 << 20
	// maxPublicBodies is for calls that need no key.
	maxPublicBodies = 16 << 20
	// firstBody is what is made for a body at first.
	firstBody = 4 << 10
)

// errBodies refuses a body for which there is no room now.
var errBodies = job.Errorf(job.CodeUnavailable, "too many bodies are being received at this moment; try again in a second")

// bodyBudget bounds the bodies under way.
type bodyBudget struct{ room *semaphore.Weighted }

func newBodyBudget(most int64) bodyBudget { return bodyBudget{semaphore.NewWeighted(most)} }

// read reads a body of at most limit bytes, and one byte more of a larger one. What it took of the budget is given
// back by release, whatever the error. The error is errBodies, or that of r.
func (b bodyBudget) read(r io.Reader, limit int) (data []byte, release func(), err error) {
	var taken int64
	release = func() { b.room.Release(taken) }
	for {
		if len(data) == cap(data) {
			size := min(max(firstBody, 2*cap(data)), limit+1)
			if !b.room.TryAcquire(int64(size)) { // the old memory counts until the call has ended: it may not be collected before
				return nil, release, errBodies
			}
			taken += int64(size)
			data = append(make([]byte, 0, size), data...)
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case errors.Is(err, io.EOF):
			return data, release, nil
		case err != nil:
			return nil, release, err
		case len(data) > limit:
			return data, release, nil
		}
	}
}

// readBody reads what the caller sent, once it is let in: nobody else has the server keep anything.
func (s *Server) readBody(c *fiber.Ctx) error {
	stream := c.Request().BodyStream()
	if stream == nil {
		return c.Next()
	}
	limit := bodyLimitOf(c.Context())
	if c.Request().Header.ContentLength() > limit {
		return tooLarge(limit)
	}
	budget := s.bodies
	if limit <= maxPublicBody {
		budget = s.publicBodies
	}
	data, release, err := budget.read(stream, limit)
	defer release()
	switch {
	case errors.Is(err, errBodies):
		return err
	case err != nil:
		c.Context().SetConnectionClose() // what follows is not known to be a request
		return job.Errorf(job.CodeMalformed, "the body broke off")
	case len(data) > limit:
		return tooLarge(limit)
	}
	c.Request().SetBodyRaw(data)
	return c.Next()
}

// drain takes in what is left of a body that nobody wanted, and keeps nothing of it: cutting a caller off in its body
// would lose the answer. Where there is too much the connection ends.
func (s *Server) drain(ctx *fasthttp.RequestCtx) {
	stream := ctx.Request.BodyStream()
	if stream == nil {
		return
	}
	most := bodyLimitOf(ctx) + maxUnwanted
	if _, err := io.CopyN(io.Discard, stream, int64(most)); !errors.Is(err, io.EOF) {
		ctx.SetConnectionClose()
	}
}

// body is what the caller sent, checked to be UTF-8: the JSON package would
// replace broken bytes in silence.
func body(c *fiber.Ctx) ([]byte, error) {
	if err := refuseEncoding(c); err != nil {
		return nil, err
	}
	data := c.Request().Body()
	if !utf8.Valid(data) {
		return nil, job.Errorf(job.CodeMalformed, "the body is not UTF-8")
	}
	return data, nil
}

func refuseEncoding(c *fiber.Ctx) error {
	if encoding := c.Get(fiber.HeaderContentEncoding); encoding != "" && encoding != "identity" {
		return job.Errorf(job.CodeMalformed, "a body is sent without a Content-Encoding")
	}
	return nil
}

// decode reads the body into dst; with optional set an empty body leaves dst as it was.
func decode(c *fiber.Ctx, dst any, optional bool) error {
	data, err := body(c)
	if err != nil {
		return err
	}
	if optional && len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	return job.Decode(data, dst)
}

// pathID is the id in the path, percent-decoded: %2F is a slash of the id.
func pathID(c *fiber.Ctx) (string, error) {
	id, err := url.PathUnescape(c.Params("id"))
	if err != nil || !utf8.ValidString(id) || strings.ContainsRune(id, 0) {
		return "", job.Errorf(job.CodeMalformed, "the id in the path is not percent-encoded UTF-8")
	}
	return id, nil
}

// plainID is the id in the path of a call that takes no query.
func plainID(c *fiber.Ctx) (string, error) {
	id, err := pathID(c)
	if err != nil {
		return "", err
	}
	return id, readQuery(c).check()
}
