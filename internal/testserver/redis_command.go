package testserver

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// commandTimeout bounds one command to a server of a test.
const commandTimeout = 10 * time.Second

// Must has the server do a command that has to succeed, on a connection of its own.
func (r *Redis) Must(t testing.TB, command ...any) any {
	t.Helper()
	answer, err := ask(r.Port, command...)
	if err != nil {
		t.Fatalf("redis %v: %v", command[0], err)
	}
	return answer
}

// ask sends one command to the Redis or sentinel of a port.
func ask(port int, command ...any) (any, error) {
	client := redis.NewClient(&redis.Options{
		Addr: address(port), Protocol: 2, MaxRetries: -1, ReadTimeout: commandTimeout,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	return client.Do(ctx, command...).Result()
}

// says reports whether an answer to a command holds all of the texts.
func says(port int, texts []string, command ...any) bool {
	answer, err := ask(port, command...)
	text, ok := answer.(string)
	if err != nil || !ok {
		return false
	}
	for _, wanted := range texts {
		if !strings.Contains(text, wanted) {
			return false
		}
	}
	return true
}

// until polls, for the time of a start at most.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
