package api

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/api/compat"
)

// route is one line of the table of contents. The OpenAPI document has the same
// paths, methods and operation ids; a test compares them.
type route struct {
	method string
	// path is in Fiber's form, below the base path.
	path      string
	operation string
	// scope is what a key must have, access.Anyone where none is needed.
	scope   access.Scope
	handler fiber.Handler
}

const v1 = "/api/v1"

// repeatable reports whether a call with an Idempotency-Key is made once. The answers of calls that change nothing are
// not kept, and neither is a secret that is shown once.
func (r *route) repeatable() bool {
	changes := r.scope != access.Anyone && r.scope != access.Read && r.scope != access.Admin
	return r.method == fiber.MethodPost && changes && r.operation != "testRequest"
}

// table is the table of contents of the API.
func (s *Server) table() []route {
	return []route{
		{fiber.MethodGet, v1 + "/jobs", "listJobs", access.Read, s.listJobs},
		{fiber.MethodPost, v1 + "/jobs", "createJob", access.Write, s.createJob},
		{fiber.MethodPost, v1 + "/jobs/bulk", "bulkJobs", access.Write, patient(s.bulkJobs)},
		{fiber.MethodPost, v1 + "/jobs/import", "importJobs", access.Write, patient(s.importJobs)},
		{fiber.MethodGet, v1 + "/jobs/export", "exportJobs", access.Read, patient(s.exportJobs)},
		{fiber.MethodPost, v1 + "/jobs/parse", "parseJobs", access.Read, s.parseJobs},
		{fiber.MethodGet, v1 + "/jobs/:id", "getJob", access.Read, s.getJob},
		{fiber.MethodPut, v1 + "/jobs/:id", "replaceJob", access.Write, s.replaceJob},
		{fiber.MethodPatch, v1 + "/jobs/:id", "patchJob", access.Write, s.patchJob},
		{fiber.MethodDelete, v1 + "/jobs/:id", "deleteJob", access.Write, s.deleteJob},
		{fiber.MethodPost, v1 + "/jobs/test", "testRequest", access.Run, s.testRequest},
		{fiber.MethodPost, v1 + "/jobs/:id/pause", "pauseJob", access.Write, s.pauseJob},
		{fiber.MethodPost, v1 + "/jobs/:id/resume", "resumeJob", access.Write, s.resumeJob},
		{fiber.MethodPost, v1 + "/jobs/:id/run", "runJob", access.Run, s.runJob},
		{fiber.MethodPost, v1 + "/jobs/:id/backfill", "backfillJob", access.Run, s.backfillJob},
		{fiber.MethodGet, v1 + "/jobs/:id/runs", "listJobRuns", access.Read, s.listJobRuns},
		{fiber.MethodPost, v1 + "/schedules/preview", "previewSchedule", access.Read, s.previewSchedule},
		{fiber.MethodGet, v1 + "/runs", "listRuns", access.Read, s.listRuns},
		{fiber.MethodGet, v1 + "/runs/:id", "getRun", access.Read, s.getRun},
		{fiber.MethodPost, v1 + "/runs/:id/cancel", "cancelRun", access.Run, s.cancelRun},
		{fiber.MethodPost, v1 + "/runs/:id/retry", "retryRun", access.Run, s.retryRun},
		{fiber.MethodPost, v1 + "/runs/:id/complete", "completeRun", access.Anyone, s.completeRun}, // its token is the key

		{fiber.MethodGet, v1 + "/timeline", "getTimeline", access.Read, s.getTimeline},
		{fiber.MethodGet, v1 + "/stats", "getStats", access.Read, s.getStats},
		{fiber.MethodGet, v1 + "/events", "streamEvents", access.Read, s.streamEvents},

		{fiber.MethodGet, v1 + "/session", "getSession", access.Anyone, s.getSession},
		{fiber.MethodPost, v1 + "/session", "createSession", access.Anyone, s.createSession},
		{fiber.MethodDelete, v1 + "/session", "deleteSession", access.Anyone, s.deleteSession},
		{fiber.MethodGet, v1 + "/keys", "listKeys", access.Admin, s.listKeys},
		{fiber.MethodPost, v1 + "/keys", "createKey", access.Admin, s.createKey},
		{fiber.MethodGet, v1 + "/keys/:id", "getKey", access.Admin, s.getKey},
		{fiber.MethodDelete, v1 + "/keys/:id", "deleteKey", access.Admin, s.deleteKey},
		{fiber.MethodGet, v1 + "/audit", "listAudit", access.Admin, s.listAudit},

		{fiber.MethodGet, v1 + "/calendars", "listCalendars", access.Read, s.listCalendars},
		{fiber.MethodGet, v1 + "/calendars/:id", "getCalendar", access.Read, s.getCalendar},
		{fiber.MethodPut, v1 + "/calendars/:id", "putCalendar", access.Write, s.putCalendar},
		{fiber.MethodDelete, v1 + "/calendars/:id", "deleteCalendar", access.Write, s.deleteCalendar},
		{fiber.MethodGet, v1 + "/secrets", "listSecrets", access.Admin, s.listSecrets},
		{fiber.MethodGet, v1 + "/secrets/:id", "getSecret", access.Admin, s.getSecret},
		{fiber.MethodPut, v1 + "/secrets/:id", "putSecret", access.Admin, s.putSecret},
		{fiber.MethodDelete, v1 + "/secrets/:id", "deleteSecret", access.Admin, s.deleteSecret},

		{fiber.MethodGet, v1 + "/channels", "listChannels", access.Read, s.listChannels},
		{fiber.MethodPost, v1 + "/channels", "createChannel", access.Admin, s.createChannel},
		{fiber.MethodGet, v1 + "/channels/:id", "getChannel", access.Read, s.getChannel},
		{fiber.MethodPut, v1 + "/channels/:id", "putChannel", access.Admin, s.putChannel},
		{fiber.MethodPatch, v1 + "/channels/:id", "patchChannel", access.Admin, s.patchChannel},
		{fiber.MethodDelete, v1 + "/channels/:id", "deleteChannel", access.Admin, s.deleteChannel},
		{fiber.MethodPost, v1 + "/channels/:id/test", "testChannel", access.Admin, s.testChannel},
		{fiber.MethodGet, v1 + "/rules", "getRules", access.Read, s.getRules},
		{fiber.MethodPut, v1 + "/rules", "putRules", access.Admin, s.putRules},
		{fiber.MethodGet, v1 + "/incidents", "listIncidents", access.Read, s.listIncidents},
		{fiber.MethodPost, v1 + "/incidents/:id/acknowledge", "acknowledgeIncident", access.Admin, s.acknowledgeIncident},
		{fiber.MethodGet, v1 + "/notifications", "listNotifications", access.Read, s.listNotifications},
		{fiber.MethodPost, v1 + "/notifications/:id/retry", "retryNotification", access.Admin, s.retryNotification},

		{fiber.MethodGet, "/healthz", "getHealth", access.Anyone, s.healthz},
		{fiber.MethodGet, "/readyz", "getReadiness", access.Anyone, s.readyz},
		{fiber.MethodGet, "/metrics", "getMetrics", access.Read, s.serveMetrics},
		{fiber.MethodGet, "/openapi.json", "getOpenAPI", access.Anyone, s.serveOpenAPI},
		{fiber.MethodGet, "/docs", "getDocs", access.Anyone, s.serveDocs},
		{fiber.MethodGet, "/monitoring", "getMonitoring", access.Read, s.serveMonitor},
		{fiber.MethodGet, "/", "getPage", access.Anyone, s.servePage},
	}
}

