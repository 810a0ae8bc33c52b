package api

import (
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// sessionCookie carries a login of the page. Over TLS it has the prefix by which a browser takes the cookie from no
// other host: a neighbour below the same domain cannot plant one.
const (
	sessionCookie     = "schedule_session"
	hostSessionCookie = "__Host-" + sessionCookie
)

// cookieName is the name of the login's cookie for a call. A base path rules the prefix out: it asks for the path /.
func (s *Server) cookieName(c *fiber.Ctx) string {
	if s.scheme(c) == "https" && s.options.BasePath == "" {
		return hostSessionCookie
	}
	return sessionCookie
}

// session is what /session tells the page about who it acts for.
type session struct {
	// AuthRequired is false as long as no key was made and the server may stand open.
	AuthRequired bool `json:"auth_required"`
	// Key is the one that was shown or logged in with. Null: none.
	Key *keyName `json:"key"`
	// Scope is what the caller may do. Null: nothing, a login is needed.
	Scope *access.Scope `json:"scope"`
	// ExpiresAt is when the login or the key ends. Null: never.
	ExpiresAt *job.Instant `json:"expires_at"`
}

type keyName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func sessionOf(guest *access.Guest) session {
	view := session{AuthRequired: !guest.Open(), ExpiresAt: guest.ExpiresAt}
	if guest.Key != nil {
		view.Key = &keyName{guest.Key.ID, guest.Key.Name}
	}
	if guest.Scope != "" {
		view.Scope = &guest.Scope
	}
	return view
}

// getSession answers everybody: a login that has ended is none.
func (s *Server) getSession(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	key := bearer(c)
	guest, err := s.enter(c, key, c.Cookies(s.cookieName(c)))
	if err != nil && (key != "" || job.CodeOf(err) == job.CodeUnavailable) {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(sessionOf(&guest))
}

func (s *Server) createSession(c *fiber.Ctx) error {
	var in struct {
		Key string `json:"key"`
	}
	if err := s.sameOrigin(c); err != nil {
		return err
	}
	if err := readQuery(c).check(); err != nil {
		return err
	}
	if err := decode(c, &in, false); err != nil {
		return err
	}
	if in.Key == "" {
		return job.FieldErrorf("key", "required", "a login takes a key")
	}
	guest, token, err := s.deps.Access.Login(c.UserContext(), strings.TrimSpace(in.Key), s.address(c), s.actor(c, &access.Guest{}))
	if err != nil {
		return err
	}
	s.setCookie(c, token.Text(), guest.ExpiresAt.Time())
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(fiber.StatusCreated).JSON(sessionOf(&guest))
}

// deleteSession logs out; there is no need to be logged in.
func (s *Server) deleteSession(c *fiber.Ctx) error {
	if err := s.sameOrigin(c); err != nil {
		return err
	}
	if err := readQuery(c).check(); err != nil {
		return err
	}
	if err := s.deps.Access.Logout(c.UserContext(), c.Cookies(s.cookieName(c)), s.actor(c, &access.Guest{})); err != nil {
		return err
	}
	s.setCookie(c, "", time.Unix(0, 0))
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Status(fiber.StatusNoContent)
	return nil
}

// setCookie hands a login to the browser, for this server's pages only: no script reads it, no other site's page
// makes the browser send it, and where the page came by TLS it goes by nothing else.
func (s *Server) setCookie(c *fiber.Ctx, value string, expires time.Time) {
	c.Cookie(&fiber.Cookie{
		Name: s.cookieName(c), Value: value, Path: s.options.BasePath + "/", Expires: expires,
		HTTPOnly: true, SameSite: fiber.CookieSameSiteStrictMode, Secure: s.scheme(c) == "https",
	})
}
