package api

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"schedule-server/pkg/access"
	"schedule-server/pkg/job"
)

// How large the body of a call may be, in bytes.
const (
	// maxPublicBody is for calls that need no key.
	maxPublicBody = 64 << 10
	maxBody       = 1 << 20
	// maxJobBody is for a whole job. Its own body may have 1 MiB, of which JSON makes 6 MiB where every byte is
	// escaped (\u0001), and its other members have less than 1 MiB by the same count.
	maxJobBody    = 8 << 20
	maxImportBody = 32 << 20
)

// bodyLimit is how large the body of a call to the operation may be.
func (r *route) bodyLimit() int {
	switch r.operation {
	case "createJob", "replaceJob", "patchJob", "testRequest", "bulkJobs":
		return maxJobBody
	case "importJobs":
		return maxImportBody
	}
	if r.scope == access.Anyone {
		return maxPublicBody
	}
	return maxBody
}

// bodyLimitKey is the Locals key for the limit of the call's body.
type bodyLimitKey struct{}

// withBodyLimit sets the limit for the readers of the call's body.
func withBodyLimit(limit int) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Locals(bodyLimitKey{}, limit)
		return c.Next()
	}
}

// bodyLimitOf is the limit of the call's body, the usual one where no operation has set another.
func bodyLimitOf(ctx *fasthttp.RequestCtx) int {
	if limit, ok := ctx.UserValue(bodyLimitKey{}).(int); ok {
		return limit
	}
	return maxBody
}

// tooLarge refuses a body.
func tooLarge(limit int) error {
	size := strconv.Itoa(limit>>10) + " KiB"
	if limit >= 1<<20 {
		size = strconv.Itoa(limit>>20) + " MiB"
	}
	return job.Errorf(job.CodeTooLarge, "the body is larger than %s, the limit of this operation", size)
}
