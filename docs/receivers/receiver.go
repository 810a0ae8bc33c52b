// Command receivers is a target as it should be: it verifies the signature of a
// call, does the work of a run once, and answers what the service acts on.
//
//	SIGNING_SECRET=whsec_… go run ./docs/receivers [port]
package main

import (
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	webhook "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// receiver is the handler of the calls.
type receiver struct {
	verifier *webhook.Webhook
	work     func(body []byte) error

	mu   sync.Mutex
	done map[string]bool // by Idempotency-Key; in a real service a table with a unique key
}

// errSecret says what is wrong with the secret, and how to make one.
var errSecret = errors.New("SIGNING_SECRET must be whsec_ and at least 24 bytes in base64. Make one: " +
	"export SIGNING_SECRET=whsec_$(openssl rand -base64 32)")

// newReceiver makes a receiver that takes calls signed with the secret, "whsec_…". With an empty or a short key
// anybody could sign.
func newReceiver(secret string, work func(body []byte) error) (*receiver, error) {
	encoded, prefixed := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !prefixed || err != nil || len(key) < 24 {
		return nil, errSecret
	}
	verifier, err := webhook.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	return &receiver{verifier: verifier, work: work, done: map[string]bool{}}, nil
}

// ServeHTTP answers one call.
func (s *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if err := s.verifier.Verify(body, r.Header); err != nil {
		w.WriteHeader(http.StatusUnauthorized) // 4xx: the service does not try again
		return
	}
	s.mu.Lock() // one at a time, so that two calls of one run cannot both begin
	defer s.mu.Unlock()
	run := r.Header.Get("Idempotency-Key")
	if s.done[run] {
		return // done before: 200 again
	}
	if err := s.work(body); err != nil {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable) // the service tries again, in 30 seconds
		return
	}
	s.done[run] = true
}

func main() {
	s, err := newReceiver(os.Getenv("SIGNING_SECRET"), func(body []byte) error {
		log.Printf("working on %s", body)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	port := "9100"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening on http://%s", listener.Addr())
	log.Fatal(http.Serve(listener, s))
}
