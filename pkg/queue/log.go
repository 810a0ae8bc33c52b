package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// outage tells operators once that Redis is away and once that it is back,
// however many parts of the process notice.
type outage struct {
	log *slog.Logger
	// admission says whether Redis is used at all. What is refused is no outage.
	admission *admission
	mu        sync.Mutex
	down      bool
}

// failed notes that Redis did not answer.
func (o *outage) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.down && !o.admission.refuses() {
		o.down = true
		o.log.Error(trouble(err), "error", err)
	}
}

// answered notes that it did.
func (o *outage) answered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		o.down = false
		o.log.Info("Redis works again")
	}
}

func (o *outage) isDown() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.down || o.admission.refuses()
}

const (
	sameLogEvery = time.Minute
	maxLogDetail = 300
	maxLogKinds  = 256
)

// libraryLog brings what asynq and go-redis have to say into the log: a constant
// message, the library's text as a detail, each kind of line at most once a
// minute, and nothing while Redis is known to be away, which is said elsewhere.
type libraryLog struct {
	log     *slog.Logger
	outage  *outage
	message string

	mu   sync.Mutex
	last map[string]time.Time
}

func newLibraryLog(log *slog.Logger, o *outage, message string) *libraryLog {
	return &libraryLog{log: log, outage: o, message: message, last: map[string]time.Time{}}
}

func (l *libraryLog) write(level slog.Level, text string) {
	if level >= slog.LevelWarn && (l.outage.isDown() || l.repeated(text)) {
		level = slog.LevelDebug
	}
	if len(text) > maxLogDetail {
		text = strings.ToValidUTF8(text[:maxLogDetail], "") + "…"
	}
	l.log.Log(context.Background(), level, l.message, "detail", text)
}

// repeated reports whether a line of this kind, the words before its first
// colon or equals sign, was written within the last minute.
func (l *libraryLog) repeated(text string) bool {
	kind := text
	if i := strings.IndexAny(text, ":=["); i > 0 {
		kind = text[:i]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if last, ok := l.last[kind]; ok && now.Sub(last) < sameLogEvery {
		return true
	}
	if len(l.last) >= maxLogKinds {
		clear(l.last)
	}
	l.last[kind] = now
	return false
}

// asynqLog is the logger that asynq wants. Its everyday lines are of interest
// only when something is looked for, and its fatal ones end nothing.
type asynqLog struct{ *libraryLog }

func (l asynqLog) Debug(args ...any) { l.write(slog.LevelDebug, fmt.Sprint(args...)) }
func (l asynqLog) Info(args ...any)  { l.write(slog.LevelDebug, fmt.Sprint(args...)) }
func (l asynqLog) Warn(args ...any)  { l.trouble(slog.LevelWarn, fmt.Sprint(args...)) }
func (l asynqLog) Error(args ...any) { l.trouble(slog.LevelError, fmt.Sprint(args...)) }
func (l asynqLog) Fatal(args ...any) { l.trouble(slog.LevelError, fmt.Sprint(args...)) }

// trouble takes all that asynq's goroutines say of a lost connection for the one
// news that it is. The health check of the workers tells when it is over.
func (l asynqLog) trouble(level slog.Level, text string) {
	switch cause := lostConnection(text); {
	case cause != "":
		l.outage.failed(errors.New(cause))
		level = slog.LevelDebug
	case strings.Contains(text, "NOPERM") && strings.Contains(text, "channel"): // said once for all channels
		level = slog.LevelDebug
	}
	l.write(level, text)
}

// lostConnection is the part of a text that says how a connection failed, empty when it says no such thing.
func lostConnection(text string) string {
	for _, sign := range []string{"dial tcp", "read tcp", "write tcp", "LOADING", "EOF"} {
		if i := strings.Index(text, sign); i >= 0 {
			return text[i:min(i+maxLogDetail, len(text))]
		}
	}
	return ""
}

// redisLog is the logger that go-redis wants.
type redisLog struct{ *libraryLog }

func (l redisLog) Printf(_ context.Context, format string, args ...any) {
	level, text := slog.LevelWarn, fmt.Sprintf(format, args...)
	if lostConnection(text) != "" {
		level = slog.LevelDebug // whoever asked is told, and tells
	}
	l.write(level, text)
}
