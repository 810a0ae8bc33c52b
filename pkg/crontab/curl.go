package crontab

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// curlSyntax are the options of curl.
func curlSyntax() *syntaxOf {
	o := map[string]option{
		"request":         {value: true, set: func(c *call, v string) error { c.method = strings.ToUpper(v); return nil }},
		"url":             {value: true, set: func(c *call, v string) error { c.urls = append(c.urls, v); return nil }},
		"header":          {value: true, set: (*call).header},
		"data":            {value: true, set: func(c *call, v string) error { return c.data(v, true, true) }},
		"data-raw":        {value: true, set: func(c *call, v string) error { return c.data(v, false, true) }},
		"data-binary":     {value: true, set: func(c *call, v string) error { return c.data(v, true, false) }},
		"data-urlencode":  {value: true, set: (*call).encoded},
		"json":            {value: true, set: (*call).json},
		"get":             {set: func(c *call, _ string) error { c.inQuery = true; return nil }},
		"head":            {set: func(c *call, _ string) error { c.head = true; return nil }},
		"user":            {value: true, set: (*call).user},
		"oauth2-bearer":   {value: true, set: func(c *call, v string) error { return c.setHeader("Authorization", "Bearer "+v) }},
		"user-agent":      {value: true, set: func(c *call, v string) error { return c.setHeader("User-Agent", v) }},
		"referer":         {value: true, set: func(c *call, v string) error { return c.setHeader("Referer", strings.TrimSuffix(v, ";auto")) }},
		"cookie":          {value: true, set: (*call).cookie},
		"location":        {set: func(c *call, _ string) error { c.redirects = true; return nil }},
		"max-redirs":      {value: true, set: (*call).maxRedirects},
		"insecure":        {set: func(c *call, _ string) error { c.insecure = true; return nil }},
		"max-time":        {value: true, set: func(c *call, v string) error { return seconds(v, &c.timeout) }},
		"connect-timeout": {value: true, set: func(c *call, v string) error { return seconds(v, &c.connectTimeout) }},
		"retry":           {value: true, set: func(c *call, v string) error { return c.tries(v, 1) }},
		"retry-max-time":  {value: true, set: func(c *call, v string) error { return seconds(v, &c.retryDuration) }},
		"retry-delay":     {value: true, set: func(c *call, v string) error { return seconds(v, &c.retryDelay) }},
	}
	o["globoff"] = option{set: func(c *call, _ string) error { c.literalURL = true; return nil }}
	o["data-ascii"] = o["data"]
	o["location-trusted"] = o["location"]
	ignored(o, false, "silent", "show-error", "fail", "fail-with-body", "fail-early", "include", "verbose", "progress-bar",
		"no-progress-meter", "no-buffer", "compressed", "http1.0", "http1.1", "http2", "http2-prior-knowledge", "http3",
		"tlsv1", "tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3", "ipv4", "ipv6", "remote-name", "remote-header-name", "basic", "create-dirs",
		"no-keepalive", "no-sessionid", "tcp-nodelay", "retry-all-errors", "retry-connrefused", "disable", "styled-output", "junk-session-cookies",
		"trace-time", "path-as-is", "ssl-no-revoke", "append", "ssl", "ssl-reqd", "remote-time", "parallel")
	ignored(o, true, "output", "output-dir", "write-out", "dump-header", "cookie-jar", "stderr", "trace", "trace-ascii", "keepalive-time",
		"limit-rate", "speed-limit", "speed-time", "max-filesize", "tls-max", "expect100-timeout", "ciphers", "proto", "proto-redir", "parallel-max")
	refused(o, true, needsFile, "upload-file", "config", "cacert", "capath", "cert", "key", "netrc-file", "cert-type", "pass")
	o["form"] = option{value: true, set: func(c *call, v string) error { return c.form(v, true) }}
	o["form-string"] = option{value: true, set: func(c *call, v string) error { return c.form(v, false) }}
	o["url-query"] = option{value: true, set: (*call).urlQuery}
	refused(o, false, needsFile, "netrc", "netrc-optional")
	refused(o, true, needsNetwork, "proxy", "socks5", "socks5-hostname", "socks4", "preproxy", "resolve", "connect-to", "interface",
		"unix-socket", "abstract-unix-socket", "local-port", "dns-servers", "doh-url", "noproxy", "proxy-user")
	refused(o, false, "it makes another call: give each a job", "next")
	refused(o, false, "this kind of authentication is not known", "digest", "ntlm", "negotiate", "anyauth", "aws-sigv4")
	return &syntaxOf{long: o, short: map[byte]string{
		'X': "request", 'H': "header", 'd': "data", 'G': "get", 'I': "head", 'u': "user", 'A': "user-agent", 'e': "referer",
		'b': "cookie", 'L': "location", 'k': "insecure", 'm': "max-time", 's': "silent", 'S': "show-error", 'f': "fail", 'i': "include",
		'v': "verbose", '#': "progress-bar", 'N': "no-buffer", 'g': "globoff", '0': "http1.0", '1': "tlsv1", '4': "ipv4", '6': "ipv6",
		'O': "remote-name", 'J': "remote-header-name", 'o': "output", 'w': "write-out", 'D': "dump-header", 'c': "cookie-jar",
		'T': "upload-file", 'F': "form", 'K': "config", 'E': "cert", 'n': "netrc", 'x': "proxy", 'q': "disable", 'j': "junk-session-cookies",
		'R': "remote-time", 'Z': "parallel", 'Y': "speed-limit", 'y': "speed-time", 'a': "append", ':': "next", 'U': "proxy-user",
	}}
}

