package beat

import "schedule-server/pkg/job"

// maxTold is how many jobs of one claim the pages are told of; the others are counted.
const maxTold = 100

// news is what a claim has to tell the pages, and the log.
type news struct {
	changes []job.News
	// ended are the runs that ended with the claim.
	ended []*job.Run
}

// note gathers the news of what was decided last, and hands the verdicts on.
func (n *news) note(verdicts []job.Verdict) []job.Verdict {
	n.changes, n.ended = n.changes[:0], n.ended[:0]
	var others job.ManyChanges
	told := 0
	for i := range verdicts {
		v := &verdicts[i]
		n.noteEnded(v)
		switch {
		case v.Defer:
		case told == maxTold:
			others.Jobs++
			others.Runs += len(v.Runs)
		default:
			told++
			n.changes = append(n.changes, v.Job.News())
			n.changes = append(n.changes, job.NewsOf(v.Runs)...)
		}
	}
	if others.Jobs > 0 {
		n.changes = append(n.changes, job.News{Many: &others})
	}
	return verdicts
}

// noteEnded gathers the runs of a verdict that have ended with it.
func (n *news) noteEnded(v *job.Verdict) {
	if v.Defer {
		return
	}
	for i := range v.Runs {
		if v.Runs[i].State.Final() {
			n.ended = append(n.ended, &v.Runs[i])
		}
	}
}
