package queue

import (
	"errors"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// CheckURL reports what is wrong with a redis-url, as Open does, and opens nothing.
func CheckURL(raw string) error {
	_, err := parseURL(raw, nil)
	return err
}

// ShownURL is a redis-url that Open takes as it may be shown: scheme, hosts, database and master only.
// It is put together from these parts, so that nothing else of the URL can be in it.
func ShownURL(raw string) string {
	scheme, _, _ := strings.Cut(raw, "://")
	var hosts, path, master string
	switch strings.TrimPrefix(strings.TrimPrefix(scheme, "rediss"), "redis") {
	case "":
		u, err := url.Parse(raw)
		if err != nil {
			return ""
		}
		hosts, path = u.Host, strings.Trim(u.Path, "/")
	default:
		port := "6379"
		if strings.HasSuffix(scheme, "-sentinel") {
			port = "26379"
		}
		p, err := splitURL(raw, port, "master", "username", "password")
		if err != nil {
			return ""
		}
		hosts, master = strings.Join(p.hosts, ","), p.query.Get("master")
	}
	shown := scheme + "://" + hosts
	if path != "" && path != "0" {
		shown += "/" + path
	}
	if master != "" {
		shown += "?master=" + url.QueryEscape(master)
	}
	return shown
}

// trouble words what keeps Redis from being used, as a constant message: it does not answer, or it answers no.
func trouble(err error) string {
	var answer redis.Error
	var known *job.Error
	if errors.As(err, &answer) || errors.As(err, &known) && known.Err == nil {
		return "Redis refuses commands"
	}
	return "cannot reach Redis"
}
