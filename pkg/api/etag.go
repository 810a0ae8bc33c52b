package api

import (
	"math"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"schedule-server/pkg/job"
	"schedule-server/pkg/service"
)

// setETag names the job's version. What a job's answer also tells, its next and
// last run, changes without it: the tag guards changes, and never stands for an answer that a cache may keep.
func setETag(c *fiber.Ctx, j *job.Job) {
	c.Set(fiber.HeaderETag, `"`+strconv.FormatInt(j.Version, 10)+`"`)
}

// ifMatch reads the version that a change is conditional on. A weak tag counts
// as its strong form: proxies that compress weaken tags, and ours stand for
// a version, not for bytes.
func ifMatch(c *fiber.Ctx) (int64, error) {
	if c.Get(fiber.HeaderIfNoneMatch) == "*" && c.Method() == fiber.MethodPut {
		return service.NoVersion, nil
	}
	text := c.Get(fiber.HeaderIfMatch)
	switch text {
	case "":
		return service.AnyVersion, nil
	case "*":
		return service.SomeVersion, nil
	}
	tags, ok := readTags(text)
	if !ok || len(tags) != 1 {
		return 0, job.Errorf(job.CodeMalformed, `If-Match is one tag such as "3", or *`)
	}
	version, err := strconv.ParseInt(tags[0], 10, 64)
	if err != nil || version < 1 {
		return math.MaxInt64, nil // a tag that no version has
	}
	return version, nil
}

// readTags splits a list of entity tags, weak or strong, into what they quote.
func readTags(text string) (tags []string, ok bool) {
	for _, one := range strings.Split(text, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if len(one) < 2 || one[0] != '"' || one[len(one)-1] != '"' || strings.Contains(one[1:len(one)-1], `"`) {
			return tags, false
		}
		tags = append(tags, one[1:len(one)-1])
	}
	return tags, true
}
