package service

import (
	"context"
	"time"

	"schedule-server/pkg/job"
	"schedule-server/pkg/trigger"
)

const (
	// plansMost is how many jobs are read to foresee what is planned; where more
	// are active, each of them stands for several.
	plansMost = 20_000
	// plansFresh is how long what was read counts as the present at least; it is
	// plansShare times as long as the reading took, if that is more.
	plansFresh = 2 * time.Second
	plansShare = 20
	// planSteps is how many occurrences are walked through for one answer; beyond
	// it a schedule is taken to go on as it did until then.
	planSteps = 3_000_000
)

// planner foresees occurrences.
type planner struct {
	store  OverviewStore
	parser *trigger.Parser
	now    func() job.Instant
	plans  *cached[plans]
	// turn lets one answer at a time be worked out.
	turn chan struct{}
}

// plans are the schedules of active jobs, ready to be asked.
type plans struct {
	groups []planGroup
	oneIn  int64
}

type planGroup struct {
	schedule *trigger.Schedule
	jobs     int64
	// plain is an interval without exclusions, which is counted in one step.
	plain bool
}

func newPlanner(store OverviewStore, parser *trigger.Parser, now func() job.Instant) *planner {
	p := &planner{store: store, parser: parser, now: now, turn: make(chan struct{}, 1)}
	p.plans = newCached(plansFresh, plansShare, p.read)
	return p
}

// read compiles the schedules of all active jobs, or of some.
func (p *planner) read(ctx context.Context) (plans, error) {
	found, err := p.store.Plans(ctx, plansMost)
	if err != nil {
		return plans{}, err
	}
	ready := plans{oneIn: found.OneIn, groups: make([]planGroup, 0, len(found.Groups))}
	for i := range found.Groups {
		g := &found.Groups[i]
		if one, ok := p.compile(&g.Schedule, g.JobID, g.Jobs); ok {
			ready.groups = append(ready.groups, one)
		}
	}
	return ready, nil
}

// compile is false for a schedule that cannot be read any more: it plans nothing.
func (p *planner) compile(spec *trigger.Spec, jobID string, jobs int64) (planGroup, bool) {
	schedule, err := p.parser.Parse(*spec, jobID)
	if err != nil {
		return planGroup{}, false
	}
	return planGroup{schedule: schedule, jobs: jobs, plain: spec.Type == trigger.TypeInterval && len(spec.Exclude) == 0}, true
}

// all counts the occurrences of all active jobs after now, by bucket.
func (p *planner) all(ctx context.Context, b job.Buckets) (planned []int64, approximate bool, err error) {
	if b.End() <= p.now() {
		return make([]int64, b.N), false, nil
	}
	ready, err := p.plans.get(ctx)
	if err != nil {
		return nil, false, err
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, false, job.Errorf(job.CodeUnavailable, "too many ask for the timeline at once; try again later")
	}
	planned, approximate = p.count(ready.groups, b)
	for i := range planned {
		planned[i] *= ready.oneIn
	}
	return planned, approximate || ready.oneIn > 1, nil
}

// one counts the occurrences of one job after now.
func (p *planner) one(j *job.Job, b job.Buckets) (planned []int64, approximate bool) {
	if j.Status != job.StatusActive {
		return make([]int64, b.N), false
	}
	group, ok := p.compile(&j.Schedule, j.ID, 1)
	if !ok {
		return make([]int64, b.N), false
	}
	return p.count([]planGroup{group}, b)
}

func (p *planner) count(groups []planGroup, b job.Buckets) (planned []int64, approximate bool) {
	planned = make([]int64, b.N)
	from := max(b.From, p.now()+1)
	left := planSteps
	for i := range groups {
		// What one leaves of its share the others may have.
		share := left / (len(groups) - i)
		steps, whole := groups[i].count(from, b, share, planned)
		left = max(0, left-steps)
		approximate = approximate || !whole
	}
	return planned, approximate
}

// count adds one schedule's occurrences from a moment on. It takes no more than
// about most steps, and says how many it took; whole is false when the rest was guessed.
func (g *planGroup) count(from job.Instant, b job.Buckets, most int, planned []int64) (steps int, whole bool) {
	end, total := b.End(), int64(0)
	at, ok := g.schedule.First(from)
	for ok && at < end {
		if steps > most {
			g.guess(at, end, float64(total)/float64(at-from), b, planned)
			return steps, false
		}
		bucket := int64(at-b.From) / b.Width
		last := min(end, b.From+job.Instant((bucket+1)*b.Width)) - 1
		walk := b.Width
		if !g.plain {
			walk = min(walk, int64(most-steps)+1)
		}
		n, reached := g.schedule.Through(at, last, int(walk))
		planned[bucket] += int64(n) * g.jobs
		total += int64(n)
		if steps++; !g.plain {
			steps += n
		}
		at, ok = g.schedule.Next(reached)
	}
	return steps, true
}

