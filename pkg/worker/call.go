package worker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"time"

	"schedule-server/pkg/job"
)

// attempt is an ended call.
type attempt struct {
	job.Attempt
	response *job.Response
	// retryAfter is the wait that the target asked for. Zero: none.
	retryAfter time.Duration
	// wait is the time that the target asked for to complete the run. Zero: none.
	wait time.Duration
	// news is what the call tells about its host; own says that the answer is that host's, not another's after a redirect.
	news hostNews
	own  bool
	// aborted says that the worker's own end cut the call off: it is no attempt.
	aborted bool
}

// verdict is what the call tells about its host. One that the worker's own end cut off tells nothing.
func (a *attempt) verdict() verdict {
	if a.aborted {
		return verdict{}
	}
	v := verdict{reason: a.Reason, news: a.news}
	if code, _ := a.Reason.StatusCode(); a.own && (code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable) {
		v.after = a.retryAfter
	}
	return v
}

// newsOf is what a call tells about its target's host, by the reason it ended with.
func (c *call) newsOf(a *attempt) hostNews {
	if c.elsewhere || a.response != nil {
		return hostWell // it answered, if only with a redirect to another one that does not
	}
	switch a.Reason {
	case job.ReasonConnectRefused, job.ReasonConnect:
		return hostRefuses
	case job.ReasonConnectTimeout:
		if c.hasty {
			return hostUnknown // another job may well reach it
		}
		return hostRefuses
	case job.ReasonTLS, job.ReasonReset, job.ReasonProtocol:
		return hostWell
	case job.ReasonTimeout:
		if c.connected {
			return hostWell
		}
	}
	return hostUnknown
}

// attempt makes attempt n of the task. It takes at most as long as the policy allows.
func (w *Worker) attempt(ctx context.Context, task *job.Task, n int) attempt {
	a := attempt{Attempt: job.Attempt{N: n, StartedAt: w.now(), Worker: w.name, Reason: job.ReasonOK}}
	c := &call{start: time.Now()}
	w.metrics.inFlight.Inc()
	defer w.metrics.inFlight.Dec()
	make := w.call
	if task.Notice != nil {
		make = w.tell
	}
	resp, asked, fault := make(ctx, c, &filler{keys: w.keys, task: task, n: n, now: a.StartedAt})
	if fault != nil && fault.reason == "" {
		a.aborted = true
		return a
	}
	if c.took == 0 {
		c.took = time.Since(c.start)
	}
	a.DurationMS = c.took.Round(time.Millisecond).Milliseconds()
	a.Phases = c.phases()
	if resp != nil {
		a.response, a.StatusCode = resp, &resp.StatusCode
		a.retryAfter = retryAfter(asked.after, w.now())
	}
	if fault != nil {
		text := fault.text()
		a.Reason, a.Error = fault.reason, &text
	}
	a.news, a.own = c.newsOf(&a), !c.elsewhere
	w.metrics.ended(a.Reason, c.took)
	a.wait = w.links.wait(&a, asked.wait)
	return a
}

// asked is what the headers of an answer ask for, as they stand there.
type asked struct{ after, wait string }

// call sends the request, follows redirects, reads the answer and judges it.
// The response is nil when there was no answer, the fault when it was a success.
// Neither shows a secret that the call has used, or its completion token.
func (w *Worker) call(ctx context.Context, c *call, f *filler) (kept *job.Response, asks asked, broken *fault) {
	policy := &f.task.Policy
	rule, err := w.rules.of(&policy.Success)
	if err != nil {
		return nil, asks, &fault{job.ReasonInvalidRequest, err}
	}
	c.timeout = attemptTimeout(policy)
	c.hasty = policy.ConnectTimeout > 0 && policy.ConnectTimeout < job.DefaultPolicy().ConnectTimeout
	ctx, c.cancel = context.WithCancelCause(ctx)
	defer c.cancel(errDone)
	defer time.AfterFunc(c.timeout, func() { c.cancel(errAttemptTimeout) }).Stop()
	ctx = context.WithValue(ctx, connectTimeoutKey{}, time.Duration(policy.ConnectTimeout))
	resp, broken := w.exchange(ctx, c, f)
	w.noteShortage(broken)
	hider := f.hider(w.links.token(f.task.RunID, f.n))
	defer func() { broken = hider.hideFault(broken) }()
	if resp == nil {
		return nil, asks, broken
	}
	buffer := w.buffers.Get().(*[maxBody + 1]byte)
	defer w.buffers.Put(buffer)
	body, truncated, err := readBody(resp, buffer)
	c.took = time.Since(c.start)
	if broken == nil {
		broken = rule.judgeStatus(resp.StatusCode)
	}
	switch {
	case broken != nil:
	case err != nil:
		broken = c.classify(ctx, err)
	default:
		broken = w.judgeBody(ctx, c, rule, body)
	}
	more := truncated || err != nil
	truncated = truncated || err != nil && (len(body) > 0 || !notGzip(err)) // of what cannot be read nothing was cut off
	kept = keep(resp, body, truncated, hider)
	c.discard(resp, more)
	return kept, asked{resp.Header.Get("Retry-After"), resp.Header.Get(headerWait)}, broken
}

// judgeBody gives nil for a success. To match the answer is a part of the attempt: it ends in the attempt's time.
func (w *Worker) judgeBody(ctx context.Context, c *call, r *rule, body []byte) *fault {
	c.matching = true
	broken, err := r.judgeBody(ctx, &w.matching, body)
	if err != nil {
		c.took = time.Since(c.start)
		return c.classify(ctx, err)
	}
	return broken
}