// mount puts the table, and what lies below its pages, into the router.
func (s *Server) mount() {
	base := s.options.BasePath
	s.app.Use(s.observe, newCompression(), s.newCORS(), s.servePages)
	methods := map[string][]string{}
	for _, r := range s.table() {
		limit := withBodyLimit(r.bodyLimit())
		methods[r.path] = append(methods[r.path], r.method)
		if r.method == fiber.MethodGet {
			s.app.Add(fiber.MethodHead, base+r.path, labeled(r.path), limit, s.admit(r.scope), s.readBody, r.handler)
		}
		handlers := []fiber.Handler{labeled(r.path), limit, s.admit(r.scope), s.readBody}
		if r.repeatable() {
			handlers = append(handlers, s.once)
		}
		s.app.Add(r.method, base+r.path, append(handlers, r.handler)...)
	}
	for path, list := range methods {
		s.app.Options(base+path, labeled(path), allow(list))
	}
	s.app.Get(base+"/docs/", redirect(base+"/docs"))
	s.app.Get(base+"/docs/*", labeled("/docs/*"), s.newDocsFiles())
	s.app.All(base+"/monitoring/*", labeled("/monitoring/*"), s.admit(access.Read), s.readBody, s.serveMonitor)
	s.app.Use(base+"/scheduler", labeled("/scheduler"))
	compat.New(s.deps.Service, compat.Options{
		Parser: s.deps.Parser, AllowOrigin: s.showsCompat, Now: s.deps.Now, Logger: s.deps.Logger,
	}).Mount(s.app.Group(base), s.admitCompat)
	if base != "" {
		s.app.Get(base, redirect(base+"/"))
	}
}

// allow answers which methods a path takes.
func allow(methods []string) fiber.Handler {
	all := slices.Clone(methods)
	if slices.Contains(all, fiber.MethodGet) {
		all = append(all, fiber.MethodHead)
	}
	slices.Sort(all)
	header := strings.Join(append(all, fiber.MethodOptions), ", ")
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderAllow, header)
		c.Status(fiber.StatusNoContent)
		return nil
	}
}

func redirect(to string) fiber.Handler {
	return func(c *fiber.Ctx) error { return c.Redirect(to, fiber.StatusPermanentRedirect) }
}
