package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

type object = map[string]any

// client calls the API.
type client struct{ url string }

// answer is what the API said, and between which moments.
type answer struct {
	status     int // zero: no whole answer came
	body       []byte
	from, till int64
	// unsure says that an earlier try got no clear answer and may have taken effect.
	unsure bool
}

// once makes one call.
func (c *client) once(ctx context.Context, method, path string, body any) answer {
	a := answer{from: nowMS()}
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	var reader io.Reader
	if body != nil {
		data, _ := json.Marshal(body)
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, reader)
	if err != nil {
		a.body = []byte(err.Error())
		return a
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	a.till = nowMS()
	if err != nil {
		a.body = []byte(err.Error())
		return a
	}
	defer response.Body.Close()
	a.body, err = io.ReadAll(response.Body)
	a.till = nowMS()
	if err == nil {
		a.status = response.StatusCode
	}
	return a
}

// clear repeats a call until the answer is clear: neither silence nor 5xx. The
// moments are those of the first try and of the last.
func (c *client) clear(ctx context.Context, method, path string, body any) answer {
	from, unsure := nowMS(), false
	for {
		a := c.once(ctx, method, path, body)
		if a.status != 0 && a.status < 500 || ctx.Err() != nil {
			a.from, a.unsure = from, unsure
			return a
		}
		unsure = true
		pause(ctx, 100*time.Millisecond)
	}
}

// account is a run as the API tells it.
type account struct {
	ID          string     `json:"id"`
	JobID       string     `json:"job_id"`
	Trigger     string     `json:"trigger"`
	State       string     `json:"state"`
	Reason      string     `json:"reason"`
	ScheduledAt time.Time  `json:"scheduled_at"`
	QueuedAt    *time.Time `json:"queued_at"`
	FinishedAt  *time.Time `json:"finished_at"`
	MissedCount int        `json:"missed_count"`
	MissedFrom  *time.Time `json:"missed_from"`
	MissedTo    *time.Time `json:"missed_to"`
	Attempts    []attempt  `json:"attempts"`
}

// attempt is one call as the API tells it.
type attempt struct {
	N          int    `json:"n"`
	StatusCode *int   `json:"status_code"`
	Reason     string `json:"reason"`
	Worker     string `json:"worker"`
}

func (r *account) open() bool {
	switch r.State {
	case "succeeded", "failed", "skipped", "missed", "canceled":
		return false
	}
	return true
}

// runs lists all runs of a job, or, with an empty job, of all.
func (c *client) runs(ctx context.Context, job string) ([]account, error) {
	var all []account
	for cursor := ""; ; {
		var page struct {
			Runs       []account `json:"runs"`
			NextCursor string    `json:"next_cursor"`
		}
		a := c.clear(ctx, "GET", fmt.Sprintf("/api/v1/runs?limit=500&job=%s&cursor=%s", url.QueryEscape(job), url.QueryEscape(cursor)), nil)
		if a.status != http.StatusOK {
			return nil, fmt.Errorf("runs of %s: %d %s", job, a.status, a.body)
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Runs...)
		if page.NextCursor == "" {
			return all, nil
		}
		cursor = page.NextCursor
	}
}
