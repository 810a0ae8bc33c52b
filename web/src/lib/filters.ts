/** What the list of jobs is narrowed to; it lives in the address. */
export interface JobFilter {
  q: string;
  status: 'all' | 'active' | 'failing' | 'paused' | 'completed';
  type: '' | 'cron' | 'interval' | 'calendar_interval' | 'date';
  tags: string[];
  host: string;
  /** When the next run is: RFC 3339, or empty. */
  dueSince: string;
  dueUntil: string;
  sort: string;
}

export const statuses = ['all', 'active', 'failing', 'paused', 'completed'] as const;
export const types = ['cron', 'interval', 'calendar_interval', 'date'] as const;
const sorts = ['id', 'name', 'next_run_at', 'updated_at', '-id', '-name', '-next_run_at', '-updated_at'];

function oneOf<T extends string, D extends string>(value: string | null, words: readonly T[], or: D): T | D {
  return words.find((word) => word === value) ?? or;
}

/** Reads the filter from the query part of the address; nonsense is ignored. */
export function parseJobFilter(search: string): JobFilter {
  const params = new URLSearchParams(search);
  return {
    q: params.get('q') ?? '',
    status: oneOf(params.get('status'), statuses, 'all'),
    type: oneOf(params.get('type'), types, ''),
    tags: [...new Set(params.getAll('tag').filter(Boolean))],
    host: params.get('host') ?? '',
    dueSince: moment(params.get('due_since')),
    dueUntil: moment(params.get('due_until')),
    sort: oneOf(params.get('sort'), sorts, 'name'),
  };
}

/** The query part for a filter, without what is at its default. Empty, or begins with `?`. */
export function formatJobFilter(filter: JobFilter): string {
  const params = new URLSearchParams();
  if (filter.q) params.set('q', filter.q);
  if (filter.status !== 'all') params.set('status', filter.status);
  if (filter.type) params.set('type', filter.type);
  for (const tag of filter.tags) params.append('tag', tag);
  if (filter.host) params.set('host', filter.host);
  if (filter.dueSince) params.set('due_since', filter.dueSince);
  if (filter.dueUntil) params.set('due_until', filter.dueUntil);
  if (filter.sort !== 'name') params.set('sort', filter.sort);
  return asSearch(params);
}

/** The part of a filter that a stretch of the strip stands for; its end belongs to the next one. */
export function dueBetween(from: number, to: number): Pick<JobFilter, 'dueSince' | 'dueUntil'> {
  return { dueSince: new Date(from).toISOString(), dueUntil: new Date(to - 1).toISOString() };
}

export const states = ['waiting', 'queued', 'running', 'retrying', 'succeeded', 'failed', 'skipped', 'missed', 'canceled'] as const;
export const triggers = ['schedule', 'manual', 'backfill'] as const;

/** What a list of runs is narrowed to. */
export interface RunFilter {
  state: '' | (typeof states)[number];
  trigger: '' | (typeof triggers)[number];
  job: string;
  /** RFC 3339, or empty. */
  since: string;
  until: string;
}

export function parseRunFilter(search: string): RunFilter {
  const params = new URLSearchParams(search);
  return {
    state: oneOf(params.get('state'), states, ''),
    trigger: oneOf(params.get('trigger'), triggers, ''),
    job: params.get('job') ?? '',
    since: moment(params.get('since')),
    until: moment(params.get('until')),
  };
}

export function formatRunFilter(filter: RunFilter): string {
  const params = new URLSearchParams();
  for (const key of ['state', 'trigger', 'job', 'since', 'until'] as const) if (filter[key]) params.set(key, filter[key]);
  return asSearch(params);
}

function moment(text: string | null): string {
  return text !== null && !Number.isNaN(Date.parse(text)) ? text : '';
}

function asSearch(params: URLSearchParams): string {
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
