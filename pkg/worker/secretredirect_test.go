package worker

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"schedule-server/pkg/job"
)

// movedBy is a target that redirects with that status to the Location that the function makes of the request.
func movedBy(t testing.TB, status int, location func(*recorded) string) string {
	s, _ := recording(t, func(w http.ResponseWriter, r *recorded) {
		w.Header().Set("Location", location(r))
		w.WriteHeader(status)
	})
	return s.URL
}

func to(url string) func(*recorded) string { return func(*recorded) string { return url } }

func followed(t *job.Task) { t.Request.FollowRedirects = 3 }

// What was filled from a secret stays with its host, whatever it is called.
func TestSecretsStayWithTheirHost(t *testing.T) {
	const secret = "s3cr3t value"
	var calls atomic.Int64
	other, got := recording(t, func(http.ResponseWriter, *recorded) { calls.Add(1) })
	b := newBench(t, withKeys(t))
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, method := range []string{"GET", "PUT", "POST"} {
			task := taskFor(movedBy(t, status, to(other.URL+"/x")), followed, func(t *job.Task) {
				t.Request.Method = method
				t.Request.Headers = map[string]string{"x-payload": "v={{ secret.KEY }}", "X-Plain": "{{ run_id }}"}
			}, withSecrets(t, "KEY", secret))
			b.expect(t, task, job.ReasonOK)
			if got.Header.Get("X-Payload") != "" || got.Header.Get("X-Plain") != "01JRUN" {
				t.Errorf("%d %s: the other host was sent %v", status, method, got.Header)
			}
		}
	}
	before := calls.Load()
	for _, status := range []int{301, 302, 303, 307, 308} {
		task := taskFor(movedBy(t, status, to(other.URL)), followed, func(t *job.Task) {
			t.Request.Method, t.Request.Body = "PUT", `{"key":"{{ secret.KEY }}"}`
		}, withSecrets(t, "KEY", secret))
		if status == 303 { // becomes a GET without a body
			b.expect(t, task, job.ReasonOK)
			continue
		}
		e := b.expect(t, task, job.ReasonSecretHost)
		if e.State != job.StateFailed || e.Response.StatusCode != status || strings.Contains(errorOf(e.Attempt), "s3cr3t") {
			t.Errorf("%d: %s %+v %s", status, e.State, e.Response, errorOf(e.Attempt))
		}
	}
	if calls.Load() != before+1 || got.body != "" {
		t.Errorf("%d calls, the last with %q", calls.Load()-before, got.body)
	}
	plain := taskFor(movedBy(t, 307, to(other.URL)), followed, func(t *job.Task) {
		t.Request.Method, t.Request.Body = "POST", `{"run":"{{ run_id }}"}`
	}, withSecrets(t))
	b.expect(t, plain, job.ReasonOK)
	if got.body != `{"run":"01JRUN"}` {
		t.Errorf("a body without a secret: %q", got.body)
	}
}

// Nor does it travel in a Location, in which a target repeats it.
func TestSecretsInALocation(t *testing.T) {
	const secret = "s3cr3t/va lue+"
	other, got := recording(t, nil)
	b := newBench(t, withKeys(t))
	for name, location := range map[string]func(*recorded) string{
		"the query again": func(r *recorded) string { return other.URL + "/?" + r.URL.RawQuery },
		"a path":          func(*recorded) string { return other.URL + "/" + url.PathEscape(secret) },
		"a fragment":      func(*recorded) string { return other.URL + "/#" + secret },
		"the password":    func(*recorded) string { return other.URL + "/?p=hush-hush" },
		"user":            func(*recorded) string { return strings.Replace(other.URL, "//", "//u:hush-hush@", 1) },
	} {
		e := b.expect(t, taskFor(movedBy(t, 302, location)+"/?k={{ secret.KEY }}", followed, func(t *job.Task) {
			t.Request.Auth = &job.Auth{Type: job.AuthBasic, Username: "ann", Password: "hush-hush"}
		}, withSecrets(t, "KEY", secret)), job.ReasonSecretHost)
		if kept := e.Response.Headers["Location"]; !strings.Contains(kept, job.Redacted) && name != "a fragment" || got.Request != nil {
			t.Errorf("%s: kept %q, the other host saw %v", name, kept, got.Request)
		}
	}
	home := movedBy(t, 302, func(r *recorded) string {
		if r.URL.Path == "/home" {
			return other.URL
		}
		return "/home?" + r.URL.RawQuery
	})
	b.expect(t, taskFor(home+"/?k={{ secret.KEY }}", followed, withSecrets(t, "KEY", secret)), job.ReasonOK)
}

