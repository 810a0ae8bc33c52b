package testserver

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Programs are this module's programs, built once for all tests of a package.
type Programs struct{ folder string }

// BuildPrograms builds the programs of the named packages into a new folder,
// which Remove removes.
func BuildPrograms(packages ...string) (*Programs, error) {
	return BuildProgramsOf(".", packages...)
}

// BuildProgramsOf builds programs of the module that a folder belongs to, with the versions that it asks for.
func BuildProgramsOf(module string, packages ...string) (*Programs, error) {
	folder, err := os.MkdirTemp("", "schedule-programs-")
	if err != nil {
		return nil, err
	}
	args := append([]string{"build", "-C", module, "-o", folder + string(filepath.Separator)}, packages...)
	if output, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		_ = os.RemoveAll(folder)
		return nil, fmt.Errorf("%w\n%s", err, output)
	}
	return &Programs{folder: folder}, nil
}

// Path is where a built program lies.
func (p *Programs) Path(program string) string { return filepath.Join(p.folder, program+programSuffix) }

// Remove removes what was built.
func (p *Programs) Remove() { _ = os.RemoveAll(p.folder) }

// Program is one running program of this module.
type Program struct {
	*Child
	// Log is what it says.
	Log *Log
}

// Start runs a program until the test ends, in a folder of its own: what it makes
// there goes with the test. Its environment holds nothing that could lead it to
// another test's neighbours.
func (p *Programs) Start(t testing.TB, program string, args ...string) *Program {
	t.Helper()
	started := &Program{Log: &Log{}}
	cmd := exec.Command(p.Path(program), args...)
	cmd.Stdout, cmd.Stderr = started.Log, started.Log
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir}
	if zone, set := os.LookupEnv("TZ"); set {
		cmd.Env = append(cmd.Env, "TZ="+zone)
	}
	var err error
	if started.Child, err = StartChild(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(started.Kill)
	return started
}

// Log keeps what a program says.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write takes what is said.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was said.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Tail is the end of what was said, at most so many bytes.
func (l *Log) Tail(most int) string {
	text := l.String()
	return text[max(0, len(text)-most):]
}
