package worker

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"schedule-server/pkg/job"
)

// The names of the service's own headers, as they are sent.
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerWebhookID      = "webhook-id"
	headerTimestamp      = "webhook-timestamp"
	headerSignature      = "webhook-signature"
	headerTraceparent    = "traceparent"
	headerUserAgent      = "User-Agent"
)

// addOwn adds the headers of the job, under their names as they are written there. They go into the map directly:
// its methods would change the case of the names.
func (r *request) addOwn(f *filler) error {
	own := &f.task.Request
	for name, value := range own.Headers {
		if !own.Sends(name) {
			continue
		}
		secret := false
		if !own.Literal && job.HasTemplate(value) {
			var err error
			if secret, err = f.usesSecret(func() error { value, err = f.fill(value, maxFilledHeader, asItIs); return err }); err != nil {
				return inField("headers."+name, err)
			}
			if !httpguts.ValidHeaderFieldValue(value) {
				return fmt.Errorf("headers.%s: with its templates filled in it holds control characters", name)
			}
		}
		if strings.EqualFold(name, "Host") {
			r.host = value
			continue
		}
		r.header[name] = []string{value}
		if secret {
			r.secretHeaders = append(r.secretHeaders, name)
		}
	}
	if !httpguts.ValidHostHeader(r.host) {
		return errors.New("the Host header is not a host")
	}
	return nil
}

// addServiceHeaders adds what tells the target who calls, and which run it is, to the headers of the job. The job has
// none of these names, see job.ReservedHeader, but for those of which its own goes first.
func (w *Worker) addServiceHeaders(r *request, f *filler) {
	// One array for all values: each header is a slice of it.
	values := [...]string{f.task.RunID, f.unix(), headerText(f.task.JobID),
		f.task.ScheduledAt.String(), strconv.Itoa(f.n), "", w.agent, "gzip"}
	// A range of a packed answer cannot be unpacked, and an answer to HEAD has no body.
	r.gzip = r.method != http.MethodHead && !r.has("Accept-Encoding") && !r.has("Range")
	h, traced := r.header, r.has(headerTraceparent)
	if h[headerUserAgent] == nil {
		if r.has(headerUserAgent) {
			values[6] = "" // or net/http, which looks for this spelling only, would add an agent of its own
		}
		h[headerUserAgent] = values[6:7:7]
	}
	if !traced {
		values[5] = traceparent(f.task.RunID, f.n)
		h[headerTraceparent] = values[5:6:6]
	}
	if r.gzip {
		h["Accept-Encoding"] = values[7:8:8]
	}
	h[headerIdempotencyKey] = values[0:1:1]
	h[headerWebhookID] = values[0:1:1]
	h["X-Schedule-Run-Id"] = values[0:1:1]
	h[headerTimestamp] = values[1:2:2]
	h["X-Schedule-Job-Id"] = values[2:3:3]
	h["X-Schedule-Time"] = values[3:4:4]
	h["X-Schedule-Attempt"] = values[4:5:5]
	if f.task.Notice == nil {
		w.links.add(h, f.task.RunID, f.n)
	}
}

// has reports whether the request has a header, whatever the case of its name.
func (r *request) has(name string) bool {
	if r.header[name] != nil {
		return true
	}
	for known := range r.header {
		if strings.EqualFold(known, name) {
			return true
		}
	}
	return false
}

// remove takes a header away, whatever the case of its name.
func (r *request) remove(name string) {
	for known := range r.header {
		if strings.EqualFold(known, name) {
			delete(r.header, known)
		}
	}
}
