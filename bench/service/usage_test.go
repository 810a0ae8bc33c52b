package service

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// usage is what processes have used: of more worth than the clock where others use the machine too.
type usage struct {
	pids map[string]int
	from map[string]time.Duration
}

// meter notes what processes have used so far.
func meter(b *testing.B, pids map[string]int) *usage {
	u := &usage{pids: pids, from: map[string]time.Duration{}}
	for role, pid := range pids {
		u.from[role] = cpuTime(b, pid)
	}
	return u
}

// each tells the processor time since then that one of n things took, for every role.
func (u *usage) each(b *testing.B, n int) []cell {
	var cells []cell
	for _, role := range []string{"beat", "worker", "standalone", "peer", "redis", "postgres"} {
		if pid, ok := u.pids[role]; ok {
			used := cpuTime(b, pid) - u.from[role]
			cells = append(cells, cell{role + "-cpu-µs", float64(used.Microseconds()) / float64(max(n, 1))})
		}
	}
	return cells
}

// sum tells the processor time since then that one of n things took, of all roles together.
func (u *usage) sum(b *testing.B, n int) float64 {
	total := 0.0
	for _, c := range u.each(b, n) {
		total += c.value
	}
	return total
}

// cpuTime is the processor time of a process and of those of its children that have ended.
func cpuTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	// The name of the program, in brackets, may hold spaces.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks int64
	for _, i := range []int{11, 12, 13, 14} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	const perSecond = 100 // USER_HZ on every Linux that Go runs on
	return time.Duration(ticks) * time.Second / perSecond
}

// memory is the resident memory of a process now, in MiB.
func memory(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatalf("process %d has no memory", pid)
	return 0
}
