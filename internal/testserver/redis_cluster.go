package testserver

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

const (
	// clusterNodes is how many nodes share the slots. None has a replica.
	clusterNodes = 3
	clusterSlots = 16384
)

// Cluster is a Redis cluster of three nodes. While one of them is gone it serves
// nothing at all, as is Redis's default for slots that nobody holds.
type Cluster struct {
	// Nodes share the slots in their order.
	Nodes []*Redis
}

// StartCluster starts the nodes, shares the slots among them and waits until they serve.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{}
	var buses []int
	for range clusterNodes {
		bus := FreePort(t)
		node := StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", strconv.Itoa(bus))
		c.Nodes, buses = append(c.Nodes, node), append(buses, bus)
	}
	for i, node := range c.Nodes {
		node.Must(t, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		node.Must(t, "CLUSTER", "ADDSLOTSRANGE", i*clusterSlots/clusterNodes, (i+1)*clusterSlots/clusterNodes-1)
		if i > 0 {
			c.Nodes[0].Must(t, "CLUSTER", "MEET", "127.0.0.1", node.Port, buses[i])
		}
	}
	c.AwaitServing(t)
	return c
}

// AwaitServing waits until every node says that all slots are served.
func (c *Cluster) AwaitServing(t testing.TB) {
	t.Helper()
	whole := []string{"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d\r", clusterSlots), fmt.Sprintf("cluster_known_nodes:%d\r", clusterNodes)}
	for _, node := range c.Nodes {
		until(t, "the cluster serves all slots", func() bool { return says(node.Port, whole, "CLUSTER", "INFO") })
	}
}

// Holder is the node that holds a key.
func (c *Cluster) Holder(t testing.TB, key string) *Redis {
	t.Helper()
	slot, ok := c.Nodes[0].Must(t, "CLUSTER", "KEYSLOT", key).(int64)
	if !ok {
		t.Fatalf("no slot of %q", key)
	}
	for i, node := range c.Nodes {
		if int(slot) < (i+1)*clusterSlots/clusterNodes {
			return node
		}
	}
	t.Fatalf("slot %d", slot)
	return nil
}

// URL is the nodes as --redis-url takes them.
func (c *Cluster) URL() string {
	hosts := make([]string, len(c.Nodes))
	for i, node := range c.Nodes {
		hosts[i] = address(node.Port)
	}
	return "redis-cluster://" + strings.Join(hosts, ",")
}
