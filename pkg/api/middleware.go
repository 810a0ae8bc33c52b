package api

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/net/http/httpguts"

	"schedule-server/pkg/job"
)

// Keys of what a request carries along.
type (
	requestIDKey struct{}
	routeKey     struct{}
)

func requestID(c *fiber.Ctx) string {
	id, _ := c.Locals(requestIDKey{}).(string)
	return id
}

// labeled notes the route's template for metrics.
func labeled(path string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Locals(routeKey{}, path)
		return c.Next()
	}
}

// observe stands around everything: it names the request, bounds its time,
// turns errors and panics into answers, and writes the access log and metrics.
func (s *Server) observe(c *fiber.Ctx) error {
	s.requests.Add(1)
	defer s.requests.Add(-1)
	start := time.Now() // a distance, not a moment: never compared with the injected clock
	id := s.nameRequest(c)
	ctx, stop := context.WithTimeout(context.Background(), s.requestTimeout)
	defer stop()
	c.SetUserContext(ctx)
	err := checkHead(c)
	if err == nil {
		err = s.guarded(c)
	}
	if err != nil {
		if err := s.fail(c, err); err != nil {
			return err
		}
	}
	s.finish(c, id, time.Since(start))
	return nil
}

// chunkedLength is what fasthttp tells as the length of a body that comes in chunks.
const chunkedLength = -1

// checkHead refuses what a proxy in front might have read in another way: another transfer coding than chunked, and
// header names that are none. The connection ends with it, so nothing behind it is taken for a request.
func checkHead(c *fiber.Ctx) error {
	head := &c.Request().Header
	// The parser drops a coding that it does not know, so this looks for the name itself.
	wrong := head.ContentLength() != chunkedLength && bytes.Contains(bytes.ToLower(head.RawHeaders()), []byte("transfer-encoding"))
	for name := range head.All() {
		wrong = wrong || !httpguts.ValidHeaderFieldName(string(name))
	}
	if !wrong {
		return nil
	}
	c.Context().SetConnectionClose()
	return job.Errorf(job.CodeMalformed, "the head of the request is malformed")
}

// patient gives a handler that works on many jobs more time than others have.
func patient(handler fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, stop := context.WithTimeout(context.WithoutCancel(c.UserContext()), manyTimeout)
		defer stop()
		c.SetUserContext(ctx)
		return handler(c)
	}
}

// nameRequest gives the request the caller's id, or one of its own.
func (s *Server) nameRequest(c *fiber.Ctx) string {
	id := c.Get(fiber.HeaderXRequestID)
	if !saneRequestID(id) {
		id = job.NewID(s.deps.Now())
	}
	c.Locals(requestIDKey{}, id)
	return id
}

// finish completes the headers of an answer and accounts for it.
func (s *Server) finish(c *fiber.Ctx, id string, took time.Duration) {
	c.Set(fiber.HeaderXRequestID, id)
	secureHeaders(c)
	if c.Method() == fiber.MethodHead && c.Response().IsBodyStream() {
		_ = c.Response().CloseBodyStream() // nobody reads it, and the end of its chunks would be taken for the next answer
	}
	s.account(c, id, took)
}

// guarded turns a panic into an error; its stack goes to the log only.
func (s *Server) guarded(c *fiber.Ctx) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			s.deps.Logger.Error("handler panicked", "request_id", requestID(c), "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = job.Errorf(job.CodeInternal, "handler panicked")
		}
	}()
	return c.Next()
}

// account writes the access log, without the query and the bodies, and counts.
func (s *Server) account(c *fiber.Ctx, id string, took time.Duration) {
	status := c.Response().StatusCode()
	route, ok := c.Locals(routeKey{}).(string)
	if !ok {
		route = "unmatched"
	}
	method := c.Method()
	if !slices.Contains(fiber.DefaultMethods, method) {
		method = "other" // callers cannot make series of their own
	}
	s.metrics.observe(method, route, status, took)
	level := slog.LevelInfo
	if plain := bearer(c) == "" || route == "/metrics"; plain && reads(method) && status < http.StatusBadRequest {
		level = slog.LevelDebug // the page makes dozens of these when it is opened, probes make them all day
	}
	size := 0
	if !c.Response().IsBodyStream() { // whose body is yet to come
		size = len(c.Response().Body())
	}
	s.deps.Logger.LogAttrs(c.UserContext(), level, "request",
		slog.String("request_id", id), slog.String("method", c.Method()), slog.String("path", c.Path()),
		slog.Int("status", status), slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int("bytes", size), slog.String("remote", s.address(c).String()))
}

// reads reports whether requests of the method change nothing.
func reads(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func saneRequestID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if b := id[i]; !isAlphanumeric(b) && !strings.ContainsRune("._-", rune(b)) {
			return false
		}
	}
	return true
}

func isAlphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}

// secureHeaders adds what a page that set none of its own should have.
func secureHeaders(c *fiber.Ctx) {
	for _, h := range [...][2]string{
		{fiber.HeaderXContentTypeOptions, "nosniff"},
		{fiber.HeaderReferrerPolicy, "no-referrer"},
		{fiber.HeaderContentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
	} {
		if c.GetRespHeader(h[0]) == "" {
			c.Set(h[0], h[1])
		}
	}
}
