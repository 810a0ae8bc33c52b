package compat

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// cors lets pages of the allowed origins call this API, with credentials, in the words of the original's middleware,
// and answers their preflight calls.
func (h *Handler) cors(c *fiber.Ctx) error {
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return c.Next()
	}
	isPreflight := c.Method() == fiber.MethodOptions && c.Get(fiber.HeaderAccessControlRequestMethod) != ""
	switch {
	case !h.allowOrigin(c, origin):
		c.Vary(fiber.HeaderOrigin)
		if isPreflight {
			c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
			return c.Status(fiber.StatusBadRequest).SendString("Disallowed CORS origin")
		}
		return c.Next()
	case isPreflight:
		return preflight(c, origin)
	}
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	c.Set(fiber.HeaderAccessControlAllowCredentials, "true")
	if c.Get(fiber.HeaderCookie) != "" { // browsers take no * for a call with a cookie
		c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
		c.Vary(fiber.HeaderOrigin)
	}
	return c.Next()
}

func preflight(c *fiber.Ctx, origin string) error {
	methods := []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
	c.Set(fiber.HeaderVary, fiber.HeaderOrigin)
	c.Set(fiber.HeaderAccessControlAllowMethods, strings.Join(methods, ", "))
	c.Set(fiber.HeaderAccessControlMaxAge, "600")
	c.Set(fiber.HeaderAccessControlAllowCredentials, "true")
	c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
	if asked := c.Get(fiber.HeaderAccessControlRequestHeaders); asked != "" {
		c.Set(fiber.HeaderAccessControlAllowHeaders, asked)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	if !slices.Contains(methods, c.Get(fiber.HeaderAccessControlRequestMethod)) {
		return c.Status(fiber.StatusBadRequest).SendString("Disallowed CORS method")
	}
	return c.SendString("OK")
}