// guess fills the buckets from a moment on at a rate of occurrences per millisecond.
func (g *planGroup) guess(from, end job.Instant, rate float64, b job.Buckets, planned []int64) {
	done := int64(0)
	for at := from; at < end; {
		bucket := int64(at-b.From) / b.Width
		at = min(end, b.From+job.Instant((bucket+1)*b.Width))
		until := int64(float64(at-from) * rate)
		planned[bucket] += (until - done) * g.jobs
		done = until
	}
}

// OverviewStore reads what the timeline and the statistics are made of.
type OverviewStore interface {
	// Outcomes counts the occurrences that have ended, by bucket and state.
	Outcomes(ctx context.Context, b job.Buckets) ([]job.OutcomeCount, error)
	// JobOutcomes counts those of one job whose runs are kept; whole is false when there were too many.
	JobOutcomes(ctx context.Context, jobID string, b job.Buckets) (counts []job.OutcomeCount, whole bool, err error)
	// Plans reads the schedules of active jobs, of some of them when there are more than most.
	Plans(ctx context.Context, most int64) (job.Plans, error)
	// Stats counts jobs and runs as of a moment.
	Stats(ctx context.Context, now job.Instant) (*job.Stats, error)
	// CheckDue is an error when a job has been due for a while and was not fired.
	CheckDue(ctx context.Context, now job.Instant) error
}

// Timeline is past and future on one axis.
type Timeline struct {
	Buckets []TimelineBucket `json:"buckets"`
	// Peak is the bucket that holds the most; of several the first.
	Peak TimelinePeak `json:"peak"`
	// Approximate says that there was too much to be counted one by one.
	Approximate bool `json:"approximate,omitempty"`
}

// TimelineBucket counts the occurrences from At to the next bucket.
type TimelineBucket struct {
	At        job.Instant `json:"at"`
	Succeeded int64       `json:"succeeded"`
	Failed    int64       `json:"failed"`
	Skipped   int64       `json:"skipped"`
	Missed    int64       `json:"missed"`
	Planned   int64       `json:"planned"`
}

// TimelinePeak is the bucket that holds the most.
type TimelinePeak struct {
	At    job.Instant `json:"at"`
	Count int64       `json:"count"`
}

// Timeline counts the occurrences of all jobs, or of one if jobID is not empty, in the past and in the future.
func (s *Service) Timeline(ctx context.Context, b job.Buckets, jobID string) (*Timeline, error) {
	counts, planned, approximate, err := s.outcomes(ctx, b, jobID)
	if err != nil {
		return nil, err
	}
	t := &Timeline{Buckets: make([]TimelineBucket, b.N), Approximate: approximate}
	totals := planned
	for i := range t.Buckets {
		t.Buckets[i].At = b.From + job.Instant(int64(i)*b.Width)
		t.Buckets[i].Planned = planned[i]
	}
	for _, count := range counts {
		if count.Bucket < 0 || count.Bucket >= b.N {
			continue
		}
		bucket := &t.Buckets[count.Bucket]
		switch count.State {
		case job.StateSucceeded:
			bucket.Succeeded += count.Runs
		case job.StateFailed:
			bucket.Failed += count.Runs
		case job.StateSkipped:
			bucket.Skipped += count.Runs
		case job.StateMissed:
			bucket.Missed += count.Runs
		default:
			continue // what was canceled took place neither way
		}
		totals[count.Bucket] += count.Runs
	}
	t.Peak = TimelinePeak{At: b.From}
	for i, total := range totals {
		if total > t.Peak.Count {
			t.Peak = TimelinePeak{At: t.Buckets[i].At, Count: total}
		}
	}
	return t, nil
}

// outcomes counts what was and what will be, of all jobs or of one. One that
// was deleted has a past as long as runs of it are kept.
func (s *Service) outcomes(ctx context.Context, b job.Buckets, jobID string) (
	counts []job.OutcomeCount, planned []int64, approximate bool, err error,
) {
	if jobID == "" {
		if counts, err = s.store.Outcomes(ctx, b); err != nil {
			return nil, nil, false, err
		}
		planned, approximate, err = s.planner.all(ctx, b)
		return counts, planned, approximate, err
	}
	counts, whole, err := s.store.JobOutcomes(ctx, jobID, b)
	if err != nil {
		return nil, nil, false, err
	}
	j, err := s.store.GetJob(ctx, jobID)
	switch {
	case err == nil:
		planned, approximate = s.planner.one(j, b)
	case job.CodeOf(err) == job.CodeNotFound && len(counts) > 0:
		planned = make([]int64, b.N)
	default:
		return nil, nil, false, err
	}
	return counts, planned, approximate || !whole, nil
}
