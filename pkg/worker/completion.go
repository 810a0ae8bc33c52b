package worker

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"schedule-server/pkg/job"
)

const (
	// headerCompletion tells a target where to report the end of what it goes on working for.
	headerCompletion = "X-Schedule-Completion-Url"
	// headerWait is how long a target that answers 202 asks for.
	headerWait = "X-Schedule-Wait"
	minWait    = time.Second
)

// links makes the addresses at which targets complete runs. Nil: there are none,
// and no target is waited for.
type links struct {
	api    string // the API's public URL, without a slash at its end
	tokens *job.Completions
}

// newLinks needs both, a URL and tokens.
func newLinks(publicURL string, tokens *job.Completions) *links {
	if publicURL == "" || tokens == nil {
		return nil
	}
	return &links{api: strings.TrimRight(publicURL, "/"), tokens: tokens}
}

func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return job.OptionErrorf("public-url", "write it like https://cron.example.com, without user, query and fragment")
	}
	if err := job.CheckAuthority(u); err != nil {
		return &job.OptionError{Name: "public-url", Err: err}
	}
	return nil
}

// add puts the address of the nth attempt into the headers of its call.
func (l *links) add(h http.Header, runID string, n int) {
	if l != nil {
		h[headerCompletion] = []string{l.api + "/api/v1/runs/" + runID + "/complete?token=" + l.tokens.Token(runID, n)}
	}
}

// token is what completes the nth attempt of a run; empty when there are no links.
func (l *links) token(runID string, n int) string {
	if l == nil {
		return ""
	}
	return l.tokens.Token(runID, n)
}

// wait is how long the target of the nth attempt is given; zero when it did not
// ask for time, or does not know where to report. What it asks for beyond the most
// that is given is cut.
func (l *links) wait(a *attempt, asked string) time.Duration {
	if l == nil || a.Reason != job.ReasonOK || a.response == nil || a.response.StatusCode != http.StatusAccepted {
		return 0
	}
	var wait job.Duration
	if wait.UnmarshalText([]byte(asked)) != nil || time.Duration(wait) < minWait {
		return 0
	}
	return min(time.Duration(wait), job.MaxWait)
}