// header reads one header: "Name: value", "Name;" for an empty one, "Name:" to leave one out.
func (c *call) header(text string) error {
	if strings.HasPrefix(text, "@") {
		return errors.New(needsFile)
	}
	if name, empty := strings.CutSuffix(text, ";"); empty && !strings.Contains(text, ":") {
		return c.setHeader(name, "")
	}
	if strings.HasPrefix(text, ":") {
		return nil // a pseudo header of HTTP/2, as browsers copy it
	}
	name, value, ok := strings.Cut(text, ":")
	if !ok {
		return fmt.Errorf("%q is no header", clip(text))
	}
	if value = strings.TrimSpace(value); value == "" {
		return nil
	}
	if strings.EqualFold(strings.TrimSpace(name), "Accept-Encoding") {
		c.warn("the header Accept-Encoding is left out: the service asks for what it can read")
		return nil
	}
	return c.setHeader(strings.TrimSpace(name), value)
}

// data adds to the body; from says that @ names where to read it, flat that line breaks of what is read go.
func (c *call) data(text string, from, flat bool) error {
	name, read := strings.CutPrefix(text, "@")
	if !from || !read {
		c.addData(text)
		return nil
	}
	text, err := c.read(name)
	if flat {
		text = strings.NewReplacer("\r", "", "\n", "").Replace(text)
	}
	c.addData(text)
	return err
}

// read is what a file holds, of which only the standard input is known.
func (c *call) read(name string) (string, error) {
	if name == "-" && c.stdin != nil {
		c.stdinRead = true
		return *c.stdin, nil
	}
	return "", errors.New(needsFile)
}

func (c *call) encoded(text string) error {
	name, value, named := strings.Cut(text, "=")
	if !named {
		if file := strings.IndexByte(text, '@'); file >= 0 {
			read, err := c.read(text[file+1:])
			if err != nil {
				return err
			}
			name, value, named = text[:file], read, file > 0
		} else {
			name, value = "", text
		}
	}
	value = strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	if named && name != "" {
		value = name + "=" + value
	}
	c.addData(value)
	return nil
}

func (c *call) json(text string) error {
	if name, read := strings.CutPrefix(text, "@"); read {
		var err error
		if text, err = c.read(name); err != nil {
			return err
		}
	}
	if c.body == nil {
		c.body = new(string)
	}
	*c.body += text
	c.jsonBody = true
	return nil
}

func (c *call) user(text string) error {
	if !strings.Contains(text, ":") {
		return errors.New("it asks for a password: write user:password")
	}
	return c.setHeader("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(text)))
}

func (c *call) cookie(text string) error {
	if !strings.Contains(text, "=") {
		return errors.New(needsFile)
	}
	return c.setHeader("Cookie", text)
}

func (c *call) maxRedirects(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return errNoNumber
	}
	c.mostRedirects = &n
	return nil
}
