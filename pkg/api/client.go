package api

import (
	"bytes"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// parseProxies reads the networks of the proxies whose word is taken.
func parseProxies(list []string) ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, len(list))
	for i, text := range list {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, job.OptionErrorf("trusted-proxies", "%q is neither an address nor a network such as 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		networks[i] = network.Masked()
	}
	return networks, nil
}

func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// peer is the other end of the connection.
func peer(c *fiber.Ctx) netip.Addr {
	addr, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	return addr.Unmap()
}

// address is where a call comes from: the other end of the connection or, as
// long as that is a trusted proxy, whom it names. Each proxy adds to the end of X-Forwarded-For, so that the list
// is read from there: what stands further in front may be the caller's invention.
func (s *Server) address(c *fiber.Ctx) netip.Addr {
	addr := peer(c)
	named := bytes.Split(bytes.Join(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), []byte(",")), []byte(","))
	for i := len(named) - 1; i >= 0 && s.trusts(addr); i-- {
		before, err := netip.ParseAddr(string(bytes.TrimSpace(named[i])))
		if err != nil {
			break
		}
		addr = before.Unmap()
	}
	return addr
}

// forwarded is what a trusted proxy says of the call it took, the last one if there are several; empty: nothing.
func (s *Server) forwarded(c *fiber.Ctx, header string) string {
	if !s.trusts(peer(c)) {
		return ""
	}
	values := strings.Split(c.Get(header), ",")
	return strings.TrimSpace(values[len(values)-1])
}

// scheme is http or https, as the caller sees it.
func (s *Server) scheme(c *fiber.Ctx) string {
	if c.Context().IsTLS() || s.forwarded(c, fiber.HeaderXForwardedProto) == "https" {
		return "https"
	}
	return "http"
}

// host is the name and port by which the caller reaches this server.
func (s *Server) host(c *fiber.Ctx) string {
	if host := s.forwarded(c, fiber.HeaderXForwardedHost); host != "" {
		return host
	}
	return string(c.Request().Host())
}

// checkOrigin refuses what a page of another site makes a browser send for a caller without a key: one who has logged
// in here, or anybody while the server is open. Pages of --cors-origins may call an open server; a login is only for
// this server's own page, whatever other pages are allowed.
func (s *Server) checkOrigin(c *fiber.Ctx, guest *access.Guest) error {
	if !guest.Open() && guest.Session == "" {
		return nil
	}
	if guest.Open() && s.listed(c.Get(fiber.HeaderOrigin)) {
		return nil
	}
	if reads(c.Method()) && (!guest.Open() || !slices.Contains(s.options.CORSOrigins, anyOrigin)) {
		return nil // a browser does not let the other page see the answer
	}
	return s.sameOrigin(c)
}

// listed reports whether an origin is named by --cors-origins.
func (s *Server) listed(origin string) bool {
	return origin != "" && slices.Contains(s.options.CORSOrigins, origin)
}

// sameOrigin refuses what a browser sends for a page that is not this server's own.
func (s *Server) sameOrigin(c *fiber.Ctx) error {
	switch c.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return nil
	case "":
		text := c.Get(fiber.HeaderOrigin)
		origin, err := url.Parse(text)
		// A page that came over plain http may be anybody's; one that came over TLS is at least as safe as this call.
		safe := err == nil && (origin.Scheme == "https" || origin.Scheme == s.scheme(c))
		if text == "" || safe && strings.EqualFold(origin.Host, s.host(c)) {
			return nil
		}
	}
	return job.Errorf(job.CodeForbidden, "a page of another origin may not do this without a key")
}
