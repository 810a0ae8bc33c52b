package crontab

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"schedule-server/pkg/job"
)

// call is what a command says about an HTTP call.
type call struct {
	method   string
	urls     []string
	headers  map[string]string
	body     *string
	jsonBody bool
	// formBody says that the body came from options whose content type is that of a form.
	formBody bool
	inQuery  bool // the body goes behind the ? of the URL
	head     bool
	// login and password go into the header Authorization.
	login    *string
	password string

	redirects      bool
	mostRedirects  *int
	insecure       bool
	timeout        time.Duration
	connectTimeout time.Duration
	attempts       int
	retryDelay     time.Duration
	retryDuration  time.Duration
	// concurrency is that of a lock; empty: none.
	concurrency job.Concurrency
	// parts are those of a form that is sent as multipart/form-data.
	parts []formPart

	// query is what is added to the URL's.
	query []string
	// literalURL says that braces and brackets in the URL stand for themselves.
	literalURL bool
	stdin      *string
	// stdinRead says that an option took stdin.
	stdinRead bool
	warnings  []string
}

func (c *call) warn(format string, args ...any) {
	c.warnings = append(c.warnings, fmt.Sprintf(format, args...))
}

// singleHeaders are headers that have one value. Of any other, several mean the same as one with all their values.
const singleHeaders = " authorization content-location content-type date expect from host if-modified-since if-range if-unmodified-since " +
	"max-forwards origin range referer soapaction user-agent "

// setHeader sets a header. A second one is joined to the first, unless it can have one value only or its name is
// written in another case.
func (c *call) setHeader(name, value string) error {
	if c.headers == nil {
		c.headers = map[string]string{}
	}
	if job.ReservedHeader(name) {
		c.warn("the header %s is set by the service itself", clip(name))
		return nil
	}
	for known := range c.headers {
		if !strings.EqualFold(known, name) {
			continue
		}
		switch lower := strings.ToLower(name); {
		case known != name:
			return fmt.Errorf("%s and %s are the same header; keep one", clip(known), clip(name))
		case strings.Contains(singleHeaders, " "+lower+" "):
			return fmt.Errorf("the header %s is there twice; keep one", clip(name))
		case lower == "cookie":
			c.headers[known] += "; " + value
		default:
			c.headers[known] += ", " + value
		}
		return nil
	}
	c.headers[name] = value
	return nil
}

// addData adds one part of a form to the body.
func (c *call) addData(text string) {
	c.formBody = true
	if c.body == nil {
		c.body = &text
		return
	}
	*c.body += "&" + text
}

func seconds(text string, into *time.Duration) error {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 1e6 {
		return errNoNumber
	}
	*into = time.Duration(n * float64(time.Second)).Round(time.Millisecond)
	return nil
}

// tries reads how often the call is made; first is how many of them the number does not count.
func (c *call) tries(text string, first int) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errNoNumber
	}
	c.attempts = min(n+first, job.MaxAttempts)
	return nil
}

// definition is the job that makes the call, with the policy given where the command says nothing. It has neither id nor schedule.
func (c *call) definition(policy job.Policy) (*job.Definition, error) {
	target, err := c.target()
	if err != nil {
		return nil, err
	}
	d := &job.Definition{Policy: policy, Request: job.Request{
		Method: c.method, URL: target, Headers: c.headers, InsecureTLS: c.insecure,
	}}
	if c.login != nil {
		if err := c.user(*c.login + ":" + c.password); err != nil {
			return nil, err
		}
		d.Request.Headers = c.headers
	}
	c.writeBody(&d.Request)
	if !slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}, d.Request.Method) {
		return nil, fmt.Errorf("the method %s is not one of GET POST PUT PATCH DELETE HEAD OPTIONS", clip(d.Request.Method))
	}
	c.keepLiteral(&d.Request)
	if c.redirects {
		d.Request.FollowRedirects = job.MaxRedirects
		if c.mostRedirects != nil && *c.mostRedirects >= 0 {
			d.Request.FollowRedirects = min(*c.mostRedirects, job.MaxRedirects)
		}
	}
	c.writePolicy(&d.Policy)
	d.Name = nameOf(target)
	return d, nil
}

