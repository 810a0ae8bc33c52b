package e2e

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// robots stand for the services that messages go to: a path each.
type robots struct {
	mu       sync.Mutex
	messages map[string][]robotMessage
	// answers are what a path answers instead of that all is well.
	answers map[string]string
}

type robotMessage struct {
	header http.Header
	query  map[string][]string
	body   string
}

func (r *robots) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages[req.URL.Path] = append(r.messages[req.URL.Path], robotMessage{req.Header, req.URL.Query(), string(body)})
	answer := `{"code":0,"errcode":0,"ok":true}`
	if other, ok := r.answers[req.URL.Path]; ok {
		answer = other
	}
	_, _ = io.WriteString(w, answer)
}

func (r *robots) of(path string) []robotMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]robotMessage(nil), r.messages[path]...)
}

func (r *robots) answer(path, answer string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[path] = answer
}

// mailbox is a mail server that keeps what it is sent.
type mailbox struct {
	mu      sync.Mutex
	letters []string
}

func (m *mailbox) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go m.talk(c)
	}
}

func (m *mailbox) talk(c net.Conn) {
	defer c.Close()
	say := func(text string) { _, _ = io.WriteString(c, text+"\r\n") }
	say("220 mailbox ESMTP")
	for r := bufio.NewScanner(c); r.Scan(); {
		switch word, _, _ := strings.Cut(strings.ToUpper(r.Text()), " "); word {
		case "EHLO", "HELO":
			say("250 mailbox")
		case "DATA":
			say("354 go on")
			var letter strings.Builder
			for r.Scan() && r.Text() != "." {
				letter.WriteString(r.Text() + "\n")
			}
			m.mu.Lock()
			m.letters = append(m.letters, letter.String())
			m.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *mailbox) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.letters...)
}

// TestNotifications goes from nothing to a failure, and its end, in every kind of chat, on both databases.
func TestNotifications(t *testing.T) {
	onEachDatabase(t, notifications)
}

