package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// monitors are the queue monitor for those who may look only, and for those who
// may press its buttons. It answers for all paths below its own.
type monitors struct{ reading, writing fiber.Handler }

func (s *Server) newMonitors() monitors {
	if s.deps.Monitor == nil {
		none := func(*fiber.Ctx) error { return fiber.ErrNotFound }
		return monitors{none, none}
	}
	root := s.options.BasePath + "/monitoring"
	return monitors{adaptor.HTTPHandler(s.deps.Monitor(root, true)), adaptor.HTTPHandler(s.deps.Monitor(root, false))}
}

// serveMonitor shows the queues. What a button does is written to the audit log first: nothing is done that could not be.
func (s *Server) serveMonitor(c *fiber.Ctx) error {
	writes := guestOf(c).Scope.Allows(access.Write)
	switch c.Method() {
	case http.MethodGet, http.MethodHead:
		if writes {
			return s.monitor.writing(c)
		}
		return s.monitor.reading(c)
	}
	if !writes {
		return job.Errorf(job.CodeForbidden, "the buttons of the queue monitor need a key with the scope write")
	}
	path, err := url.PathUnescape(strings.TrimPrefix(c.Path(), s.options.BasePath+"/monitoring/api/"))
	if err != nil {
		return job.Errorf(job.CodeMalformed, "the path is not percent-encoded UTF-8")
	}
	told := access.DiffOf(nil, pressed(c))
	entry := access.NewEntry(s.deps.Now(), access.ActorOf(c.UserContext()), access.ActionMonitor, path, told)
	if err := s.deps.Audit.AddEntry(c.UserContext(), entry); err != nil {
		return err
	}
	return s.monitor.writing(c)
}

// pressed is what is written down of a call: its method and the tasks that it names, and no more, since nobody knows what else a body holds.
func pressed(c *fiber.Ctx) any {
	call := struct {
		Method string   `json:"method"`
		Tasks  []string `json:"task_ids,omitempty"`
	}{}
	if json.Unmarshal(c.Request().Body(), &call) != nil {
		call.Tasks = nil
	}
	call.Method = c.Method()
	return call
}

// wantsMonitor reports whether a browser opens the queue monitor, which has no login of its own.
func (s *Server) wantsMonitor(c *fiber.Ctx) bool {
	path, found := strings.CutPrefix(c.Path(), s.options.BasePath+"/monitoring")
	return found && (path == "" || path[0] == '/') && !strings.HasPrefix(path, "/api/") &&
		(c.Method() == http.MethodGet || c.Method() == http.MethodHead) && strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML)
}