func (c *call) writeBody(r *job.Request) {
	if c.parts != nil {
		c.writeForm()
	}
	if c.body != nil && !c.inQuery {
		r.Body = job.Body(*c.body)
		r.Headers = maps.Clone(c.headers)
		if r.Headers == nil {
			r.Headers = map[string]string{}
		}
		switch {
		case c.jsonBody:
			defaultHeader(r.Headers, "Content-Type", "application/json")
			defaultHeader(r.Headers, "Accept", "application/json")
		case c.formBody:
			defaultHeader(r.Headers, "Content-Type", "application/x-www-form-urlencoded")
		}
	}
	switch {
	case r.Method != "":
	case c.head:
		r.Method = "HEAD"
	case c.body != nil && !c.inQuery:
		r.Method = "POST"
	default:
		r.Method = "GET"
	}
}

func defaultHeader(headers map[string]string, name, value string) {
	if !slices.ContainsFunc(slices.Collect(maps.Keys(headers)), func(known string) bool { return strings.EqualFold(known, name) }) {
		headers[name] = value
	}
}

// writePolicy takes the times and the tries of the command, within what the service allows.
func (c *call) writePolicy(p *job.Policy) {
	for _, one := range []struct {
		what      string
		given     time.Duration
		into      *job.Duration
		low, high time.Duration
	}{
		{"attempt_timeout", c.timeout, &p.AttemptTimeout, time.Second, 30 * time.Minute},
		{"connect_timeout", c.connectTimeout, &p.ConnectTimeout, 100 * time.Millisecond, 5 * time.Minute},
		{"retry.max_retry_duration", c.retryDuration, &p.Retry.MaxRetryDuration, 0, 7 * 24 * time.Hour},
		{"retry.min_backoff", c.retryDelay, &p.Retry.MinBackoff, 0, 24 * time.Hour},
	} {
		if one.given == 0 {
			continue
		}
		taken := max(one.low, min(one.given, one.high))
		if taken != one.given {
			c.warn("policy.%s is %s: %s is out of its range", one.what, job.Duration(taken), job.Duration(one.given))
		}
		*one.into = job.Duration(taken)
	}
	p.Retry.MaxBackoff = max(p.Retry.MaxBackoff, p.Retry.MinBackoff)
	if c.attempts > 0 {
		p.Retry.MaxAttempts = c.attempts
	}
}

// glob finds the {a,b} and [1-9] with which curl means several URLs.
var glob = regexp.MustCompile(`\{[^}]*\}|\[[0-9a-zA-Z]+-[0-9a-zA-Z]+(:[0-9]+)?\]`)

// target is the one URL of the command.
func (c *call) target() (string, error) {
	switch {
	case len(c.urls) == 0:
		return "", errors.New("the command names no URL")
	case len(c.urls) > 1:
		return "", errors.New("the command calls more than one URL: give each a job")
	}
	target := strings.TrimSpace(c.urls[0])
	if !c.literalURL && glob.MatchString(target) {
		return "", errors.New("the URL stands for several: give each a job")
	}
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	if c.inQuery && c.body != nil {
		address, fragment, _ := strings.Cut(target, "#")
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		target = address + separator + *c.body
		if fragment != "" {
			target += "#" + fragment
		}
	}
	if c.query != nil {
		address, fragment, cutOff := strings.Cut(target, "#")
		separator := "?"
		if strings.Contains(address, "?") {
			separator = "&"
		}
		target = address + separator + strings.Join(c.query, "&")
		if cutOff {
			target += "#" + fragment
		}
	}
	if message := job.CheckURL(target); message != "" {
		return "", errors.New(message)
	}
	return target, nil
}

// nameOf is what a job that calls the URL is called: host and path.
func nameOf(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	printable := func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}
	text := strings.Map(printable, strings.ToValidUTF8(u.Host+path.Clean("/"+u.Path), ""))
	runes := []rune(strings.TrimSuffix(text, "/"))
	return string(runes[:min(len(runes), job.MaxNameRunes)])
}
