import type { Job } from '../api/client';
import type { RunChange } from '../api/live';
import { stripes } from './barcode';
import { isOpen } from './states';

/** A job as it is after news of one of its runs. */
export function applyRun(job: Job, run: RunChange): Job {
  const { id, state, reason, scheduled_at, status_code, duration_ms } = run;
  const recent = withRun(job.recent ?? [], { id, state, reason, scheduled_at, duration_ms, status_code });
  if (isOpen(state) || (job.last_run && job.last_run.scheduled_at > scheduled_at)) return { ...job, recent };
  return { ...job, recent, last_run: { id, state: state as NonNullable<Job['last_run']>['state'], reason, scheduled_at, status_code, duration_ms } };
}

type Recent = NonNullable<Job['recent']>;

/** The runs with one more, or with the new state of one that is there; newest first. */
function withRun(recent: Recent, run: Recent[number]): Recent {
  if (recent.some((r) => r.id === run.id)) return recent.map((r) => (r.id === run.id ? { ...r, ...run } : r));
  return [run, ...recent].slice(0, stripes);
}
