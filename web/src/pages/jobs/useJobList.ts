import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { Job } from '../../api/client';
import { readJobs } from '../../api/jobs';
import { live } from '../../api/live';
import { formatJobFilter, type JobFilter, parseJobFilter } from '../../lib/filters';
import { JobList, type JobListState } from '../../lib/joblist';
import { applyRun } from '../../lib/jobchange';
import { Pace } from '../../lib/pace';

const every = 2000;

interface UsedJobList extends JobListState {
  list: JobList;
  byId: ReadonlyMap<string, Job>;
}

/** The list of jobs for a filter, which events keep true. */
export function useJobList(filter: JobFilter): UsedJobList {
  const key = formatJobFilter(filter);
  const list = useMemo(() => {
    const fixed = parseJobFilter(key);
    return new JobList((cursor, limit, recent) => readJobs(fixed, cursor, limit, recent));
  }, [key]);
  const state = useSyncExternalStore(list.subscribe, list.getState);
  const byId = useMemo(() => new Map(state.rows.map((job) => [job.id, job])), [state.rows]);

  useEffect(() => {
    const pace = new Pace(every, () => list.refresh());
    const ends = live.onEvent((event) => {
      if (event.type === 'run') list.patch(event.run.job_id, (job) => applyRun(job, event.run));
      else if (event.type === 'job' && !event.job.deleted) {
        const { id, status, next_run_at, version } = event.job;
        let same = false;
        list.patch(id, (job) => {
          same = job.version === version;
          return { ...job, status: status || job.status, next_run_at };
        });
        // It was edited, or is not among those loaded.
        if (!same) pace.mark();
      } else pace.mark();
    });
    const unwatch = live.watch(() => live.getStatus() === 'live' && pace.mark());
    return () => {
      ends();
      unwatch();
    };
  }, [list]);
  return { ...state, list, byId };
}