// Within its host a secret goes along.
func TestSecretsFollowWithinTheirHost(t *testing.T) {
	s, got := recording(t, func(w http.ResponseWriter, r *recorded) {
		if r.URL.Path == "/" {
			http.Redirect(w, r.Request, "/next", http.StatusPermanentRedirect)
		}
	})
	newBench(t, withKeys(t)).expect(t, taskFor(s.URL, followed, func(t *job.Task) {
		t.Request.Method, t.Request.Body = "POST", "{{ secret.KEY }}"
		t.Request.Headers["X-Payload"] = "{{ secret.KEY }}"
	}, withSecrets(t, "KEY", "s3cr3t")), job.ReasonOK)
	if got.URL.Path != "/next" || got.body != "s3cr3t" || got.Header.Get("X-Payload") != "s3cr3t" {
		t.Errorf("%s %q %v", got.URL, got.body, got.Header)
	}
}

// A client certificate is not shown to the host that a redirect leads to.
func TestClientCertificateStaysWithItsHost(t *testing.T) {
	ca := newAuthority(t)
	var shown atomic.Int64
	config := &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}, ClientAuth: tls.RequestClientCert}
	other := serveTLS(t, config, false, func(_ http.ResponseWriter, r *http.Request) { shown.Add(int64(len(r.TLS.PeerCertificates))) })
	first := serveTLS(t, &tls.Config{Certificates: config.Certificates, ClientAuth: tls.RequireAnyClientCert}, false,
		func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	own := ca.issue(t, nil)
	key, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for _, trusted := range []string{"", asPEM("CERTIFICATE", ca.cert.Raw)} {
		b := newBench(t, withKeys(t), func(o *Options) {
			if trusted == "" {
				o.RootCAs = ca.pool
			}
		})
		b.expect(t, taskFor(first.URL, followed, func(t *job.Task) {
			t.Request.TLS = &job.TLS{CA: trusted, ClientCert: asPEM("CERTIFICATE", own.Certificate[0]), ClientKey: asPEM("PRIVATE KEY", key)}
		}, withSecrets(t)), job.ReasonOK)
	}
	if shown.Load() != 0 {
		t.Error("the other host was shown the certificate")
	}
}

func secretHosts(name string, hosts ...string) func(*job.Task) {
	return func(t *job.Task) { t.SecretHosts = map[string]job.SecretHosts{name: hosts} }
}

