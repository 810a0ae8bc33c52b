package api

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"schedule-server/pkg/job"
)

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

// bodyLimit is how large the body of a call may be.
func (s *Server) bodyLimit(method, path string) int {
	if method == fiber.MethodPost && path == s.options.BasePath+v1+"/jobs/import" {
		return maxImportBody
	}
	return maxBody
}

// limitReading has the server read no more of a body than the call may take, and
// somewhat more: cutting a caller off in its body would lose the answer.
func (s *Server) limitReading() {
	s.app.Server().HeaderReceived = func(header *fasthttp.RequestHeader) fasthttp.RequestConfig {
		path, _, _ := strings.Cut(string(header.RequestURI()), "?")
		return fasthttp.RequestConfig{MaxRequestBodySize: s.bodyLimit(string(header.Method()), path) + maxRead - maxBody}
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
