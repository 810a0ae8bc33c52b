import { useQuery } from '@tanstack/react-query';
import { api, type Run, unwrap } from '../../api/client';
import { now } from '../../lib/clock';

interface Neighbours {
  older?: string;
  newer?: string;
}

const minute = 60_000;

/** The runs of the same job before and after this one. */
export function useNeighbours(run: Run): Neighbours {
  const { data } = useQuery({ queryKey: ['runs', 'beside', run.id], queryFn: () => find(run) });
  return data ?? {};
}

async function find(run: Run): Promise<Neighbours> {
  const at = Date.parse(run.scheduled_at);
  const before = await list(run.job_id, { until: run.scheduled_at, limit: 20 });
  const i = before.findIndex((r) => r.id === run.id);
  return { older: before[i + 1]?.id, newer: before[i - 1]?.id ?? (await nearestAfter(run, at)) };
}

/** The API lists the newest first: the next newer run is the last of a stretch, which grows until one is in it. */
async function nearestAfter(run: Run, at: number): Promise<string | undefined> {
  for (let length = minute; at + length / 16 < now() + minute; length *= 16) {
    const after = await list(run.job_id, { since: run.scheduled_at, until: new Date(at + length).toISOString(), limit: 500 });
    const i = after.findIndex((r) => r.id === run.id);
    const next = after[(i < 0 ? after.length : i) - 1];
    if (next) return next.id;
  }
  return undefined;
}

async function list(id: string, query: { since?: string; until?: string; limit: number }): Promise<Run[]> {
  return (await unwrap(api.GET('/api/v1/jobs/{id}/runs', { params: { path: { id }, query } }))).runs;
}
