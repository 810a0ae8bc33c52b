package api

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// newCompression makes answers smaller for callers that take gzip or br. Three
// kinds are left alone: streams, whose events would wait in the compressor; what
// is compressed already; and answers that nobody may store, because those hold
// secrets, and the length of a compressed secret beside text of an attacker's
// choice tells of it (BREACH).
func newCompression() fiber.Handler {
	compress := fasthttp.CompressHandlerBrotliLevel(func(*fasthttp.RequestCtx) {}, fasthttp.CompressBrotliBestSpeed, fasthttp.CompressBestSpeed)
	return func(c *fiber.Ctx) error {
		if err := c.Next(); err != nil {
			return err
		}
		answer := c.Response()
		if answer.IsBodyStream() || bytes.Contains(answer.Header.Peek(fiber.HeaderCacheControl), []byte("no-store")) {
			return nil
		}
		compress(c.Context())
		return nil
	}
}