func notifications(t *testing.T, database string) {
	rs := &robots{messages: map[string][]robotMessage{}, answers: map[string]string{}}
	chat := httptest.NewServer(rs)
	defer chat.Close()
	post, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer post.Close()
	box := &mailbox{}
	go box.serve(post)
	healthy := make(chan bool, 1)
	healthy <- false
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		well := <-healthy
		healthy <- well
		if !well {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "<!channel> no coffee")
		}
	}))
	defer target.Close()

	address := freeAddress(t)
	p := start(t, "standalone", "--listen", address, "--database-url", database, "--secret-key", "a passphrase for the channels")
	s := &service{t: t, url: "http://" + address}
	s.ready()
	_, portText, _ := net.SplitHostPort(post.Addr().String())
	var port int
	_, _ = fmt.Sscan(portText, &port)
	kinds := []string{"webhook", "feishu", "dingtalk", "wecom", "slack"}
	for _, kind := range kinds {
		settings := object{"url": chat.URL + "/" + kind + "?access_token=hidden"}
		if kind == "feishu" || kind == "dingtalk" {
			settings["secret"] = "SECrobot"
		}
		if kind == "webhook" {
			settings["secret"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		}
		s.must("POST", "/api/v1/channels", object{"id": kind, "kind": kind, "settings": settings}, nil)
	}
	s.must("POST", "/api/v1/channels", object{"id": "mail", "kind": "email", "language": "zh", "settings": object{
		"host": "127.0.0.1", "port": port, "tls": "none", "from": "cron@example.com", "to": []string{"ops@example.com"}}}, nil)
	if _, answer := s.call("GET", "/api/v1/channels", nil); strings.Contains(string(answer), "hidden") || strings.Contains(string(answer), "SECrobot") {
		t.Errorf("a secret is shown: %s", answer)
	}
	var trial struct{ Attempt struct{ Reason string } }
	s.must("POST", "/api/v1/channels/slack/test", nil, &trial)
	if got := rs.of("/slack"); trial.Attempt.Reason != "ok" || len(got) != 1 || !strings.Contains(got[0].body, "Test message") {
		t.Errorf("the test answered %+v, and the robot has %v", trial, got)
	}
	rs.answer("/dingtalk", `{"errcode":310000,"errmsg":"sign not match"}`)
	s.must("POST", "/api/v1/channels/dingtalk/test", nil, &trial)
	if trial.Attempt.Reason == "ok" {
		t.Error("a message that the robot refused counts as taken")
	}
	rs.answer("/dingtalk", `{"errcode":0,"errmsg":"ok"}`)
	s.must("PUT", "/api/v1/rules", object{"rules": []object{{"id": "all", "channels": append([]string{"mail"}, kinds...)}}}, nil)
	if status, _ := s.call("DELETE", "/api/v1/channels/slack", nil); status != 409 {
		t.Errorf("a channel that a rule uses is deleted: %d", status)
	}

	s.must("POST", "/api/v1/jobs", object{"id": "tea", "name": "Tea \"<b>*_`@all", "schedule": object{"type": "cron", "expression": "0 0 1 1 *"},
		"request": object{"url": target.URL}}, nil)
	s.must("POST", "/api/v1/jobs/tea/run", object{"force": true}, nil)
	toldOf := func(word string, times int) {
		t.Helper()
		for _, kind := range kinds {
			s.until(kind+" is told "+word, func() (bool, string) {
				n := 0
				for _, m := range rs.of("/" + kind) {
					if strings.Contains(m.body, word) {
						n++
					}
				}
				return n == times, fmt.Sprint(rs.of("/" + kind))
			})
		}
	}
	toldOf("failed: 418", 1)
	s.until("the mail is there", func() (bool, string) { return len(box.all()) == 1, fmt.Sprint(box.all()) })
	var incidents struct {
		Incidents []struct {
			ID, Kind, JobID string
			ClosedAt        *string `json:"closed_at"`
		}
	}
	s.must("GET", "/api/v1/incidents?state=open", nil, &incidents)
	if len(incidents.Incidents) != 1 || incidents.Incidents[0].Kind != "failing" {
		t.Fatalf("incidents: %+v", incidents)
	}
	var one struct{ Incidents []string }
	s.must("GET", "/api/v1/jobs/tea", nil, &one)
	if len(one.Incidents) != 1 || one.Incidents[0] != "failing" {
		t.Errorf("the job shows %v", one.Incidents)
	}
	s.must("POST", "/api/v1/incidents/"+incidents.Incidents[0].ID+"/acknowledge", object{"note": "mine"}, nil)
	s.must("POST", "/api/v1/jobs/tea/run", object{"force": true}, nil) // a second failure is nothing new
	if runs := s.settled("tea"); runs[0].State != "failed" {
		t.Fatalf("the run is %s", runs[0].State)
	}
	<-healthy
	healthy <- true
	s.must("POST", "/api/v1/jobs/tea/run", object{"force": true}, nil)
	toldOf("works again, after 2 failures", 1)
	toldOf("failed: 418", 1)
	checkRobots(t, rs)
	s.until("all is accounted for", func() (bool, string) {
		var list struct{ Notifications []struct{ State string } }
		s.must("GET", "/api/v1/notifications", nil, &list)
		sent := 0
		for _, n := range list.Notifications {
			if n.State == "sent" {
				sent++
			}
		}
		return len(list.Notifications) == 12 && sent == 12, fmt.Sprint(list)
	})
	p.stop(t)
}

// checkRobots verifies what the robots got as they would themselves.
func checkRobots(t *testing.T, rs *robots) {
	t.Helper()
	sign := func(key, text string) string {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(text))
		return base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	for _, m := range rs.of("/dingtalk") {
		if at := m.query["timestamp"]; len(at) != 1 || m.query["sign"][0] != sign("SECrobot", at[0]+"\nSECrobot") {
			t.Errorf("DingTalk: the signature is wrong: %v", m.query)
		}
	}
	for _, m := range rs.of("/feishu") {
		var body struct{ Timestamp, Sign string }
		if err := json.Unmarshal([]byte(m.body), &body); err != nil || body.Sign != sign(body.Timestamp+"\nSECrobot", "") {
			t.Errorf("Feishu: the signature is wrong: %s", m.body)
		}
	}
	key, _ := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	for _, m := range rs.of("/webhook") {
		h := m.header
		if h.Get("Idempotency-Key") == "" || h.Get("Webhook-Signature") != "v1,"+sign(string(key), h.Get("Webhook-Id")+"."+h.Get("Webhook-Timestamp")+"."+m.body) {
			t.Errorf("webhook: %v", h)
		}
	}
	for _, m := range rs.of("/slack") {
		if strings.Contains(m.body, "<!channel>") || strings.Contains(m.body, "<b>") {
			t.Errorf("Slack would read marks in %s", m.body)
		}
	}
}
