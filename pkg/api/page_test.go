package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
)

// pageFiles are a small page.
func pageFiles() fstest.MapFS {
	return fstest.MapFS{
		"index.html":        {Data: []byte(`<!doctype html><base href="/" /><title>the page</title>`)},
		"assets/main-ab.js": {Data: []byte(strings.Repeat("let a = 1;", 100))},
		"assets/font.woff2": {Data: []byte("wOF2")},
		"theme.js":          {Data: []byte("theme()")},
	}
}

// fetch gets a path of the server with some headers.
func fetch(t *testing.T, s *Server, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, "http://test"+path, nil)
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.App().Test(request, -1)
	must(t, err)
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return response, string(body)
}

func TestPage(t *testing.T) {
	w := newWorld(t, worldOptions{})
	s, err := New(w.deps(), Options{BasePath: "/cron"})
	must(t, err)

	for _, path := range []string{"/cron/", "/cron/jobs", "/cron/jobs/a%2Fb/edit", "/cron/settings/keys"} {
		response, body := fetch(t, s, path, "Accept", "text/html,*/*")
		if response.StatusCode != 200 || !strings.Contains(body, `<base href="/cron/" />`) {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
		if h := response.Header; h.Get("Cache-Control") != "no-cache" || h.Get("Etag") == "" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'self';") {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	for _, c := range []struct{ path, accept string }{
		{"/cron/jobs", "*/*"}, {"/cron/api/v1/nothing", "text/html"}, {"/cron/assets/old-cd.js", "text/html"}, {"/jobs", "text/html"},
		{"/cron/assets/../index.html", "*/*"},
	} {
		if response, _ := fetch(t, s, c.path, "Accept", c.accept); response.StatusCode != 404 {
			t.Errorf("%s for %s: %d", c.path, c.accept, response.StatusCode)
		}
	}
}

func TestPageFiles(t *testing.T) {
	w := newWorld(t, worldOptions{})
	s, err := New(w.deps(), Options{})
	must(t, err)

	response, body := fetch(t, s, "/assets/main-ab.js", "Accept-Encoding", "gzip, br")
	if response.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || response.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("headers %v", response.Header)
	}
	unzip, err := gzip.NewReader(strings.NewReader(body))
	must(t, err)
	plain, err := io.ReadAll(unzip)
	must(t, err)
	if string(plain) != string(pageFiles()["assets/main-ab.js"].Data) || len(body) >= len(plain) {
		t.Errorf("%d bytes became %d, and %d again", len(plain), len(body), len(plain))
	}
	if response, body := fetch(t, s, "/assets/main-ab.js"); response.Header.Get("Content-Encoding") != "" || body != string(plain) {
		t.Errorf("to who takes no gzip: %v", response.Header)
	}
	if response, body := fetch(t, s, "/assets/font.woff2", "Accept-Encoding", "gzip"); response.Header.Get("Content-Type") != "font/woff2" || body != "wOF2" {
		t.Errorf("font: %v %q", response.Header, body)
	}

	response, _ = fetch(t, s, "/theme.js")
	if response.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("headers %v", response.Header)
	}
	response, body = fetch(t, s, "/theme.js", "If-None-Match", response.Header.Get("Etag"))
	if response.StatusCode != 304 || body != "" {
		t.Errorf("known: %d %q", response.StatusCode, body)
	}
}

// TestNoPage: a process may have none.
func TestNoPage(t *testing.T) {
	w := newWorld(t, worldOptions{})
	deps := w.deps()
	deps.Page = nil
	s, err := New(deps, Options{})
	must(t, err)
	if response, _ := fetch(t, s, "/", "Accept", "text/html"); response.StatusCode != 404 {
		t.Errorf("%d", response.StatusCode)
	}
	deps.Page = fstest.MapFS{"index.html": {Data: []byte("<title>no base</title>")}}
	if _, err := New(deps, Options{}); err == nil || !strings.Contains(err.Error(), "base") {
		t.Errorf("a page without a base: %v", err)
	}
}
