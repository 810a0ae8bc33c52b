package testserver

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A signal to stop reaches one thread first. Until all have stopped, the process goes on working.
func TestSuspendWaitsForEveryThread(t *testing.T) {
	r := StartRedis(t)
	for range 200 {
		r.Suspend()
		if states := threadStates(t, r.PID()); strings.Trim(states, "T") != "" {
			t.Fatalf("the states of the threads are %s after Suspend, want T only", states)
		}
		r.Resume()
	}
	r.Kill() // what has ended cannot be suspended, and is not waited for
	child := &Child{Cmd: r.command(), Done: make(chan struct{})}
	if err := child.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = child.Cmd.Process.Kill()
	child.Suspend()
	_ = child.Cmd.Wait()
}

// threadStates is one letter for each thread of a process, as in proc(5).
func threadStates(t *testing.T, pid int) string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(files) == 0 {
		t.Fatalf("process %d shows no threads: %v", pid, err)
	}
	var states strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		// The name of the program, in brackets, may hold spaces.
		_, rest, _ := strings.Cut(string(text), ") ")
		states.WriteString(rest[:1])
	}
	return states.String()
}
