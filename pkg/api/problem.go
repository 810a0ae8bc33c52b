package api

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

// problem is the body of every error of the API (RFC 9457).
type problem struct {
	Type   string           `json:"type"`
	Title  string           `json:"title"`
	Status int              `json:"status"`
	Code   job.Code         `json:"code"`
	Detail string           `json:"detail"`
	Errors []job.FieldError `json:"errors"`
	// Deletes are the jobs that an import would delete, for which it was refused.
	Deletes *service.Deletes `json:"deletes,omitempty"`
	// RequestID is that of the X-Request-Id header, to be told to an operator.
	RequestID string `json:"request_id,omitempty"`
}

// Codes that only HTTP knows.
const (
	codeMethodNotAllowed job.Code = "method_not_allowed"
	codeTimeout          job.Code = "request_timeout"
)

// statusOf is the one place that maps codes to HTTP.
func statusOf(code job.Code) int {
	switch code {
	case job.CodeInvalid:
		return http.StatusUnprocessableEntity
	case job.CodeMalformed:
		return http.StatusBadRequest
	case job.CodeNotFound:
		return http.StatusNotFound
	case job.CodeConflict:
		return http.StatusConflict
	case job.CodePreconditionFailed:
		return http.StatusPreconditionFailed
	case job.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case job.CodeUnavailable:
		return http.StatusServiceUnavailable
	case job.CodeUnauthorized:
		return http.StatusUnauthorized
	case job.CodeForbidden:
		return http.StatusForbidden
	case job.CodeRateLimited:
		return http.StatusTooManyRequests
	case codeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case codeTimeout:
		return http.StatusRequestTimeout
	}
	return http.StatusInternalServerError
}

// problemOf turns any error into what a caller may see of it.
func problemOf(err error) problem {
	var router *fiber.Error
	var prune *service.PruneError
	known := job.ErrorOf(err)
	p := problem{Code: known.Code, Detail: known.Detail, Errors: known.Fields}
	if errors.As(err, &router) {
		p.Code, p.Detail = routerProblem(router.Code)
		if p.Code == job.CodeTooLarge {
			p.Status = router.Code // 431 is a kind of its own
		}
	}
	if errors.As(err, &prune) {
		p.Deletes = &prune.Deletes
	}
	if p.Status == 0 {
		p.Status = statusOf(p.Code)
	}
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	if p.Errors == nil {
		p.Errors = []job.FieldError{}
	}
	return p
}

// routerProblem says what the router or the parser of HTTP found. Its own
// words may quote the request, so ours are used.
func routerProblem(status int) (job.Code, string) {
	switch status {
	case http.StatusNotFound:
		return job.CodeNotFound, "not found: nothing is served at this path"
	case http.StatusMethodNotAllowed:
		return codeMethodNotAllowed, "the path does not take this method; the Allow header lists those it takes"
	case http.StatusRequestEntityTooLarge:
		return job.CodeTooLarge, "the body is too large"
	case http.StatusRequestHeaderFieldsTooLarge:
		return job.CodeTooLarge, "the URL and the headers are larger than 16 KiB"
	case http.StatusRequestTimeout:
		return codeTimeout, "the request did not arrive in time"
	case http.StatusBadRequest:
		return job.CodeMalformed, "the request is not HTTP that can be read"
	}
	return job.CodeInternal, "the service failed; its log has more under this request id"
}

// refuse answers what went wrong before or beside the handlers: a request that
// is no HTTP, that is too large, that did not arrive in time.
func (s *Server) refuse(c *fiber.Ctx, err error) error {
	id := s.nameRequest(c)
	if err := s.fail(c, err); err != nil {
		return err
	}
	s.finish(c, id, 0)
	return nil
}

// wrapRouter answers methods that the router does not know at all, and sees to what is left of bodies.
func (s *Server) wrapRouter() {
	server := s.app.Server()
	route := server.Handler
	server.Handler = func(ctx *fasthttp.RequestCtx) {
		defer s.drain(ctx)
		if slices.Contains(fiber.DefaultMethods, string(ctx.Method())) {
			route(ctx)
			return
		}
		c := s.app.AcquireCtx(ctx)
		defer s.app.ReleaseCtx(c)
		c.Set(fiber.HeaderAllow, "GET, HEAD, POST, PUT, PATCH, DELETE")
		_ = s.refuse(c, fiber.ErrMethodNotAllowed) // what cannot be written as JSON is answered with an empty body
	}
}

// fail answers an error, and logs it when the fault is not the caller's.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	p := problemOf(err)
	if p.Status == http.StatusUnauthorized && s.wantsMonitor(c) {
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.Redirect(s.options.BasePath+"/?next=/monitoring", http.StatusFound)
	}
	if p.Status == http.StatusRequestHeaderFieldsTooLarge {
		linger(c.Context())
	}
	p.RequestID = requestID(c)
	challenge(c, &p, err)
	if p.Status >= http.StatusInternalServerError {
		s.deps.Logger.Error("request failed", "request_id", p.RequestID, "method", c.Method(), "path", c.Path(), "error", err)
	}
	if err := c.Status(p.Status).JSON(p); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return nil
}
