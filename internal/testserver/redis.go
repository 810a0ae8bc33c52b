package testserver

import (
	"bufio"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Redis is a redis-server of one test. It keeps its data over a restart, to the last write.
type Redis struct {
	*process
	// Port is where it listens on 127.0.0.1.
	Port int
}

// StartRedis starts a redis-server, with options of its command line beside those that all have.
func StartRedis(t testing.TB, options ...string) *Redis {
	t.Helper()
	program := find(t, "redis-server")
	r := &Redis{Port: FreePort(t)}
	folder := t.TempDir()
	r.process = newProcess(t, func() *exec.Cmd {
		return exec.Command(program, append([]string{"--port", strconv.Itoa(r.Port), "--bind", "127.0.0.1", "--dir", folder,
			"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"}, options...)...)
	}, r.answers)
	return r
}

// URL is the server as --redis-url takes it.
func (r *Redis) URL() string { return "redis://" + r.Address() + "/0" }

// Address is host and port of the server.
func (r *Redis) Address() string { return address(r.Port) }

// answers asks in Redis's own words, so that nothing retries or keeps a connection.
func (r *Redis) answers() bool { return pongs(r.Port) }

func pongs(port int) bool {
	conn, err := net.DialTimeout("tcp", address(port), time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.HasPrefix(line, "+PONG")
}
