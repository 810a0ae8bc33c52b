package testserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sentinels is how many watch over a master; two of them must agree that it is gone.
const sentinels = 3

// masterName is what the sentinels call their master.
const masterName = "schedule"

// Sentinel is a Redis master with one replica, watched over by three sentinels
// that make the replica the master one second after the master has gone.
type Sentinel struct {
	// Master is the master that the test begins with, Replica its replica.
	Master, Replica *Redis

	watchers []*process
	ports    []int
}

// StartSentinel starts them and waits until all know each other.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	const atOnce = "--repl-diskless-sync-delay"
	s := &Sentinel{Master: StartRedis(t, atOnce, "0")}
	s.Replica = StartRedis(t, atOnce, "0", "--replicaof", "127.0.0.1 "+strconv.Itoa(s.Master.Port))
	until(t, "the replica follows", func() bool {
		return says(s.Replica.Port, []string{"master_link_status:up"}, "INFO", "replication")
	})
	for range sentinels {
		s.watch(t)
	}
	for _, port := range s.ports {
		until(t, "the sentinels know each other", func() bool { return s.knows(port) })
	}
	return s
}

// watch starts one sentinel. It keeps what it learns in its configuration.
func (s *Sentinel) watch(t testing.TB) {
	t.Helper()
	program, port := find(t, "redis-server"), FreePort(t)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf(`port %d
bind 127.0.0.1
dir %s
loglevel warning
sentinel monitor %[3]s 127.0.0.1 %d 2
sentinel down-after-milliseconds %[3]s 1000
sentinel failover-timeout %[3]s 3000
sentinel parallel-syncs %[3]s 1
`, port, filepath.Dir(config), masterName, s.Master.Port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	watcher := newProcess(t, func() *exec.Cmd { return exec.Command(program, config, "--sentinel") },
		func() bool { return pongs(port) })
	s.watchers, s.ports = append(s.watchers, watcher), append(s.ports, port)
}

// knows reports whether a sentinel knows the replica and the other sentinels,
// and so is able to take part in a failover.
func (s *Sentinel) knows(port int) bool {
	answer, err := ask(port, "SENTINEL", "MASTER", masterName)
	list, ok := answer.([]any)
	if err != nil || !ok {
		return false
	}
	known := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		known[fmt.Sprint(list[i])] = fmt.Sprint(list[i+1])
	}
	return known["num-slaves"] == "1" && known["num-other-sentinels"] == strconv.Itoa(sentinels-1) && known["flags"] == "master"
}

// URL is the sentinels as --redis-url takes them.
func (s *Sentinel) URL() string {
	hosts := make([]string, len(s.ports))
	for i, port := range s.ports {
		hosts[i] = address(port)
	}
	return "redis-sentinel://" + strings.Join(hosts, ",") + "?master=" + masterName
}

// AwaitPromotion waits until the replica has become the master.
func (s *Sentinel) AwaitPromotion(t testing.TB) {
	t.Helper()
	until(t, "the replica is the master", func() bool {
		return says(s.Replica.Port, []string{"role:master"}, "INFO", "replication")
	})
}