// A secret that names its hosts goes to no other, whatever the job says.
func TestSecretsWithHosts(t *testing.T) {
	target, got := recording(t, nil)
	host := strings.TrimPrefix(target.URL, "http://")
	b := newBench(t, withKeys(t))
	uses := map[string]func(*job.Request){
		"url":    func(r *job.Request) { r.URL += "/{{ secret.KEY }}" },
		"header": func(r *job.Request) { r.Headers["X-A"] = "{{ secret.KEY }}" },
		"body":   func(r *job.Request) { r.Method, r.Body = "POST", "{{ secret.KEY }}" },
		"bearer": func(r *job.Request) { r.Auth = &job.Auth{Type: job.AuthBearer, Token: "{{ secret.KEY }}"} },
		"user": func(r *job.Request) {
			r.Auth = &job.Auth{Type: job.AuthBasic, Username: "{{ secret.KEY }}", Password: "x"}
		},
		"signing": func(r *job.Request) { r.SigningSecret = "{{ secret.KEY }}" },
		"oauth2": func(r *job.Request) {
			r.Auth = &job.Auth{Type: job.AuthOAuth2, TokenURL: target.URL, ClientID: "me", ClientSecret: "{{ secret.KEY }}"}
		},
	}
	const value = "whsec_c2VjcmV0IHRoYXQgaXMgbG9uZyBlbm91Z2g="
	for name, use := range uses {
		e := b.expect(t, taskFor(target.URL, func(t *job.Task) { use(&t.Request) }, withSecrets(t, "KEY", value),
			secretHosts("KEY", "api.example.com", host[:len(host)-1])), job.ReasonSecretHost)
		if e.State != job.StateFailed || got.Request != nil || !strings.Contains(errorOf(e.Attempt), `"KEY" may not be sent to `+host) {
			t.Errorf("%s: %s, %s, called %v", name, e.State, errorOf(e.Attempt), got.Request != nil)
		}
		if name == "oauth2" {
			continue
		}
		b.expect(t, taskFor(target.URL, func(t *job.Task) { use(&t.Request) }, withSecrets(t, "KEY", value),
			secretHosts("KEY", host)), job.ReasonOK)
		got.Request = nil
	}
	b.expect(t, taskFor(target.URL, hostHeader("evil.test"), func(t *job.Task) { t.Request.Headers["X-A"] = "{{ secret.KEY }}" },
		withSecrets(t, "KEY", value), secretHosts("KEY", host)), job.ReasonSecretHost)
	b.expect(t, taskFor(target.URL, hostHeader("{{ secret.OTHER }}"), func(t *job.Task) { t.Request.Headers["X-A"] = "{{ secret.KEY }}" },
		withSecrets(t, "KEY", value, "OTHER", "evil.test"), secretHosts("KEY", host)), job.ReasonSecretHost)
	if got.Request != nil {
		t.Error("another virtual host was called")
	}
	b.expect(t, taskFor(target.URL, withSecrets(t, "KEY", value), secretHosts("KEY", "api.example.com")), job.ReasonOK) // not used
}

// The hosts of a secret hold for redirects too, within one origin and to others.
func TestSecretHostsOnRedirects(t *testing.T) {
	other, got := recording(t, nil)
	door := movedBy(t, 302, to(other.URL))
	b := newBench(t, withKeys(t))
	use := func(t *job.Task) { t.Request.Headers["X-A"] = "{{ secret.KEY }}" }
	b.expect(t, taskFor(door, followed, use, withSecrets(t, "KEY", "s3cr3t"), secretHosts("KEY", strings.TrimPrefix(door, "http://"))), job.ReasonOK)
	if got.Header.Get("X-A") != "" {
		t.Error("the other host was sent the secret")
	}
	f := &filler{task: taskFor("http://a.test/", use, secretHosts("KEY", "a.test:80"))}
	from, _ := url.Parse("http://a.test/")
	if _, broken := f.redirect(&request{method: "GET", url: from, header: http.Header{}}, 302, "https://a.test/"); broken == nil || broken.reason != job.ReasonSecretHost {
		t.Errorf("to another port of its host: %+v", broken)
	}
	f.task.SecretHosts["KEY"] = job.SecretHosts{"a.test"}
	if next, broken := f.redirect(&request{method: "GET", url: from, header: http.Header{}}, 302, "https://a.test/"); broken != nil || next.away {
		t.Errorf("to another scheme of its host: %+v", broken)
	}
}

// A token endpoint is followed nowhere, and a client secret is sent to it alone.
func TestTokenEndpointsAreNotFollowed(t *testing.T) {
	other, got := recording(t, nil)
	target, _ := recording(t, nil)
	b := newBench(t, withKeys(t))
	for _, status := range []int{301, 302, 303, 307, 308} {
		task := taskFor(target.URL, func(t *job.Task) {
			t.Request.Auth = &job.Auth{Type: job.AuthOAuth2, ClientID: "me", ClientSecret: "{{ secret.KEY }}"}
		}, withSecrets(t, "KEY", "s3cr3t"))
		task.Request.Auth.TokenURL = movedBy(t, status, to(other.URL))
		task.SecretHosts = map[string]job.SecretHosts{"KEY": {strings.TrimPrefix(task.Request.Auth.TokenURL, "http://")}}
		b.expect(t, task, job.ReasonAuthFailed)
	}
	if got.Request != nil {
		t.Error("the redirect of a token endpoint was followed")
	}
}
