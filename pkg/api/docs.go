package api

import (
	"embed"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"
)

//go:embed page
var pages embed.FS

// docsPolicy lets the page load from this server only. Swagger UI sets styles on elements.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// serveDocs shows the OpenAPI document. The page's links are relative, so that
// any base path is right.
func (s *Server) serveDocs(c *fiber.Ctx) error {
	page, err := pages.ReadFile("page/docs.html")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
	c.Type("html", "utf-8")
	return c.Send(page)
}

// newDocsFiles serves what the page loads: Swagger UI from its module, and our start script.
func (s *Server) newDocsFiles() fiber.Handler {
	files := adaptor.HTTPHandler(http.StripPrefix(s.options.BasePath+"/docs", statigz.FileServer(static.FS)))
	return func(c *fiber.Ctx) error {
		switch c.Params("*") {
		case "start.js":
			script, err := pages.ReadFile("page/start.js")
			if err != nil {
				return err
			}
			c.Type("js", "utf-8")
			return c.Send(script)
		case "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png":
			return files(c)
		}
		return fiber.ErrNotFound
	}
}
