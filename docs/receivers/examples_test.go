package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"schedule-server/internal/testserver"
	"schedule-server/pkg/job"
	"schedule-server/pkg/worker"
)

// asExample makes this test's program the Go example.
const asExample = "RECEIVER_AS_EXAMPLE"

func TestMain(m *testing.M) {
	if os.Getenv(asExample) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// examples are the receivers, each with the program that runs it.
var examples = map[string][]string{
	"Go":         {os.Args[0]},
	"Python":     {"python3", "receiver.py"},
	"JavaScript": {"node", "receiver.mjs"},
	"Express":    {"node", "receiver_express.mjs"},
	"FastAPI":    {"python3", "receiver_fastapi.py"},
}

// needs are what examples need beside their language, as a program that fails without it. CI installs it.
var needs = map[string][]string{
	"receiver_express.mjs": {"--input-type=module", "-e", "import 'express'"},
	"receiver_fastapi.py":  {"-c", "import fastapi, uvicorn"},
}

// interpreter finds a program of that name that has what the example needs. The machine's own Python may have a package that another
// one, earlier in the path, has not. It skips the test if there is none.
func interpreter(t *testing.T, name, script string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	check := needs[script]
	if check == nil {
		return path
	}
	for _, candidate := range []string{path, "/usr/bin/" + name} {
		if exec.Command(candidate, check...).Run() == nil {
			return candidate
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s lacks what %s needs", name, script)
	}
	t.Skipf("%s lacks what %s needs", name, script)
	return ""
}

// example is the command of a receiver on a free port, with a secret unless that is nil. It skips the test if the
// language is not there.
func example(t *testing.T, command []string, secret *string) *exec.Cmd {
	t.Helper()
	path := interpreter(t, command[0], command[len(command)-1])
	cmd := exec.Command(path, append(command[1:len(command):len(command)], "0")...)
	cmd.Env = append(os.Environ(), asExample+"=1")
	for i := len(cmd.Env) - 1; i >= 0; i-- {
		if strings.HasPrefix(cmd.Env[i], "SIGNING_SECRET=") {
			cmd.Env = append(cmd.Env[:i], cmd.Env[i+1:]...)
		}
	}
	if secret != nil {
		cmd.Env = append(cmd.Env, "SIGNING_SECRET="+*secret)
	}
	return cmd
}

// With an empty key anybody could sign.
func TestExamplesRefuseABadKey(t *testing.T) {
	secrets := map[string]*string{"unset": nil}
	for name, text := range map[string]string{
		"empty": "", "only the prefix": "whsec_", "short": "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 23))),
		"no prefix": base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))), "no base64": "whsec_" + strings.Repeat("*", 40),
	} {
		secrets[name] = &text
	}
	for language, command := range examples {
		for name, secret := range secrets {
			t.Run(language+" "+name, func(t *testing.T) {
				t.Parallel()
				cmd := example(t, command, secret)
				var said bytes.Buffer
				cmd.Stdout, cmd.Stderr = &said, &said
				child, err := testserver.StartChild(cmd)
				if err != nil {
					t.Fatal(err)
				}
				defer child.End(syscall.SIGKILL)
				select {
				case <-child.Done:
				case <-time.After(time.Minute):
					t.Fatal("it goes on without a key")
				}
				if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), "export SIGNING_SECRET=whsec_$(openssl rand -base64 32)") {
					t.Errorf("it ended with %d and said %s", cmd.ProcessState.ExitCode(), &said)
				}
			})
		}
	}
}

// Each example says where it listens, does the work of a signed call once, and refuses one that is not signed.
func TestExamples(t *testing.T) {
	for language, command := range examples {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
			said := &lines{heard: make(chan struct{}, 1)}
			cmd := example(t, command, &secret)
			cmd.Stdout, cmd.Stderr = said, said
			child, err := testserver.StartChild(cmd)
			if err != nil {
				t.Fatal(err)
			}
			defer child.End(syscall.SIGKILL)
			address := said.wait(t, `listening on (http://127\.0\.0\.1:[1-9][0-9]*)`)
			told := &lastEvent{}
			w, err := worker.New(told, worker.Options{
				Now: func() job.Instant { return job.Instant(time.Now().UnixMilli()) }, Allow: []string{"loopback"}, WebhookSecret: secret,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			task := &job.Task{RunID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", JobID: "a", Policy: job.DefaultPolicy(),
				Request: job.Request{Method: "POST", URL: address, Body: `{"a":1}`}}
			for range 2 {
				if _, err := w.Deliver(t.Context(), task); err != nil || told.Attempt == nil || told.Attempt.Reason != job.ReasonOK {
					t.Fatalf("%+v, %v", told.Attempt, err)
				}
			}
			said.wait(t, `working on .*(\{"a":1\})`)
			if n := strings.Count(said.String(), "working on"); n != 1 {
				t.Errorf("it worked %d times: %s", n, said)
			}
			for _, signature := range []string{"", "v1,AAAA", "v1,é"} {
				request, err := http.NewRequest("POST", address, strings.NewReader(`{"a":2}`))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("webhook-signature", signature)
				request.Header.Set("webhook-id", "x")
				request.Header.Set("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode != http.StatusUnauthorized {
					t.Errorf("a call with the signature %q is answered %d", signature, response.StatusCode)
				}
			}
		})
	}
}

// lines is what a program says.
type lines struct {
	mu    sync.Mutex
	b     bytes.Buffer
	heard chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.heard <- struct{}{}:
	default:
	}
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// wait waits until the program has said what the pattern matches, and gives the pattern's group.
func (l *lines) wait(t *testing.T, pattern string) string {
	t.Helper()
	late := time.After(time.Minute)
	for {
		if found := regexp.MustCompile(pattern).FindStringSubmatch(l.String()); found != nil {
			return found[1]
		}
		select {
		case <-l.heard:
		case <-late:
			t.Fatalf("it did not say %s, but %s", pattern, l)
		}
	}
}