// exchange makes the request and sends it, with its redirects; once more with a
// new access token where the target refused the one that was at hand. The answer's body is still open.
func (w *Worker) exchange(ctx context.Context, c *call, f *filler) (*http.Response, *fault) {
	r, err := w.newRequest(f)
	if err != nil {
		return nil, unfit(err)
	}
	w.forgetOwnNetwork()
	transport, err := w.pools.of(&f.task.Request, f, false)
	if err != nil {
		return nil, unfit(err)
	}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: c.getConn, GotConn: c.gotConn, GotFirstResponseByte: c.gotFirstByte,
	})
	for try := 1; ; try++ {
		if err := w.authorize(ctx, transport, r, f); err != nil {
			return nil, c.unauthorized(ctx, err)
		}
		resp, broken := w.follow(traced, c, f, transport, r)
		if resp == nil || resp.StatusCode != http.StatusUnauthorized || try > 1 || !sentToken(resp, r) {
			if resp != nil && r.gzip {
				w.unpack(resp)
			}
			return resp, broken
		}
		discardHop(resp)
		w.tokens.drop(r.token)
	}
}

// sentToken reports whether it was the request's access token that was refused:
// after a redirect to elsewhere it was not even sent.
func sentToken(resp *http.Response, r *request) bool {
	return r.token.secret != "" && resp.Request != nil && resp.Request.Header.Get("Authorization") != ""
}

// unauthorized is the fault of a call that has not got its credentials.
func (c *call) unauthorized(ctx context.Context, err error) *fault {
	var refused *tokenError
	switch {
	case context.Cause(ctx) != nil:
		return c.classify(ctx, err)
	case reasonOf(err) == job.ReasonWorkerError:
		return &fault{job.ReasonWorkerError, err}
	case errors.As(err, &refused):
		return &fault{job.ReasonAuthFailed, err}
	}
	return unfit(err)
}

// follow sends the request and those that redirects ask for. A response with a
// fault beside it is a redirect that was not followed. Its body is still open.
func (w *Worker) follow(ctx context.Context, c *call, f *filler, t *transports, r *request) (*http.Response, *fault) {
	most := f.task.Request.FollowRedirects
	for hops := 0; ; hops++ {
		resp, broken := w.send(ctx, c, t, r)
		if broken != nil {
			return nil, broken
		}
		location := redirectOf(resp)
		if location == "" || most == 0 {
			return resp, nil
		}
		if hops == most {
			return resp, &fault{job.ReasonTooManyRedirects, fmt.Errorf("redirected more than %d times", most)}
		}
		if r, broken = f.redirect(r, resp.StatusCode, location); broken != nil {
			return resp, broken
		}
		if r.away {
			c.elsewhere = true
			var err error
			if t, err = w.pools.of(&f.task.Request, f, true); err != nil {
				return resp, unfit(err)
			}
		}
		discardHop(resp)
		if cause := context.Cause(ctx); cause != nil {
			return nil, c.classify(ctx, cause)
		}
	}
}

// redirect makes the request to a Location, or says why it is not followed: it is
// no target, or a secret would go where it may not.
func (f *filler) redirect(r *request, status int, location string) (*request, *fault) {
	to, err := r.url.Parse(job.EscapeURL(location))
	if err != nil {
		return nil, &fault{job.ReasonProtocol, fmt.Errorf("the Location of the redirect: %w", job.URLFault(err))}
	}
	if err := job.CheckTarget(to); err != nil {
		return nil, &fault{job.ReasonBlockedTarget, fmt.Errorf("the Location of the redirect: %w", err)}
	}
	if !sameOrigin(r.url, to) && f.hider("").holds(location) {
		return nil, &fault{job.ReasonSecretHost, fmt.Errorf("the Location of the redirect would take a secret to %s", to.Host)}
	}
	next, err := r.redirect(status, to)
	if err != nil {
		return nil, &fault{job.ReasonSecretHost, err}
	}
	if !next.away {
		if stray := f.task.Request.StraySecret(f.task.SecretHosts, next.url, next.host); stray != nil {
			return nil, &fault{job.ReasonSecretHost, fmt.Errorf("the redirect: %w", stray)}
		}
	}
	return next, nil
}

// send sends one request, directly or through the proxy.
func (w *Worker) send(ctx context.Context, c *call, t *transports, r *request) (*http.Response, *fault) {
	transport, target := t.direct, r.url
	if w.proxy.takes(r.url) {
		if err := w.checkProxied(r.url, r.host); err != nil {
			return nil, &fault{job.ReasonBlockedTarget, err}
		}
		transport = t.proxied
		if w.proxy.absolute(r.url) {
			target = absoluteForm(r.url)
		}
	}
	c.conn = nil // the next request is no repetition of the one before
	resp, err := transport.RoundTrip(r.build(ctx, target))
	if err != nil {
		return nil, c.classify(ctx, err)
	}
	return resp, nil
}

// redirectOf is where the answer sends the call; empty when it is no redirect.
func redirectOf(resp *http.Response) string {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location")
	}
	return ""
}

// attemptTimeout is the policy's, or the default for a task without one.
func attemptTimeout(p *job.Policy) time.Duration {
	if p.AttemptTimeout > 0 {
		return time.Duration(p.AttemptTimeout)
	}
	return time.Duration(job.DefaultPolicy().AttemptTimeout)
}
