package service

import (
	"context"
	"encoding/json"
	"maps"

	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// NotifyStore keeps channels, rules, incidents and the account of notifications.
type NotifyStore interface {
	// ListChannels reads all channels, with settings as they may be shown.
	ListChannels(ctx context.Context) ([]notify.Channel, error)
	// GetChannel reads a channel; job.CodeNotFound when there is none.
	GetChannel(ctx context.Context, id string) (*notify.Channel, error)
	// ChangeChannel writes what change makes of a channel, nil for none; a result of nil deletes it.
	ChangeChannel(ctx context.Context, id string, now job.Instant, change func(old *notify.Channel) (*notify.Channel, error)) (*notify.Channel, error)
	// GetRules reads the rules and their version.
	GetRules(ctx context.Context) (*notify.Rules, int64, error)
	// PutRules writes all rules, where they stand at that version unless it is 0.
	PutRules(ctx context.Context, rules *notify.Rules, ifVersion int64, now job.Instant) (int64, error)
	// ListIncidents and ListNotifications read pages, newest first.
	ListIncidents(ctx context.Context, q *notify.IncidentQuery) (*notify.IncidentPage, error)
	ListNotifications(ctx context.Context, q *notify.NotificationQuery) (*notify.NotificationPage, error)
	// Acknowledge keeps an incident from being reminded of; RetryNotification has one that failed told again.
	Acknowledge(ctx context.Context, id string, until *job.Instant, note string, now job.Instant) (*notify.Incident, error)
	RetryNotification(ctx context.Context, id string, now job.Instant) (*notify.Notification, error)
	// OpenKinds are the kinds of the open incidents of jobs, CountIncidents how many are open of each kind.
	OpenKinds(ctx context.Context, ids []string) (map[string][]string, error)
	CountIncidents(ctx context.Context) (map[string]int64, error)
}

// ChannelInput is a channel as a caller writes it.
type ChannelInput struct {
	ID       string          `json:"id"`
	Kind     notify.Type     `json:"kind"`
	Name     string          `json:"name"`
	Enabled  *bool           `json:"enabled"`
	Language string          `json:"language"`
	Settings notify.Settings `json:"settings"`
	Limit    notify.Limit    `json:"limit"`
	Template *string         `json:"template"`
}

// Channels reads all channels.
func (s *Service) Channels(ctx context.Context) ([]notify.Channel, error) {
	return s.store.ListChannels(ctx)
}

// Channel reads one channel.
func (s *Service) Channel(ctx context.Context, id string) (*notify.Channel, error) {
	return s.store.GetChannel(ctx, id)
}

// PutChannel makes a channel, or replaces the one of that id unless it is to be new. Settings that come back as they
// were shown stay as they are.
func (s *Service) PutChannel(ctx context.Context, id string, in *ChannelInput, isNew bool) (c *notify.Channel, created bool, err error) {
	return s.changeChannel(ctx, id, isNew, func(*notify.Channel) (*ChannelInput, error) { return in, nil })
}

// PatchChannel changes the members of a channel that a merge patch names.
func (s *Service) PatchChannel(ctx context.Context, id string, patch []byte) (*notify.Channel, error) {
	c, _, err := s.changeChannel(ctx, id, false, func(old *notify.Channel) (*ChannelInput, error) {
		if old == nil {
			return nil, job.NotFound("channel", id)
		}
		in := &ChannelInput{ID: old.ID, Kind: old.Kind, Name: old.Name, Enabled: &old.Enabled, Language: old.Language,
			Settings: nil, Limit: old.Limit, Template: old.Template}
		if err := job.Decode(patch, in); err != nil {
			return nil, err
		}
		settings := maps.Clone(old.Settings)
		for name, value := range in.Settings {
			if value == nil {
				delete(settings, name)
			} else {
				settings[name] = value
			}
		}
		in.Settings = settings
		return in, nil
	})
	return c, err
}

func (s *Service) changeChannel(
	ctx context.Context, id string, isNew bool, read func(old *notify.Channel) (*ChannelInput, error),
) (c *notify.Channel, created bool, err error) {
	c, err = s.store.ChangeChannel(ctx, id, s.now(), func(old *notify.Channel) (*notify.Channel, error) {
		if isNew && old != nil {
			return nil, job.Errorf(job.CodeConflict, "there is a channel with the id %q already", id)
		}
		created = old == nil
		in, err := read(old)
		if err != nil {
			return nil, err
		}
		return s.makeChannel(id, in, old)
	})
	return c, created, err
}

// makeChannel checks a channel and seals its settings.
func (s *Service) makeChannel(id string, in *ChannelInput, old *notify.Channel) (*notify.Channel, error) {
	if in.ID != "" && in.ID != id {
		return nil, job.FieldErrorf("id", "invalid", "the id is that of the path")
	}
	c := &notify.Channel{ID: id, Kind: in.Kind, Name: in.Name, Enabled: in.Enabled == nil || *in.Enabled, Language: in.Language,
		Settings: in.Settings, Limit: in.Limit, Template: in.Template}
	if c.Language == "" {
		c.Language = "en"
	}
	if c.Template != nil && *c.Template == "" {
		c.Template = nil
	}
	if old != nil && old.Kind == c.Kind {
		before, err := s.openSettings(old)
		if err != nil {
			return nil, err
		}
		kept, faults := c.Settings.Keep(c.Kind, before, old.Settings)
		if len(faults) > 0 {
			return nil, &job.Error{Code: job.CodeInvalid, Detail: "the channel is invalid", Fields: faults}
		}
		c.Settings = kept
	}
	if faults := c.Validate(); len(faults) > 0 {
		return nil, &job.Error{Code: job.CodeInvalid, Detail: "the channel is invalid", Fields: faults}
	}
	text, err := json.Marshal(c.Settings)
	if err != nil {
		return nil, err
	}
	if c.Sealed, err = s.keys.Seal(notify.SettingsPlace(id), string(text)); err != nil {
		return nil, err
	}
	c.Settings = c.Shown()
	return c, nil
}

func (s *Service) openSettings(c *notify.Channel) (settings notify.Settings, err error) {
	text, err := s.keys.Open(notify.SettingsPlace(c.ID), c.Sealed)
	if err != nil { // the key is another one: all has to be written anew
		return notify.Settings{}, nil
	}
	err = json.Unmarshal([]byte(text), &settings)
	return settings, err
}

// DeleteChannel deletes a channel; job.CodeConflict while a rule uses it.
func (s *Service) DeleteChannel(ctx context.Context, id string) error {
	_, err := s.store.ChangeChannel(ctx, id, s.now(), func(old *notify.Channel) (*notify.Channel, error) {
		if old == nil {
			return nil, job.NotFound("channel", id)
		}
		return nil, nil
	})
	return err
}

// TestChannel sends a test message, which has no links, and tells what the other side answered.
func (s *Service) TestChannel(ctx context.Context, id string) (*job.Trial, error) {
	c, err := s.store.GetChannel(ctx, id)
	if err != nil {
		return nil, err
	}
	now := s.now()
	message := notify.Message{ID: job.NewID(now), SentAt: now, Language: c.Language, Test: true}
	text, err := json.Marshal(&message)
	if err != nil {
		return nil, err
	}
	return s.queue.Try(ctx, c.Task(message.ID, string(text), now, nil))
}

// Rules reads all rules and their version.
func (s *Service) Rules(ctx context.Context) (*notify.Rules, int64, error) {
	return s.store.GetRules(ctx)
}

// PutRules writes all rules.
func (s *Service) PutRules(ctx context.Context, rules *notify.Rules, ifVersion int64) (int64, error) {
	return s.store.PutRules(ctx, rules, ifVersion, s.now())
}

// Incidents reads a page of incidents.
func (s *Service) Incidents(ctx context.Context, q *notify.IncidentQuery) (*notify.IncidentPage, error) {
	return s.store.ListIncidents(ctx, q)
}

// Notifications reads a page of notifications.
func (s *Service) Notifications(ctx context.Context, q *notify.NotificationQuery) (*notify.NotificationPage, error) {
	return s.store.ListNotifications(ctx, q)
}

// Acknowledge says that somebody cares for an incident: nobody is reminded of it until then; nil: until it is closed.
func (s *Service) Acknowledge(ctx context.Context, id string, until *job.Instant, note string) (*notify.Incident, error) {
	now := s.now()
	if until != nil && *until <= now {
		return nil, job.FieldErrorf("until", "invalid", "until is in the past")
	}
	incident, err := s.store.Acknowledge(ctx, id, until, note, now)
	if err == nil {
		s.publisher.Announce(job.News{Incident: &job.IncidentChange{ID: incident.ID, JobID: incident.JobID, Kind: string(incident.Kind), OpenedAt: incident.OpenedAt}})
	}
	return incident, err
}

// RetryNotification has a notification that has failed told again.
func (s *Service) RetryNotification(ctx context.Context, id string) (*notify.Notification, error) {
	return s.store.RetryNotification(ctx, id, s.now())
}

// OpenKinds are the kinds of the open incidents of jobs.
func (s *Service) OpenKinds(ctx context.Context, ids []string) (map[string][]string, error) {
	return s.store.OpenKinds(ctx, ids)
}
