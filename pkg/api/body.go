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
	data, err := io.ReadAll(io.LimitReader(stream, int64(limit)+1))
	switch {
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
