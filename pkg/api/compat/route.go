package compat

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// serve finds what a path does by the rules of the original's router, which differ from Fiber's: paths are
// compared with regard to case, HEAD is not GET, and a slash too many is redirected.
func (h *Handler) serve(c *fiber.Ctx) error {
	root := strings.TrimRight(c.Route().Path, "/*")
	raw := string(c.Request().URI().PathOriginal())
	if !strings.HasPrefix(raw, root) {
		return h.fail(c, refuse(fiber.StatusNotFound, "Not Found"))
	}
	path, err := url.PathUnescape(raw[len(root):])
	if err != nil {
		return h.fail(c, refuse(fiber.StatusNotFound, "Not Found"))
	}
	to, ok := h.routes[path]
	if trimmed := strings.TrimRight(path, "/"); !ok && trimmed != path {
		if _, ok := h.routes[trimmed]; ok {
			return redirect(c, root+trimmed)
		}
	}
	switch {
	case !ok:
		err = refuse(fiber.StatusNotFound, "Not Found")
	case c.Method() != to.method:
		c.Set(fiber.HeaderAllow, to.method)
		err = refuse(fiber.StatusMethodNotAllowed, "Method Not Allowed")
	default:
		err = to.do(c)
	}
	if err != nil {
		return h.fail(c, err)
	}
	return nil
}

// redirect sends a client to the same call at another path of this host, with its query. The original named its
// own host, which behind a proxy is not the client's; a path alone holds anywhere.
func redirect(c *fiber.Ctx, path string) error {
	if query := string(c.Request().URI().QueryString()); query != "" {
		path += "?" + query
	}
	c.Set(fiber.HeaderLocation, path)
	c.Status(fiber.StatusTemporaryRedirect)
	return nil
}
