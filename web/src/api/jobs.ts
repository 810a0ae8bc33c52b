import type { JobFilter } from '../lib/filters';
import type { JobPage } from '../lib/joblist';
import { api, type Job, type JobInput, type Run, unwrap, answerOf } from './client';

/** The query parameters of a filter. */
export function jobParams(filter: JobFilter) {
  return {
    q: filter.q || undefined,
    tag: filter.tags.length > 0 ? filter.tags : undefined,
    type: filter.type || undefined,
    status: filter.status === 'all' || filter.status === 'failing' ? undefined : filter.status,
    last_state: filter.status === 'failing' ? ('failed' as const) : undefined,
    host: filter.host || undefined,
    due_since: filter.dueSince || undefined,
    due_until: filter.dueUntil || undefined,
    sort: filter.sort as 'name',
  };
}

export function readJobs(filter: JobFilter, cursor: string | null, limit: number, recent: boolean): Promise<JobPage> {
  const query = { ...jobParams(filter), limit, cursor: cursor ?? undefined, include: recent ? ('recent,description' as const) : ('description' as const) };
  return unwrap(api.GET('/api/v1/jobs', { params: { query } }));
}

const at = (id: string) => ({ params: { path: { id } } });

export function pauseJob(id: string, until?: string, reason?: string): Promise<Job> {
  return unwrap(api.POST('/api/v1/jobs/{id}/pause', { ...at(id), body: { until, reason } }));
}

/** Goes on from now, or from where the pause began: what fell due is then judged by the job's policy. */
export function resumeJob(id: string, resume_from: 'now' | 'last' = 'now'): Promise<Job> {
  return unwrap(api.POST('/api/v1/jobs/{id}/resume', { ...at(id), body: { resume_from } }));
}

export function runJob(id: string, force = false): Promise<Run> {
  return unwrap(api.POST('/api/v1/jobs/{id}/run', { ...at(id), body: { force } }));
}

export function deleteJob(id: string): Promise<unknown> {
  return unwrap(api.DELETE('/api/v1/jobs/{id}', at(id)));
}

export function createJob(body: JobInput): Promise<Job> {
  return unwrap(api.POST('/api/v1/jobs', { body }));
}

/** Replaces a job; refused when somebody else changed it since that version. */
export async function replaceJob(id: string, body: JobInput, version: number): Promise<Job> {
  const params = { path: { id }, header: { 'If-Match': `"${version}"` } };
  const { data } = await answerOf(api.PUT('/api/v1/jobs/{id}', { params, body }));
  return data;
}
