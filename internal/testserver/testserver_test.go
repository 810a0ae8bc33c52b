package testserver

import "testing"

func TestServersStartKillAndStartAgain(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		r := StartRedis(t)
		r.Kill()
		if r.answers() {
			t.Error("it answers although it was killed")
		}
		r.Start()
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		p := StartPostgres(t)
		if url := p.CreateDatabase(t, "some \"name"); url == "" {
			t.Error("no URL")
		}
		p.Stop()
		if p.answers() {
			t.Error("it answers although it was stopped")
		}
		p.Start()
		p.Kill()
		p.Start()
	})
	t.Run("sentinel", func(t *testing.T) {
		t.Parallel()
		s := StartSentinel(t)
		s.Master.Kill()
		s.AwaitPromotion(t)
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := StartCluster(t)
		node := c.Holder(t, "a")
		node.Kill()
		others := c.Nodes[0]
		if others == node {
			others = c.Nodes[1]
		}
		until(t, "the cluster notices", func() bool { return says(others.Port, []string{"cluster_state:fail"}, "CLUSTER", "INFO") })
		node.Start()
		c.AwaitServing(t)
	})
}
