package e2e

import (
	"path/filepath"
	"testing"

	"schedule-server/internal/testserver"
)

// threeRolesOver starts an API, a beat and a worker over any kind of Redis.
func threeRolesOver(t *testing.T, redis string) (address string, stop func()) {
	t.Helper()
	address = freeAddress(t)
	database := "sqlite://" + filepath.Join(t.TempDir(), "jobs.db")
	processes := []*process{
		start(t, "api", "--listen", address, "--database-url", database, "--redis-url", redis),
		start(t, "beat", "--database-url", database, "--redis-url", redis),
		start(t, "worker", "--redis-url", redis, "--allow-targets", "loopback"),
	}
	return address, func() {
		for _, p := range processes {
			p.stop(t)
		}
	}
}

// The master dies; the sentinels put its replica in its place.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	sentinel := testserver.StartSentinel(t)
	address, stop := threeRolesOver(t, sentinel.URL())
	x := newEverySecond(t, address, 0, nil)
	x.suffer("kill -9 of the master", sentinel.Master.Kill, func() { sentinel.AwaitPromotion(t) }, func() {})
	x.finish()
	stop()
}

func TestThreeProcessesOverACluster(t *testing.T) {
	t.Parallel()
	threeProcesses(t, "sqlite://"+filepath.Join(t.TempDir(), "jobs.db"), testserver.StartCluster(t).URL())
}

// A node dies that has no replica, and comes back. The first time it holds the
// queue, the second time the results.
func TestClusterWithoutANode(t *testing.T) {
	t.Parallel()
	cluster := testserver.StartCluster(t)
	address, stop := threeRolesOver(t, cluster.URL())
	x := newEverySecond(t, address, 0, nil)
	for _, key := range []string{"{default}", "{schedule}"} {
		node := cluster.Holder(t, key)
		x.suffer("kill -9 of the node of "+key, node.Kill,
			func() { x.unready("redis"); pass(t, brokenFor) },
			func() { node.Start(); cluster.AwaitServing(t) })
	}
	x.finish()
	stop()
}
