package crontab

import (
	"errors"
	"strings"
)

// wgetSyntax are the options of wget.
func wgetSyntax() *syntaxOf {
	o := map[string]option{
		"method":               {value: true, set: func(c *call, v string) error { c.method = strings.ToUpper(v); return nil }},
		"header":               {value: true, set: (*call).header},
		"post-data":            {value: true, set: func(c *call, v string) error { return c.data(v, false, false) }},
		"body-data":            {value: true, set: (*call).rawBody},
		"user":                 {value: true, set: func(c *call, v string) error { c.login = &v; return nil }},
		"password":             {value: true, set: func(c *call, v string) error { c.password = v; return nil }},
		"user-agent":           {value: true, set: func(c *call, v string) error { return c.setHeader("User-Agent", v) }},
		"referer":              {value: true, set: func(c *call, v string) error { return c.setHeader("Referer", v) }},
		"spider":               {set: func(c *call, _ string) error { c.head = true; return nil }},
		"max-redirect":         {value: true, set: (*call).maxRedirects},
		"no-check-certificate": {set: func(c *call, _ string) error { c.insecure = true; return nil }},
		"timeout":              {value: true, set: func(c *call, v string) error { return seconds(v, &c.timeout) }},
		"connect-timeout":      {value: true, set: func(c *call, v string) error { return seconds(v, &c.connectTimeout) }},
		"tries":                {value: true, set: (*call).wgetTries},
	}
	o["http-user"], o["http-password"], o["read-timeout"] = o["user"], o["password"], o["timeout"]
	ignored(o, false, "quiet", "no-verbose", "verbose", "no-cache", "no-cookies", "server-response", "save-headers", "delete-after",
		"auth-no-challenge", "content-on-error", "no-dns-cache", "inet4-only", "inet6-only", "show-progress", "background",
		"no-http-keep-alive", "trust-server-names", "content-disposition", "no-hsts", "retry-connrefused", "https-only", "continue", "timestamping",
		"no-clobber", "no-directories", "no-host-directories", "no-parent", "no-proxy")
	ignored(o, true, "output-document", "output-file", "append-output", "directory-prefix", "progress", "wait", "waitretry",
		"limit-rate", "dns-timeout", "compression", "secure-protocol", "execute", "restrict-file-names", "retry-on-http-error")
	refused(o, true, needsFile, "input-file", "post-file", "body-file", "load-cookies", "ca-certificate", "certificate", "private-key", "config")
	refused(o, true, needsNetwork, "bind-address", "proxy")
	refused(o, false, "it fetches more than one page", "recursive", "mirror", "page-requisites")
	pairs := map[string]string{"-nv": "no-verbose", "-nc": "no-clobber", "-nd": "no-directories", "-nH": "no-host-directories", "-np": "no-parent"}
	return &syntaxOf{long: o, equals: true, pairs: pairs, short: map[byte]string{
		'q': "quiet", 'v': "verbose", 'S': "server-response", '4': "inet4-only", '6': "inet6-only", 'b': "background", 'c': "continue", 'N': "timestamping",
		'O': "output-document", 'o': "output-file", 'a': "append-output", 'P': "directory-prefix", 'w': "wait", 'e': "execute",
		'U': "user-agent", 'T': "timeout", 't': "tries", 'i': "input-file", 'r': "recursive", 'm': "mirror", 'p': "page-requisites",
	}}
}

func (c *call) rawBody(text string) error {
	c.body = &text
	return nil
}

func (c *call) wgetTries(text string) error {
	if text == "0" || text == "inf" {
		return errors.New("tries without an end are not known")
	}
	return c.tries(text, 0)
}
