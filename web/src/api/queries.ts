import { keepPreviousData, QueryClient, queryOptions } from '@tanstack/react-query';
import { windowAround, type Zoom } from '../lib/horizon';
import type { RunFilter } from '../lib/filters';
import { api, type Schedule, unwrap } from './client';
import { ApiError, isPassing } from './errors';

/** What was read of the server, by key. The keys' first parts name what an event makes stale. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2000,
      networkMode: 'always',
      retry: (failures, error) => failures < 2 && isPassing(error),
      retryDelay: (attempt) => 400 * 2 ** attempt,
    },
    mutations: { networkMode: 'always' },
  },
});

export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: ['job', id],
    queryFn: () => unwrap(api.GET('/api/v1/jobs/{id}', { params: { path: { id } } })),
  });

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ['run', id],
    queryFn: () => unwrap(api.GET('/api/v1/runs/{id}', { params: { path: { id } } })),
  });

/** The query parameters of a filter: what is empty is left out. */
export function runParams(filter: Partial<RunFilter>): Record<string, string> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== ''));
}

export const jobRunsQuery = (id: string, filter: Partial<Omit<RunFilter, 'job'>> = {}, limit = 200) =>
  queryOptions({
    queryKey: ['runs', 'of', id, filter, limit],
    placeholderData: keepPreviousData,
    queryFn: () => unwrap(api.GET('/api/v1/jobs/{id}/runs', { params: { path: { id }, query: { ...runParams(filter), limit } } })),
  });

export const latestRunsQuery = (limit: number) =>
  queryOptions({
    queryKey: ['runs', 'latest', limit],
    queryFn: () => unwrap(api.GET('/api/v1/runs', { params: { query: { limit } } })),
  });

/** What a schedule means and when it fires; a faulty one is an answer too. */
export const previewQuery = (schedule: Schedule, count: number) =>
  queryOptions({
    queryKey: ['preview', count, schedule],
    staleTime: 60_000,
    queryFn: ({ signal }) => unwrap(api.POST('/api/v1/schedules/preview', { body: { schedule, count }, signal })),
  });

/** The calendars that schedules can go by. */
export const calendarsQuery = queryOptions({
  queryKey: ['calendars'],
  staleTime: 60_000,
  queryFn: () => unwrap(api.GET('/api/v1/calendars')),
});

/** A schedule in words. What it means does not change. */
export const wordsQuery = (schedule: Schedule) =>
  queryOptions({
    queryKey: ['words', schedule],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => {
      const preview = await unwrap(api.POST('/api/v1/schedules/preview', { body: { schedule, count: 1 } }));
      if (!preview.valid) throw new ApiError(200, 'invalid', preview.errors[0]?.message ?? '', preview.errors);
      return preview.description;
    },
  });

/** What was and will be around now. */
export const timelineQuery = (zoom: Zoom, now: number, job?: string) => {
  const { from, to, buckets } = windowAround(now, zoom);
  return queryOptions({
    queryKey: ['timeline', zoom, from, job ?? ''],
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const query = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), buckets, job };
      const answer = await unwrap(api.GET('/api/v1/timeline', { params: { query } }));
      return { from, to, buckets: answer.buckets.map((b) => ({ ...b, at: Date.parse(b.at) })), approximate: answer.approximate === true };
    },
  });
};

export const statsQuery = queryOptions({
  queryKey: ['stats'],
  refetchInterval: 15_000,
  queryFn: () => unwrap(api.GET('/api/v1/stats')),
});
