package api

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/cors"

	"schedule-server/pkg/job"
)

// anyOrigin lets pages of every origin call the API, with a key.
const anyOrigin = "*"

// checkOrigins refuses what is no origin, before the library panics about it.
func checkOrigins(origins []string) error {
	for _, text := range origins {
		u, err := url.Parse(text)
		whole := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && !strings.Contains(u.Host, "*") && u.Scheme+"://"+strings.ToLower(u.Host) == text && job.CheckAuthority(u) == nil
		if text != anyOrigin && !whole {
			return job.OptionErrorf("cors-origins", "%q is not an origin such as https://ops.example", text)
		}
	}
	return nil
}

// anyHost lets an open server answer to every name.
const anyHost = "*"

// checkHosts refuses what is not the name of a host, with or without a port.
func checkHosts(hosts []string) error {
	for _, text := range hosts {
		u, err := url.Parse("http://" + text)
		if text != anyHost && (err != nil || u.Host != text || u.Hostname() == "" || strings.Contains(text, "*")) {
			return job.OptionErrorf("allowed-hosts", "%q is not a host name such as cron.example.com", text)
		}
	}
	return nil
}

// newCORS lets pages of the given origins call the API. A login does not travel to them: they show a key. The
// original's API has a rule of its own.
func (s *Server) newCORS() fiber.Handler {
	allowed := s.options.CORSOrigins
	scheduler := s.options.BasePath + "/scheduler"
	return cors.New(cors.Config{
		Next: func(c *fiber.Ctx) bool {
			return len(allowed) == 0 || c.Path() == scheduler || strings.HasPrefix(c.Path(), scheduler+"/")
		},
		AllowOriginsFunc: func(origin string) bool {
			return slices.Contains(allowed, origin) || slices.Contains(allowed, anyOrigin)
		},
		AllowMethods:  "GET,HEAD,POST,PUT,PATCH,DELETE",
		AllowHeaders:  "Authorization,Content-Type,If-Match,If-None-Match,Idempotency-Key,Last-Event-ID,X-Request-Id",
		ExposeHeaders: "ETag,Location,Retry-After,X-Request-Id",
		MaxAge:        600,
	})
}
