package job

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"
)

// reserved are the headers that a worker sets itself, that HTTP frames the
// message by, and that are meant for a proxy.
var reserved = [...]string{"idempotency-key", "webhook-id", "webhook-timestamp", "webhook-signature",
	"connection", "content-length", "transfer-encoding", "upgrade", "trailer", "te", "keep-alive",
	"proxy-authorization", "proxy-connection"}

// reservedPrefix begins the names of headers that describe the run.
const reservedPrefix = "x-schedule-"

// ReservedHeader reports whether a request must not set this header. An underscore counts as a hyphen, because
// receivers that pass headers on as CGI does cannot tell X_Schedule_Run_Id from X-Schedule-Run-Id.
func ReservedHeader(name string) bool {
	if len(name) > len(reservedPrefix) && sameReserved(name[:len(reservedPrefix)], reservedPrefix) {
		return true
	}
	for _, one := range reserved {
		if sameReserved(name, one) {
			return true
		}
	}
	return false
}

// sameReserved compares a name with one in lower case.
func sameReserved(name, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// Header returns the value of a header, whatever the case of its name; "" if there is none.
func (r *Request) Header(name string) string {
	for known, value := range r.Headers {
		if strings.EqualFold(known, name) && r.Sends(known) {
			return value
		}
	}
	return ""
}

// Sends reports whether a header of the request is sent. It is not if the service sets it itself, or if a name that
// differs only in case comes before it in byte order. Such names are refused now, but older jobs may have them.
func (r *Request) Sends(name string) bool {
	if ReservedHeader(name) {
		return false
	}
	for other := range r.Headers {
		if other < name && strings.EqualFold(other, name) {
			return false
		}
	}
	return true
}

// twins returns the names that differ from an earlier one only in case, each with that one.
func (r *Request) twins() map[string]string {
	var twins map[string]string
	first := make(map[string]string, len(r.Headers))
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		lower := strings.ToLower(name)
		if known, twice := first[lower]; twice {
			if twins == nil {
				twins = map[string]string{}
			}
			twins[name] = known
			continue
		}
		first[lower] = name
	}
	return twins
}

func (v *validator) headers(r *Request) {
	if len(r.Headers) > MaxHeaders {
		v.check(false, "request.headers", "there are at most %d headers", MaxHeaders)
		return
	}
	size, twins := 0, r.twins()
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		value, field := r.Headers[name], "request.headers."+name
		size += len(name) + len(value)
		v.check(httpguts.ValidHeaderFieldName(name), field, "%q is no header name", name)
		v.check(httpguts.ValidHeaderFieldValue(value) && utf8.ValidString(value), field, "a header value holds no control characters")
		v.check(!ReservedHeader(name), field, "this header is set by the service itself")
		if known, twice := twins[name]; twice {
			v.add(field, faultDuplicate, fmt.Sprintf(
				"%s and %s are the same header, because case does not count; keep one, and in a PATCH set the other to null", name, known))
		}
	}
	v.check(size <= MaxHeaderBytes, "request.headers", "the headers are at most %d bytes", MaxHeaderBytes)
}
