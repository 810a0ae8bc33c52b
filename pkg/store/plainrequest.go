package store

import (
	"encoding/json"
	"strconv"
	"strings"

	"schedule-server/pkg/job"
)

// readPlain reads a request of the plain kind, which most are, as encodeDefinition writes it: its members
// in their order, with neither auth nor tls. Of any other text it says that it is none, and leaves it to
// encoding/json, which takes several times as long and was the greatest single part of a claim in Go.
func readPlain(text string) (q job.Request, ok bool) {
	r := plainReader{rest: text}
	r.want(`{"method":`)
	q.Method = r.text()
	r.want(`,"url":`)
	q.URL = r.text()
	r.want(`,"headers":`)
	q.Headers = r.texts()
	r.want(`,"body":`)
	q.Body = job.Body(r.text())
	if r.next(`,"body_encoding":`) {
		q.BodyEncoding = r.text()
	}
	if r.next(`,"literal":`) {
		q.Literal = r.flag()
	}
	r.want(`,"auth":null`)
	if r.next(`,"signing_secret":`) {
		q.SigningSecret = r.text()
	}
	r.want(`,"follow_redirects":`)
	q.FollowRedirects = r.digit()
	r.want(`,"insecure_tls":`)
	q.InsecureTLS = r.flag()
	r.want(`}`)
	return q, !r.failed && r.rest == ""
}

// plainReader reads compact JSON from its beginning. Once something else stands there than
// is asked for it has failed, and what it gives means nothing.
type plainReader struct {
	rest   string
	failed bool
}

// next passes over a word if it comes next.
func (r *plainReader) next(word string) (found bool) {
	r.rest, found = strings.CutPrefix(r.rest, word)
	return found
}

func (r *plainReader) want(word string) {
	if !r.next(word) {
		r.failed = true
	}
}

func (r *plainReader) flag() bool {
	if r.next("true") {
		return true
	}
	r.want("false")
	return false
}

// digit reads a number below ten; a second digit is what is not asked for next.
func (r *plainReader) digit() int {
	if r.rest == "" || r.rest[0] < '0' || r.rest[0] > '9' {
		r.failed = true
		return 0
	}
	n, _ := strconv.Atoi(r.rest[:1]) // it is one
	r.rest = r.rest[1:]
	return n
}

// text reads a string. Where it is not plain ASCII it is left to encoding/json.
func (r *plainReader) text() string {
	r.want(`"`)
	plain := true
	for i := 0; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '\\':
			plain = false
			i++ // what is escaped does not end it
		case c < ' ' || c > '~':
			plain = false
		case c == '"':
			found := r.rest[:i]
			r.rest = r.rest[i+1:]
			if !plain && json.Unmarshal([]byte(`"`+found+`"`), &found) != nil {
				r.failed = true
			}
			return found
		}
	}
	r.failed = true
	return ""
}

// texts reads null or an object of strings.
func (r *plainReader) texts() map[string]string {
	if r.next("null") {
		return nil
	}
	r.want("{")
	found := map[string]string{}
	if r.next("}") {
		return found
	}
	for !r.failed {
		name := r.text()
		r.want(":")
		found[name] = r.text()
		if r.next("}") {
			break
		}
		r.want(",")
	}
	return found
}
