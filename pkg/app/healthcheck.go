package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// healthcheckTimeout bounds what healthcheck waits for an answer. It is longer than what the checks of /readyz may take.
const healthcheckTimeout = checkTimeout + 2*time.Second

// Commands are what each program can do.
type Commands struct {
	Serve       struct{}    `cmd:"" default:"1" help:"Run the server (default)."`
	Healthcheck Healthcheck `cmd:"" help:"Ask the program that runs with the same flags whether it is well: exit code 0 if so, otherwise 1. For images without curl." uses:"listen,base-path,ops-listen"`
}

// Health is the command healthcheck with its flags.
func (c *Commands) Health() *Healthcheck { return &c.Healthcheck }

// Healthcheck asks a running program of this machine whether it is well.
type Healthcheck struct {
	Ready bool `help:"Ask /readyz, which also checks the database, Redis and the other roles, instead of /healthz."`
}

// checkable are the flags of a program that can be asked whether it is well.
type checkable interface {
	Health() *Healthcheck
	// served is the address below which /healthz is.
	served() (*url.URL, error)
}

// checkWith asks the program that these flags say.
func checkWith(ctx context.Context, flags checkable) error {
	at, err := flags.served()
	if err != nil {
		return err
	}
	return flags.Health().do(ctx, at, os.Stdout)
}

func (h *HTTP) served() (*url.URL, error) {
	if err := h.Check(); err != nil {
		return nil, err
	}
	return (&url.URL{Scheme: "http", Host: reachable(h.Listen), Path: "/"}).JoinPath(h.BasePath), nil
}

func (o *OpsFlags) served() (*url.URL, error) {
	if _, _, err := net.SplitHostPort(o.OpsListen); err != nil {
		return nil, &FlagError{Name: "ops-listen", Err: errors.New("healthcheck needs the address that the program was given, such as 127.0.0.1:9090")}
	}
	return &url.URL{Scheme: "http", Host: reachable(o.OpsListen), Path: "/"}, nil
}

// reachable is an address at which a program can be reached that listens on this one.
func reachable(listen string) string {
	host, port, _ := net.SplitHostPort(listen)
	switch ip := net.ParseIP(host); {
	case host == "", ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.Equal(net.IPv6unspecified):
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}

// do asks, and prints the answer's word. An error says what is wrong.
func (c *Healthcheck) do(ctx context.Context, at *url.URL, out io.Writer) error {
	ctx, stop := context.WithTimeout(ctx, healthcheckTimeout)
	defer stop()
	path := "healthz"
	if c.Ready {
		path = "readyz"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.JoinPath(path).String(), nil)
	if err != nil {
		return err
	}
	// Not by a proxy of the environment: the program runs on this machine.
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	var answer struct{ Status string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status == "" {
		return fmt.Errorf("%s answers %s, and not as this program would", request.URL, response.Status)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", request.URL, response.Status, oneLine(string(body)))
	}
	_, err = fmt.Fprintln(out, answer.Status)
	return err
}
