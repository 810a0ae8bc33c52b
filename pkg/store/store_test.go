package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

// t0 is the moment at which the tests play.
const t0 = job.Instant(1_800_000_000_000)

// suite is what every database must do alike.
func suite() map[string]func(*testing.T, *bundle) {
	return map[string]func(*testing.T, *bundle){
		"jobs are kept whole":                    testRoundTrip,
		"create, conflict, delete, version":      testVersions,
		"change":                                 testChange,
		"change by many at once":                 testChangeConcurrently,
		"delete marks open runs":                 testDelete,
		"a change accounts for what it drops":    testOvertaken,
		"calendars plan jobs anew":               testCalendars,
		"a pause whose end nobody noticed":       testPauseUnnoticed,
		"failures account for what they drop":    testFailuresOvertake,
		"a summary after a step back":            testSummaryAfterStepBack,
		"failures of a job that cannot be read":  testFailuresUnreadable,
		"lists: filters":                         testFilters,
		"lists: order and pages":                 testOrderAndPages,
		"lists: totals":                          testTotals,
		"lists: pages under change":              testPagesUnderChange,
		"lists: broken cursors":                  testCursors,
		"open read-only":                         testOpenReadOnly,
		"edit jobs":                              testEditJobs,
		"edit jobs: all or nothing":              testEditJobsWhole,
		"edit jobs: many":                        testEditManyJobs,
		"start each":                             testStartEach,
		"lists: pages under stirring":            testChangeUnderPages,
		"replays":                                testReplays,
		"answers of a day ago":                   testOldReplays,
		"answers of a busy caller":               testManyReplays,
		"lists: recent runs":                     testRecent,
		"runs: pages and bounds":                 testListRuns,
		"runs follow their definition":           testRunDefinition,
		"start run":                              testStartRun,
		"secrets":                                testSecrets,
		"secrets go with their tasks":            testTaskSecrets,
		"secrets name their hosts":               testSecretHosts,
		"next due":                               testNextDue,
		"claim":                                  testClaim,
		"claim: order, after, limit":             testClaimOrder,
		"claim: runs that exist":                 testClaimTwice,
		"claim: statuses and ended runs":         testClaimStates,
		"claim: undone as a whole":               testClaimUndone,
		"claim: a job that cannot be read":       testClaimUnreadable,
		"a job that cannot be read":              testUnreadable,
		"an open run that cannot be read":        testUnreadableTask,
		"claim by many at once":                  testClaimConcurrently,
		"claim against pause, edit and deletion": testClaimAgainstChange,
		"claim survives a reopening":             testReopen,
		"record":                                 testRecord,
		"record: any order, twice":               testRecordOrder,
		"record by many at once":                 testRecordConcurrently,
		"record: last run":                       testLastRun,
		"record: lag of what became due late":    testLag,
		"record: failures in a row":              testFailures,
		"record: 410 Gone":                       testGone,
		"record: old definitions do not pause":   testOldDefinition,
		"record: unknown runs":                   testUnknownRuns,
		"secrets sealed anew":                    testReseal,
		"sealed texts that do not open":          testCheckSealed,
		"incidents":                              testIncidents,
		"incidents: nobody takes messages":       testNobodyTakesMessages,
		"incidents: a storm":                     testStorm,
		"incidents: what did not happen":         testWatch,
		"incidents: old ones go":                 testPruneTold,
		"cancel":                                 testCancel,
		"cancel what vanished":                   testCancelVanished,
		"cancel by hand":                         testCancelByHand,
		"wait for the target":                    testWait,
		"completed early":                        testCompletedEarly,
		"waiting":                                testWaiting,
		"waiting: one at a time":                 testWaitingOrder,
		"waiting against an end":                 testWaitingConcurrently,
		"replace":                                testReplace,
		"prune: runs and answers":                testPrune,
		"prune: all jobs":                        testPruneAll,
		"prune: definitions":                     testPruneDefinitions,
		"counts outlive runs":                    testCounts,
		"chores":                                 testChores,
		"stale runs and touch":                   testStale,
		"deadlines":                              testDeadline,
		"deadlines move":                         testMoveDeadlines,
		"deadlines that nobody noted":            testNoDeadline,
		"lost runs":                              testLostRuns,
		"hostile text":                           testHostileText,
		"migrations: many at once":               testMigrateConcurrently,
		"migrations: an existing database":       testMigrateExisting,
		"versions: an older one goes on":         testOlderVersion,
		"versions: what a newer one wrote":       testNewerRows,
		"installation":                           testInstallation,
		"transports":                             testTransports,
		"transports: many ask at once":           testTransportsConcurrently,
		"transports: those that ended":           testForgetTransports,
		"keys":                                   testKeys,
		"keys: many change them at once":         testKeysConcurrently,
		"sessions":                               testSessions,
		"audit: what is told of jobs and runs":   testAuditJobs,
		"audit: filters and pages":               testAuditPages,
		"audit: bounds":                          testAuditBounds,
		"errors: closed, canceled":               testFaults,
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		runSuite(t, func(t *testing.T) string { return "sqlite://" + filepath.Join(t.TempDir(), "new", "schedule.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		s := startPostgres(t)
		runSuite(t, func(t *testing.T) string { return s.database(t) })
		t.Run("a connection that was cut", func(t *testing.T) { testCutConnection(t, newBundle(t, s.database(t))) })
	})
}

func runSuite(t *testing.T, database func(*testing.T) string) {
	for name, test := range suite() {
		t.Run(name, func(t *testing.T) { test(t, newBundle(t, database(t))) })
	}
}

// bundle is a database of a test's own, and what the tests do with it.
type bundle struct {
	t   *testing.T
	url string
	*Store
	log *logBuffer
}

func newBundle(t *testing.T, url string) *bundle {
	t.Helper()
	b := &bundle{t: t, url: url, log: &logBuffer{}}
	b.Store = b.open()
	return b
}

// open is another handle on the same database, as another process has.
func (b *bundle) open() *Store {
	b.t.Helper()
	s, err := Open(b.t.Context(), b.url, Options{Logger: slog.New(slog.NewTextHandler(b.log, nil))})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return s
}

// logBuffer is a log that may be written by many.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newJob is an active job, due at t0 and then every minute.
func newJob(id string, edit ...func(*job.Job)) *job.Job {
	anchor, next := t0, t0
	j := &job.Job{
		Definition: job.Definition{
			ID: id, Name: "Name of " + id, Tags: []string{},
			Schedule: trigger.Spec{Type: trigger.TypeInterval, Every: trigger.Duration(time.Minute), Anchor: &anchor},
			Request:  job.Request{Method: "GET", URL: "http://example.com/" + id, Headers: map[string]string{}},
			Policy:   job.DefaultPolicy(),
		},
		Status: job.StatusActive, NextRunAt: &next, DueAt: &next, CreatedAt: t0 - 1000, UpdatedAt: t0 - 1000,
	}
	j.Policy.MisfireGraceTime = job.Grace(time.Minute)
	for _, e := range edit {
		e(j)
	}
	return j
}

func dueAt(at job.Instant) func(*job.Job) {
	return func(j *job.Job) { j.NextRunAt, j.DueAt = &at, &at }
}

// create writes jobs that must not be refused.
func (b *bundle) create(jobs ...*job.Job) {
	b.t.Helper()
	for _, j := range jobs {
		if err := b.CreateJob(b.t.Context(), j); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bundle) get(id string) *job.Job {
	b.t.Helper()
	j, err := b.GetJob(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return j
}

func (b *bundle) run(id string) *job.Run {
	b.t.Helper()
	r, err := b.GetRun(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// at is a clock that stands.
func at(moment job.Instant) func() job.Instant { return func() job.Instant { return moment } }

// change edits a job that must be there.
func (b *bundle) change(id string, edit func(*job.Job)) *job.Job {
	b.t.Helper()
	_, after, err := b.ChangeJob(b.t.Context(), id, at(t0), func(old *job.Job, _ job.Instant) (*job.Job, error) {
		if old == nil {
			return nil, fmt.Errorf("there is no job %q", id)
		}
		edit(old)
		return old, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return after
}

// claimAll claims what is due at a moment, each for one run to deliver, and plans the next in a minute.
func (b *bundle) claimAll(now job.Instant) job.Claimed {
	b.t.Helper()
	got, err := b.Claim(b.t.Context(), job.Claim{Now: now, Limit: 1000}, everyMinute(now))
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

func everyMinute(now job.Instant) func([]job.Due) []job.Verdict {
	return func(due []job.Due) []job.Verdict {
		verdicts := make([]job.Verdict, len(due))
		for i := range due {
			verdicts[i] = runOnce(&due[i], now)
		}
		return verdicts
	}
}

// runOnce runs the due occurrence and plans the next a minute later.
func runOnce(d *job.Due, now job.Instant) job.Verdict {
	at := *d.NextRunAt
	next := at.Add(time.Minute)
	j := d.Job
	j.NextRunAt, j.DueAt = &next, &next
	return job.Verdict{Job: j, Runs: []job.Run{queuedRun(d.ID, at, now)}}
}

// StartRun starts at most one run.
func (b *bundle) StartRun(ctx context.Context, jobID string, decide func(*job.Due) (*job.Run, error)) (*job.Task, error) {
	tasks, err := b.StartRuns(ctx, jobID, func(due *job.Due) ([]job.Run, error) {
		run, err := decide(due)
		if run == nil {
			return nil, err
		}
		return []job.Run{*run}, err
	})
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	return &tasks[0], nil
}

func queuedRun(jobID string, at, now job.Instant) job.Run {
	return job.Run{
		ID: job.OccurrenceID(jobID, at), Trigger: job.TriggerSchedule, State: job.StateQueued,
		ScheduledAt: at, QueuedAt: &now, Queue: job.QueueDefault,
	}
}

// record takes events in that must not be refused.
func (b *bundle) record(events ...job.Event) []job.Run {
	b.t.Helper()
	done, err := b.Record(b.t.Context(), events)
	if err != nil {
		b.t.Fatal(err)
	}
	return done.Changed
}

// started, failed and succeeded are events of the nth attempt.
func started(id string, n int, at job.Instant) job.Event {
	return job.Event{RunID: id, At: at, State: job.StateRunning, N: n}
}

func ended(id string, n int, at job.Instant, state job.State, status int) job.Event {
	e := job.Event{RunID: id, At: at, State: state, N: n, Attempt: &job.Attempt{
		N: n, StartedAt: at - 10, DurationMS: 10, StatusCode: &status, Reason: job.StatusReason(status), Worker: "host:1",
	}, Response: &job.Response{StatusCode: status, Headers: map[string]string{"X-N": fmt.Sprint(n)}, Body: fmt.Sprint("body ", n), BodyEncoding: "text"}}
	switch state {
	case job.StateRetrying:
		retry := at.Add(10 * time.Second)
		e.Attempt.NextRetryAt = &retry
	case job.StateSucceeded:
		e.Reason, e.Attempt.Reason = job.ReasonOK, job.ReasonOK
	default:
		e.Reason = job.StatusReason(status)
	}
	return e
}

// wantCode fails unless the error has the code.
func wantCode(t *testing.T, err error, code job.Code) {
	t.Helper()
	var known *job.Error
	if !errors.As(err, &known) || known.Code != code {
		t.Fatalf("the error is %v, not one with the code %s", err, code)
	}
}

// wantEqual fails when two values differ.
func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

func wantContains(t *testing.T, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Fatalf("%q does not contain %q", text, part)
	}
}

// mustFile is the file that a store has open.
func mustFile(t *testing.T, s *Store) string {
	t.Helper()
	var file string
	if err := s.r.Get(&file, "SELECT file FROM pragma_database_list WHERE name = 'main'"); err != nil {
		t.Fatal(err)
	}
	return file
}
