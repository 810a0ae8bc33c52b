package api

import (
	"context"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// guestKey is under what a request carries who was let in.
type guestKey struct{}

// guestOf is who was let in.
func guestOf(c *fiber.Ctx) access.Guest {
	guest, _ := c.Locals(guestKey{}).(access.Guest)
	return guest
}

// admit lets in who may do what needs the scope, and says in the request's context who that is.
func (s *Server) admit(scope access.Scope) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if scope == access.Anyone {
			return c.Next()
		}
		guest, err := s.enter(c, bearer(c), c.Cookies(s.cookieName(c)))
		if err != nil {
			return err
		}
		if err := s.permit(c, &guest, scope); err != nil {
			return err
		}
		if err := s.checkOrigin(c, &guest); err != nil {
			return err
		}
		c.Locals(guestKey{}, guest)
		c.SetUserContext(access.WithActor(c.UserContext(), s.actor(c, &guest)))
		c.Set(fiber.HeaderCacheControl, "private, no-cache")
		return c.Next()
	}
}

// bearer is the key that a request shows; empty for none. Other schemes are of
// proxies on the way, and say nothing here.
func bearer(c *fiber.Ctx) string {
	scheme, key, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// enter asks the gate about a key or, where none is shown, about a login.
func (s *Server) enter(c *fiber.Ctx, key, session string) (access.Guest, error) {
	return s.enterAs(c.UserContext(), key, session, s.address(c))
}

func (s *Server) enterAs(ctx context.Context, key, session string, from netip.Addr) (access.Guest, error) {
	if key != "" {
		return s.deps.Access.Enter(ctx, access.KindKey, key, from)
	}
	return s.deps.Access.Enter(ctx, access.KindSession, session, from)
}

// permit refuses who may not do what needs the scope.
func (s *Server) permit(c *fiber.Ctx, guest *access.Guest, scope access.Scope) error {
	switch {
	case guest.Scope == "":
		return job.Errorf(job.CodeUnauthorized, "this needs a key: send Authorization: Bearer sk_… or log in")
	case !guest.Scope.Allows(scope):
		return job.Errorf(job.CodeForbidden, "this needs a key with the scope %s; yours has %s", scope, guest.Scope)
	case guest.Open() && !s.allowsHost(s.host(c)):
		return job.Errorf(job.CodeForbidden, "as long as there is no key, only calls to localhost are answered: "+
			"make a key, or name the host with --allowed-hosts when something in front of this asks who is calling")
	}
	return nil
}

// allowsHost reports whether an open server answers calls to a host. The address that it listens on says nothing
// about that: a page of another site reaches it by a name of its own that was made to resolve to this machine.
func (s *Server) allowsHost(host string) bool {
	name := hostName(host)
	return isLocal(host) || slices.ContainsFunc(s.options.AllowedHosts, func(allowed string) bool {
		return allowed == anyHost || hostName(allowed) == name
	})
}

// hostName is a Host header without its port, in lower case.
func hostName(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

// isLocal reports whether a Host header names this machine. A page of another
// site whose name was made to resolve to it (DNS rebinding) names its own.
func isLocal(host string) bool {
	name := hostName(host)
	addr, err := netip.ParseAddr(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || err == nil && addr.Unmap().IsLoopback()
}

// actor is who acts, for the audit log.
func (s *Server) actor(c *fiber.Ctx, guest *access.Guest) access.Actor {
	a := access.Actor{ID: access.Anonymous, Address: s.address(c).String(), At: s.deps.Now(), RequestID: requestID(c)}
	if guest.Key != nil {
		a.ID, a.Name = guest.Key.ID, guest.Key.Name
	}
	return a
}

// challenge adds to a refusal what a client has to do about it.
func challenge(c *fiber.Ctx, p *problem, err error) {
	if wait := access.WaitOf(err); wait > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="schedule-server"`)
	}
}

// admitCompat lets in who may write; its refusals have the form of the original's API. That API lets pages of any
// origin call it, so a login of our page does not count there. While the server is open there is no key that would
// tell a page of the owner from one of a stranger: only local pages and those of --cors-origins are let in then.
func (s *Server) admitCompat(c *fiber.Ctx) error {
	guest, err := s.enter(c, bearer(c), "")
	if err == nil {
		err = s.permit(c, &guest, access.Write)
	}
	if err == nil && guest.Open() {
		err = s.compatOrigin(c)
	}
	if err == nil {
		c.SetUserContext(access.WithActor(c.UserContext(), s.actor(c, &guest)))
		return s.readBody(c)
	}
	p := problemOf(err)
	challenge(c, &p, err)
	return c.Status(p.Status).JSON(map[string]string{"detail": p.Detail})
}

// compatOrigin refuses a page of another site to an open server, for reads too: the original's API lets a browser
// show its answers to any page.
func (s *Server) compatOrigin(c *fiber.Ctx) error {
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" && c.Get("Sec-Fetch-Site") != "cross-site" || s.isOwnOrigin(origin) {
		return nil
	}
	return job.Errorf(job.CodeForbidden, "as long as there is no key, pages of other sites may not call this: make a key, or name the origin with --cors-origins")
}

// isOwnOrigin reports whether a page is of this machine or of --cors-origins.
func (s *Server) isOwnOrigin(text string) bool {
	origin, err := url.Parse(text)
	return s.listed(text) || err == nil && (origin.Scheme == "http" || origin.Scheme == "https") && isLocal(origin.Host)
}

// showsCompat reports whether a browser may show answers of the original's API to pages of an origin: to all once
// there is a key, without which no page can do anything.
func (s *Server) showsCompat(c *fiber.Ctx, origin string) bool {
	open, err := s.deps.Access.Open(c.UserContext())
	return err == nil && !open || s.isOwnOrigin(origin)
}
