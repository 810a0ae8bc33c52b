package worker

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"schedule-server/pkg/job"
	"schedule-server/pkg/notify"
)

// settingsField is where a task keeps the sealed settings of its channel.
const settingsField = "settings"

// tell sends a message to people: a call or a mail, under the same guard as every call.
func (w *Worker) tell(ctx context.Context, c *call, f *filler) (*job.Response, asked, *fault) {
	text, err := f.open(settingsField)
	if err != nil {
		return nil, asked{}, unfit(err)
	}
	var settings notify.Settings
	var message notify.Message
	err = json.Unmarshal([]byte(text), &settings)
	if err == nil {
		err = json.Unmarshal([]byte(f.task.Notice.Message), &message)
	}
	if err != nil {
		return nil, asked{}, &fault{job.ReasonInvalidRequest, errors.New("the channel's settings or the message cannot be read")}
	}
	kind := notify.Type(f.task.Notice.Kind)
	preset := notify.PresetOf(kind)
	if preset == nil {
		return nil, asked{}, &fault{job.ReasonInvalidRequest, fmt.Errorf("this worker knows no channels of kind %q", kind)}
	}
	f.rememberSettings(preset, settings)
	if kind == notify.Email {
		return w.mail(ctx, c, f, settings.WithDefaults(kind), &message)
	}
	made, err := notify.Build(kind, settings, &message, f.now)
	if err != nil {
		return nil, asked{}, &fault{job.ReasonInvalidRequest, err}
	}
	task := *f.task
	task.Unsigned = true
	task.Request = job.Request{Method: http.MethodPost, URL: made.URL, Headers: made.Header, Body: job.Body(made.Body), Literal: true}
	if preset.Signed() {
		task.Request.SigningSecret = settings.Text("secret")
	}
	filled := *f
	filled.task = &task
	resp, asks, broken := w.call(ctx, c, &filled)
	asks.wait = "" // a message is not completed later
	if resp == nil {
		return nil, asks, broken
	}
	verdict := kind.Judge(resp.StatusCode, []byte(resp.Body))
	if verdict.After > 0 {
		asks.after = strconv.Itoa(int(max(verdict.After, time.Second) / time.Second))
	}
	return resp, asks, judged(verdict, broken)
}

// judged is the fault of a message by what its service answered.
func judged(v notify.Verdict, broken *fault) *fault {
	switch {
	case v.Taken, broken != nil && broken.reason != job.ReasonBodyMismatch && v.Said == "":
		return broken
	case broken != nil:
		return &fault{broken.reason, fmt.Errorf("%w (%s)", broken.err, v.Said)}
	case v.Final:
		return &fault{job.ReasonInvalidRequest, fmt.Errorf("the service refuses the message: %s", v.Said)}
	}
	return &fault{job.ReasonBodyMismatch, fmt.Errorf("the service did not take the message: %s", v.Said)}
}

// rememberSettings notes what of a channel's settings no account may show: echoes of them are hidden.
func (f *filler) rememberSettings(p *notify.Preset, settings notify.Settings) {
	for _, field := range p.Fields {
		text := settings.Text(field.Name)
		switch {
		case text == "":
		case field.Kind == "secret":
			f.remember("settings."+field.Name, text)
		case field.Kind == "url":
			if u, err := url.Parse(text); err == nil && len(u.RequestURI()) > 8 {
				f.remember("settings."+field.Name, u.RequestURI())
			}
		}
	}
}

// mail sends a message by SMTP.
func (w *Worker) mail(ctx context.Context, c *call, f *filler, settings notify.Settings, m *notify.Message) (*job.Response, asked, *fault) {
	ctx, c.cancel = context.WithCancelCause(ctx)
	defer c.cancel(errDone)
	timeout := attemptTimeout(&f.task.Policy)
	defer time.AfterFunc(timeout, func() { c.cancel(errAttemptTimeout) }).Stop()
	hider := f.hider("")
	letter, err := newLetter(settings, m)
	if err != nil {
		return nil, asked{}, hider.hideFault(&fault{job.ReasonInvalidRequest, err})
	}
	client, err := w.mailer(settings, timeout)
	if err != nil {
		return nil, asked{}, hider.hideFault(&fault{job.ReasonInvalidRequest, err})
	}
	if err := client.DialAndSendWithContext(ctx, letter); err != nil {
		return nil, asked{}, hider.hideFault(mailFault(ctx, err))
	}
	return nil, asked{}, nil
}

// newLetter is the mail of a message. Its Message-ID stays over all attempts.
func newLetter(settings notify.Settings, m *notify.Message) (*mail.Msg, error) {
	letter := mail.NewMsg()
	if err := letter.From(settings.Text("from")); err != nil {
		return nil, err
	}
	if err := letter.To(settings.List("to")...); err != nil {
		return nil, err
	}
	letter.SetMessageIDWithValue(m.ID + "@schedule-server")
	letter.SetGenHeader("Auto-Submitted", "auto-generated")
	letter.SetGenHeader("Idempotency-Key", m.ID)
	letter.SetDateWithValue(m.SentAt.Time())
	letter.Subject(m.Title())
	letter.SetBodyString(mail.TypeTextPlain, m.Title()+"\n\n"+m.Body()+"\n")
	return letter, nil
}

// mailer makes the client of a mail server, which is reached through the guard.
func (w *Worker) mailer(settings notify.Settings, timeout time.Duration) (*mail.Client, error) {
	port, err := strconv.Atoi(settings.Text("port"))
	if err != nil {
		return nil, fmt.Errorf("the setting port: %w", err)
	}
	host := settings.Text("host")
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(timeout), mail.WithTLSConfig(w.mailTLS(host))}
	dial := w.mailDialer.dial
	switch settings.Text("tls") {
	case "tls":
		options = append(options, mail.WithSSL())
		dial = w.mailDialer.dialTLS
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if user := settings.Text("user"); user != "" {
		auth := mail.SMTPAuthAutoDiscover
		if settings.Text("tls") == "none" {
			auth = mail.SMTPAuthPlainNoEnc // whoever writes none has said so
		}
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(user), mail.WithPassword(settings.Text("password")))
	}
	options = append(options, mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		return dial(ctx, network, address)
	}))
	return mail.NewClient(host, options...)
}

func (w *Worker) mailTLS(host string) *tls.Config {
	config := w.mailDialer.tls.Clone()
	config.ServerName = host
	return config
}

// mailFault says why a mail was not taken. What the server refuses for good is not tried again.
func mailFault(ctx context.Context, err error) *fault {
	var refused *mail.SendError
	var answer *textproto.Error
	text := errors.New(strings.TrimSpace(err.Error()))
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errAttemptTimeout):
		return &fault{job.ReasonTimeout, errAttemptTimeout}
	case cause != nil:
		return &fault{"", cause}
	case errors.As(err, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 500,
		errors.As(err, &answer) && answer.Code >= 500:
		return &fault{job.ReasonInvalidRequest, text}
	case errors.As(err, &refused), errors.As(err, &answer):
		return &fault{job.ReasonBodyMismatch, text}
	}
	if reason := reasonOf(err); reason != "" {
		return &fault{reason, text}
	}
	return &fault{job.ReasonConnect, text}
}
