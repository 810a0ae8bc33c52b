package api

import (
	"bufio"
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/importer"
	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

// exportWait bounds a whole export, which goes on after its first page for as long as the caller reads.
const exportWait = 10 * time.Minute

// exportJobs writes all jobs that match, in the order of their ids, as they can
// be imported: what the service alone writes is left out, so that two exports of
// the same jobs are the same text. The answer is read from the database and sent page by page.
func (s *Server) exportJobs(c *fiber.Ctx) error {
	params := readQuery(c)
	q := jobFilter(params)
	q.Limit, q.Uncounted = maxLimit, true
	if err := params.check(); err != nil {
		return err
	}
	page, err := s.deps.Service.List(c.UserContext(), q)
	if err != nil {
		return err
	}
	for i := range page.Jobs {
		if page.Jobs[i].Unreadable {
			return job.Unreadable(page.Jobs[i].ID)
		}
	}
	form := exportJSON()
	if media := c.Accepts("application/json", importer.MediaYAML, "text/yaml"); media != "" && media != "application/json" {
		form = exportYAML()
	}
	c.Set(fiber.HeaderContentType, form.media)
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+form.name+`"`)
	id, whole := requestID(c), seesCredentials(c)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		ctx, stop := context.WithTimeout(context.Background(), exportWait)
		defer stop()
		if err := s.writeExport(ctx, w, form, q, page, whole); err != nil {
			s.deps.Logger.Error("an export broke off", "request_id", id, "error", err)
		}
	})
	return nil
}

// exportForm is how an export is written.
type exportForm struct {
	media, name        string
	begin, empty       string
	between, end, torn string
	encode             func(doc []byte) ([]byte, error)
}

func exportJSON() exportForm {
	return exportForm{
		media: "application/json", name: "jobs.json", begin: "{\"jobs\":[\n", empty: "{\"jobs\":[]}\n", between: ",\n", end: "\n]}\n",
		encode: func(doc []byte) ([]byte, error) { return doc, nil }, // without its end it is no JSON
	}
}

func exportYAML() exportForm {
	return exportForm{
		media: importer.MediaYAML, name: "jobs.yaml", begin: "jobs:\n", empty: "jobs: []\n",
		torn:   "\n}the export broke off here and must not be imported\n", // without its end it would still be YAML
		encode: importer.ToYAML,
	}
}

// writeExport writes all pages from the given one on, with the credentials in headers and URLs only if whole says so.
func (s *Server) writeExport(ctx context.Context, w *bufio.Writer, form exportForm, q job.JobQuery, page job.JobPage, whole bool) (err error) {
	defer func() {
		if err != nil {
			_, _ = w.WriteString(form.torn) // the caller may be gone: then there is nobody to tell
		}
	}()
	if len(page.Jobs) == 0 {
		_, err = w.WriteString(form.empty)
		return err
	}
	lead := form.begin
	for {
		for i := range page.Jobs {
			if page.Jobs[i].Unreadable { // to leave it out would have it deleted by an import that prunes
				return job.Unreadable(page.Jobs[i].ID)
			}
			if !whole {
				page.Jobs[i].Request = page.Jobs[i].Request.WithoutCredentials()
			}
			doc, err := encodeJSON(service.DocumentOf(&page.Jobs[i]))
			if err == nil {
				doc, err = form.encode(doc)
			}
			if err != nil {
				return err
			}
			if _, err := w.WriteString(lead); err != nil {
				return err
			}
			if _, err := w.Write(doc); err != nil {
				return err
			}
			lead = form.between
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			_, err := w.WriteString(form.end)
			return err
		}
		if page, err = s.deps.Service.List(ctx, q); err != nil {
			return err
		}
	}
}
