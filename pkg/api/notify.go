package api

import (
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
	"schedule-server/pkg/service"
)

// channelList is all channels, by id.
type channelList struct {
	Channels []notify.Channel `json:"channels"`
}

func (s *Server) listChannels(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	all, err := s.deps.Service.Channels(c.UserContext())
	if err != nil {
		return err
	}
	return c.JSON(channelList{all})
}

func (s *Server) getChannel(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	channel, err := s.deps.Service.Channel(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(channel)
}

func (s *Server) createChannel(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	var in service.ChannelInput
	if err := decode(c, &in, false); err != nil {
		return err
	}
	id := in.ID
	if id == "" {
		id = job.NewID(s.deps.Now())
	}
	return s.writeChannel(c, id, &in, true)
}

func (s *Server) putChannel(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	var in service.ChannelInput
	if err := decode(c, &in, false); err != nil {
		return err
	}
	return s.writeChannel(c, id, &in, false)
}

func (s *Server) writeChannel(c *fiber.Ctx, id string, in *service.ChannelInput, isNew bool) error {
	channel, created, err := s.deps.Service.PutChannel(c.UserContext(), id, in, isNew)
	if err != nil {
		return err
	}
	if created {
		c.Location(s.options.BasePath + v1 + "/channels/" + url.PathEscape(id))
		c.Status(fiber.StatusCreated)
	}
	return c.JSON(channel)
}

func (s *Server) patchChannel(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	data, err := body(c)
	if err != nil {
		return err
	}
	channel, err := s.deps.Service.PatchChannel(c.UserContext(), id, data)
	if err != nil {
		return err
	}
	return c.JSON(channel)
}

func (s *Server) deleteChannel(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	if err := s.deps.Service.DeleteChannel(c.UserContext(), id); err != nil {
		return err
	}
	c.Status(fiber.StatusNoContent)
	return nil
}

func (s *Server) testChannel(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	entry := access.NewEntry(s.deps.Now(), access.ActorOf(c.UserContext()), access.ActionTestChannel, id, access.Diff{})
	if err := s.deps.Audit.AddEntry(c.UserContext(), entry); err != nil {
		return err
	}
	trial, err := s.deps.Service.TestChannel(c.UserContext(), id)
	if err != nil {
		return err
	}
	return c.JSON(trial)
}

func (s *Server) getRules(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	rules, version, err := s.deps.Service.Rules(c.UserContext())
	if err != nil {
		return err
	}
	return answerRules(c, rules, version)
}

func answerRules(c *fiber.Ctx, rules *notify.Rules, version int64) error {
	if rules.Rules == nil {
		rules.Rules = []notify.Rule{}
	}
	c.Set(fiber.HeaderETag, `"`+strconv.FormatInt(version, 10)+`"`)
	return c.JSON(rules)
}

func (s *Server) putRules(c *fiber.Ctx) error {
	if err := readQuery(c).check(); err != nil {
		return err
	}
	ifVersion, err := ifMatch(c)
	if err != nil {
		return err
	}
	var rules notify.Rules
	if err := decode(c, &rules, false); err != nil {
		return err
	}
	version, err := s.deps.Service.PutRules(c.UserContext(), &rules, max(ifVersion, 0))
	if err != nil {
		return err
	}
	return answerRules(c, &rules, version)
}

// incidentList is a page of incidents, newest first.
type incidentList struct {
	Incidents []notify.Incident `json:"incidents"`
	// NextCursor is null on the last page.
	NextCursor *string `json:"next_cursor"`
}

func (s *Server) listIncidents(c *fiber.Ctx) error {
	params := readQuery(c)
	q := notify.IncidentQuery{
		State: params.choice("state", "open", "closed"), JobID: params.text("job"),
		Kind: notify.Kind(params.choice("kind", words(notify.Kinds()...)...)), Since: params.instant("since"),
		Limit: params.limit(), Cursor: params.text("cursor"),
	}
	if err := params.check(); err != nil {
		return err
	}
	page, err := s.deps.Service.Incidents(c.UserContext(), &q)
	if err != nil {
		return err
	}
	return c.JSON(incidentList{page.Incidents, optional(page.NextCursor)})
}

// maxAckNote is how long the note of an acknowledgement may be, in bytes.
const maxAckNote = 2000

func (s *Server) acknowledgeIncident(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	var in struct {
		Until *job.Instant `json:"until"`
		Note  string       `json:"note"`
	}
	if err := decode(c, &in, true); err != nil {
		return err
	}
	if len(in.Note) > maxAckNote {
		return job.FieldErrorf("note", "invalid", "a note is at most %d bytes", maxAckNote)
	}
	incident, err := s.deps.Service.Acknowledge(c.UserContext(), id, in.Until, in.Note)
	if err != nil {
		return err
	}
	return c.JSON(incident)
}

// notificationList is a page of notifications, newest first.
type notificationList struct {
	Notifications []notify.Notification `json:"notifications"`
	// NextCursor is null on the last page.
	NextCursor *string `json:"next_cursor"`
}

func (s *Server) listNotifications(c *fiber.Ctx) error {
	params := readQuery(c)
	q := notify.NotificationQuery{
		State: params.choice("state", "pending", "queued", "sent", "failed"), JobID: params.text("job"), Incident: params.text("incident"),
		Channel: params.text("channel"), Limit: params.limit(), Cursor: params.text("cursor"),
	}
	if err := params.check(); err != nil {
		return err
	}
	page, err := s.deps.Service.Notifications(c.UserContext(), &q)
	if err != nil {
		return err
	}
	return c.JSON(notificationList{page.Notifications, optional(page.NextCursor)})
}

func (s *Server) retryNotification(c *fiber.Ctx) error {
	id, err := plainID(c)
	if err != nil {
		return err
	}
	notification, err := s.deps.Service.RetryNotification(c.UserContext(), id)
	if err != nil {
		return err
	}
	c.Status(fiber.StatusAccepted)
	return c.JSON(notification)
}

// addIncidents says of each job what is open about it.
func (s *Server) addIncidents(c *fiber.Ctx, jobs ...*job.Job) error {
	ids := make([]string, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID
	}
	kinds, err := s.deps.Service.OpenKinds(c.UserContext(), ids)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Incidents = kinds[j.ID]; j.Incidents == nil {
			j.Incidents = []string{}
		}
	}
	return nil
}
