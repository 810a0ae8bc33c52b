package beat

import "schedule-server/pkg/job"

// maxTold is how many jobs of one claim the pages are told of; the others are counted.
const maxTold = 100

// news is what a claim has to tell the pages.
type news struct{ changes []job.News }

// note gathers the news of what was decided last, and hands the verdicts on.
func (n *news) note(verdicts []job.Verdict) []job.Verdict {
	n.changes = n.changes[:0]
	var others job.ManyChanges
	told := 0
	for i := range verdicts {
		v := &verdicts[i]
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
