package testserver

import "testing"

func TestServersStartKillAndStartAgain(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		r := StartRedis(t)
		r.Kill()
		if r.answers() {
			t.Error("it answers although it was killed")
		}
		r.Start()
	})
	t.Run("postgres", func(t *testing.T) {
		p := StartPostgres(t)
		if url := p.CreateDatabase(t, "some \"name"); url == "" {
			t.Error("no URL")
		}
		p.Stop()
		if p.answers() {
			t.Error("it answers although it was stopped")
		}
		p.Start()
	})
}
