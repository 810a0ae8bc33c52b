import { Pace } from '../lib/pace';
import { live, type LiveEvent } from './live';
import { queries } from './queries';

/** What is read again at most this often, in ms, while events keep coming. */
const paces = { runs: 1000, stats: 1000, timeline: 2500, job: 1000, run: 500, jobs: 2000 } as const;

type Root = keyof typeof paces;

/** Keeps what is shown true to what the server tells. Call once. */
export function followEvents(): void {
  const stale = (root: Root): void => void queries.invalidateQueries({ queryKey: [root] });
  const roots = Object.keys(paces) as Root[];
  const by = Object.fromEntries(roots.map((root) => [root, new Pace(paces[root], () => stale(root))])) as Record<Root, Pace>;
  const mark = (...names: Root[]): void => {
    for (const name of names) by[name].mark();
  };

  live.onEvent((event: LiveEvent) => {
    if (event.type === 'run') {
      mark('runs', 'stats', 'timeline');
      if (queries.getQueryData(['run', event.run.id])) mark('run');
      if (queries.getQueryData(['job', event.run.job_id])) mark('job');
    } else if (event.type === 'job') {
      mark('jobs', 'stats', 'timeline');
      if (queries.getQueryData(['job', event.job.id])) mark('job');
    } else mark(...roots);
  });

  // Events were missed while the stream was away, or while nobody looked.
  let wasLive = false;
  live.watch(() => {
    const isLive = live.getStatus() === 'live';
    if (isLive && wasLive === false) {
      mark(...roots);
      void queries.refetchQueries({ type: 'active', predicate: (query) => query.state.status === 'error' });
    }
    wasLive = isLive;
  });
}
