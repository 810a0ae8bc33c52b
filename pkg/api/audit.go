package api

import (
	"context"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
)

// AuditStore keeps the audit log.
type AuditStore interface {
	// ListEntries reads a page of it, newest first.
	ListEntries(ctx context.Context, q access.EntryQuery) (access.EntryPage, error)
	// AddEntry writes a line about something that is not in the database.
	AddEntry(ctx context.Context, e access.Entry) error
}

// entryList is a page of the audit log, newest first.
type entryList struct {
	Entries []access.Entry `json:"entries"`
	// NextCursor is null on the last page.
	NextCursor *string `json:"next_cursor"`
}

func (s *Server) listAudit(c *fiber.Ctx) error {
	params := readQuery(c)
	q := access.EntryQuery{
		Actor: params.text("actor"), Action: params.text("action"), Target: params.text("target"),
		Since: params.instant("since"), Until: params.instant("until"),
		Limit: params.limit(), Cursor: params.text("cursor"),
	}
	if err := params.check(); err != nil {
		return err
	}
	page, err := s.deps.Audit.ListEntries(c.UserContext(), q)
	if err != nil {
		return err
	}
	if page.Entries == nil {
		page.Entries = []access.Entry{}
	}
	for i := range page.Entries {
		if page.Entries[i].Diff == nil {
			page.Entries[i].Diff = []access.Change{}
		}
	}
	return c.JSON(entryList{Entries: page.Entries, NextCursor: optional(page.NextCursor)})
}
