import type { JobFilter } from '../lib/filters';
import { api, unwrap } from './client';
import { jobParams } from './jobs';
import type { operations } from './schema';

type Bulk = operations['bulkJobs'];
export type BulkAction = Bulk['requestBody']['content']['application/json']['action'];
export type BulkResult = Bulk['responses']['200']['content']['application/json'];

/** Does one thing to some jobs, or to all that a filter matches. */
export function bulk(
  action: BulkAction,
  target: { all: boolean; ids: ReadonlySet<string> },
  filter: JobFilter,
  tag?: string,
): Promise<BulkResult> {
  const { sort: _, ...conditions } = jobParams(filter);
  const which = target.all ? { filter: conditions } : { ids: [...target.ids] };
  return unwrap(api.POST('/api/v1/jobs/bulk', { body: { action, tag, ...which } }));
}
