package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
)

// home is what the page at / shows.
type home struct {
	Style   template.CSS
	Base    string
	Jobs    string
	Version string
	Monitor bool
}

// newHome makes the page at /: what this is and where everything lies.
func (s *Server) newHome() (fiber.Handler, error) {
	page, err := template.ParseFS(pages, "page/home.html")
	if err != nil {
		return nil, err
	}
	style, err := pages.ReadFile("page/home.css")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(style)
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	return func(c *fiber.Ctx) error {
		var out bytes.Buffer
		err := page.Execute(&out, home{
			Style: template.CSS(style), Base: s.baseURL(c), Jobs: s.countJobs(c),
			Version: s.options.Version, Monitor: s.deps.Monitor != nil,
		})
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentSecurityPolicy, policy)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Type("html", "utf-8")
		return c.Send(out.Bytes())
	}, nil
}

func (s *Server) serveHome(c *fiber.Ctx) error { return s.home(c) }

// baseURL is where the caller reached this server, with the base path. A host
// that could not be pasted into a shell is not shown.
func (s *Server) baseURL(c *fiber.Ctx) string {
	host := s.host(c)
	for i := range len(host) {
		if b := host[i]; !isAlphanumeric(b) && !strings.ContainsRune(".:[]_-", rune(b)) {
			host = "localhost"
			break
		}
	}
	return s.scheme(c) + "://" + host + s.options.BasePath
}

// countJobs says how many jobs there are, to those who may know; nothing when the database does not say.
func (s *Server) countJobs(c *fiber.Ctx) string {
	if open, err := s.deps.Access.Open(c.UserContext()); err != nil || !open {
		return ""
	}
	page, err := s.deps.Service.List(c.UserContext(), job.JobQuery{Limit: 1})
	switch {
	case err != nil:
		return ""
	case page.Total == 1:
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", page.Total)
}
