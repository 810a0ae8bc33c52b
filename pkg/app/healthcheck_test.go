package app

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestServed(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8000": "http://127.0.0.1:8000/", "0.0.0.0:8000": "http://127.0.0.1:8000/", ":8000": "http://127.0.0.1:8000/",
		"[::]:8000": "http://[::1]:8000/", "10.1.2.3:80": "http://10.1.2.3:80/", "localhost:1": "http://localhost:1/",
	} {
		for name, flags := range map[string]interface{ served() (*url.URL, error) }{
			"api": &HTTP{Listen: listen}, "worker": &OpsFlags{OpsListen: listen},
		} {
			if at, err := flags.served(); err != nil || at.String() != want {
				t.Errorf("%s that listens on %q is at %v, %v", name, listen, at, err)
			}
		}
	}
	if at, err := (&HTTP{Listen: ":80", BasePath: "/schedule"}).served(); err != nil || at.JoinPath("healthz").String() != "http://127.0.0.1:80/schedule/healthz" {
		t.Errorf("with a base path it is at %v, %v", at, err)
	}
	if _, err := (&OpsFlags{}).served(); err == nil || !strings.HasPrefix(err.Error(), "--ops-listen: healthcheck needs") {
		t.Errorf("a program that listens nowhere: %v", err)
	}
	if _, err := (&HTTP{Listen: "8000"}).served(); err == nil || !strings.HasPrefix(err.Error(), "--listen: ") {
		t.Errorf("a port alone: %v", err)
	}
}

func TestHealthcheck(t *testing.T) {
	status, body := http.StatusOK, `{"status":"ok"}`
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	at, err := url.Parse(server.URL + "/base/")
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := (&Healthcheck{}).do(t.Context(), at, &said); err != nil || said.String() != "ok\n" || asked != "/base/healthz" {
		t.Errorf("%v, said %q, asked %s", err, &said, asked)
	}
	status, body = http.StatusServiceUnavailable, `{"status":"unavailable","checks":{"redis":"away"}}`
	if err := (&Healthcheck{Ready: true}).do(t.Context(), at, &said); err == nil || asked != "/base/readyz" || !strings.Contains(err.Error(), `"redis":"away"`) {
		t.Errorf("%v, asked %s", err, asked)
	}
	status, body = http.StatusOK, "<html>"
	if err := (&Healthcheck{}).do(t.Context(), at, &said); err == nil {
		t.Error("another program passes for this one")
	}
	server.Close()
	if err := (&Healthcheck{}).do(t.Context(), at, &said); err == nil {
		t.Error("a program that is not there is well")
	}
}

// A proxy of the environment is not asked for a program of this machine.
func TestHealthcheckAsksNoProxy(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	t.Setenv("HTTP_PROXY", "http://"+nobody.Addr().String())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"ok"}`)) }))
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&Healthcheck{}).do(t.Context(), at, &bytes.Buffer{}); err != nil {
		t.Error(err)
	}
}
