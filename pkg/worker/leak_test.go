package worker

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"schedule-server/pkg/job"
)

// TestManyCallsLeaveNothing makes good and bad calls, 3,000 of them or as many as
// WORKER_LEAK_CALLS says, and then wants every connection closed; goleak looks for
// goroutines when all tests have ended.
func TestManyCallsLeaveNothing(t *testing.T) {
	total := 3000
	if text := os.Getenv("WORKER_LEAK_CALLS"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	var conns connCounter
	target := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/500":
			w.WriteHeader(500)
		case "/reset":
			panic(http.ErrAbortHandler)
		case "/long":
			_, _ = w.Write(make([]byte, 2*maxBody))
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		}
	}))
	target.Config.ConnState, target.Config.ErrorLog = conns.count, discardLog()
	target.Start()
	defer target.Close()
	b := newBench(t, withKeys(t))
	b.reporter = deaf{}
	refused := "http://" + closedPort(t)
	urls := []string{target.URL, target.URL, target.URL, target.URL + "/500", target.URL + "/reset", target.URL + "/long",
		target.URL + "/moved", target.URL + "/slow", refused, "http://169.254.169.254/", target.URL + "/?k={{ secret.KEY }}"}
	tasks := make([]*job.Task, len(urls))
	for i, url := range urls {
		tasks[i] = taskFor(url, attemptTimeoutOf(time.Minute), func(t *job.Task) { t.Request.FollowRedirects = 1 }, withSecrets(t, "KEY", "hush"))
	}
	attemptTimeoutOf(20 * time.Millisecond)(tasks[7])
	var next, failed atomic.Int64
	var calls sync.WaitGroup
	for range 32 {
		calls.Go(func() {
			for n := next.Add(1); n <= int64(total); n = next.Add(1) {
				if _, err := b.Deliver(t.Context(), tasks[n%int64(len(tasks))]); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	calls.Wait()
	if failed.Load() != 0 {
		t.Errorf("%d deliveries failed", failed.Load())
	}
	b.Close()
	eventually(t, "every connection is closed", func() bool { return conns.open.Load() == 0 })
}
