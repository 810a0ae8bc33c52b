package queue

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"schedule-server/pkg/job"
)

// Monitor serves asynqmon below rootPath, such as "/monitoring"; the requests
// keep that prefix. Read-only, its buttons do nothing. It has no login: put it
// behind one. It shows and changes our own queues only, whoever else uses asynq in
// the same Redis. Its pages may reach no other host: what they would load from one,
// a font, the browser is told to leave out, and falls back to its own.
func (b *Broker) Monitor(rootPath string, readOnly bool) http.Handler {
	pages := asynqmon.New(asynqmon.Options{
		RootPath:         rootPath,
		RedisConnOpt:     sharedClient{b.client},
		PayloadFormatter: asynqmon.PayloadFormatterFunc(showPayload),
		ReadOnly:         readOnly,
	})
	policy := contentPolicy(pages, rootPath)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		b.serveOwn(pages, w, r, strings.TrimSuffix(rootPath, "/")+"/api")
	})
}

// sharedClient gives asynqmon our connections instead of opening its own.
type sharedClient struct{ client redis.UniversalClient }

// MakeRedisClient returns the shared client.
func (s sharedClient) MakeRedisClient() any { return s.client }

// contentPolicy allows the page its own files, its inline scripts, known by
// their hashes, and the style elements that its components write.
func contentPolicy(pages http.Handler, rootPath string) string {
	page := &pageRecorder{header: http.Header{}}
	pages.ServeHTTP(page, &http.Request{Method: http.MethodGet, Header: http.Header{},
		URL: &url.URL{Path: strings.TrimSuffix(rootPath, "/") + "/"}})
	scripts := "'self'"
	for _, part := range strings.Split(page.body.String(), "<script>")[1:] {
		script, _, _ := strings.Cut(part, "</script>")
		sum := sha256.Sum256([]byte(script))
		scripts += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'self'; script-src " + scripts + "; style-src 'self' 'unsafe-inline'; " +
		"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; " +
		"base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
}

// pageRecorder keeps what is asked for by this process itself.
type pageRecorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (p *pageRecorder) Header() http.Header         { return p.header }
func (p *pageRecorder) Write(b []byte) (int, error) { return p.body.Write(b) }
func (p *pageRecorder) WriteHeader(status int)      { p.status = status }

// showPayload is what the monitor shows of a task: as JSON, without the values
// of headers that carry credentials, and without sealed texts.
func showPayload(kind string, payload []byte) string {
	if len(payload) == 0 {
		return "not kept: the task has ended"
	}
	task, err := readTask(kind, payload)
	if err != nil {
		return "a payload that this version cannot read"
	}
	task.Request = task.Request.WithoutCredentials()
	for name := range task.Sealed {
		task.Sealed[name] = job.Redacted
	}
	var shown bytes.Buffer
	encoder := json.NewEncoder(&shown)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(task); err != nil {
		return "a payload that cannot be shown"
	}
	return strings.TrimSpace(shown.String())
}
