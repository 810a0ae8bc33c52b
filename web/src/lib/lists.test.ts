import { describe, expect, it } from 'vitest';
import type { Job, Run } from '../api/client';
import { diff } from './diff';
import { applyRun } from './jobchange';
import { latencySeries } from './latency';
import { mergeRuns } from './mergeruns';
import { bytes, compact, quantile } from './number';
import { peakAmong } from './peak';
import { stretch } from './useWindow';
import { waterfall } from './waterfall';

const run = (id: string): Run => ({ id }) as Run;

describe('mergeRuns', () => {
  it('puts the newest on top, once', () => {
    expect(mergeRuns([run('c'), run('b')], [run('b'), run('a')])?.map((r) => r.id)).toEqual(['c', 'b', 'a']);
  });
  it('sees a gap', () => expect(mergeRuns([run('z')], [run('a')])).toBeNull());
  it('takes empty lists', () => {
    expect(mergeRuns([], [run('a')])).toEqual([]);
    expect(mergeRuns([run('a')], [])).toEqual([run('a')]);
  });
});

describe('applyRun', () => {
  const job = { id: 'j', last_run: { scheduled_at: '2026-11-18T00:00:05.000Z' }, recent: [{ id: 'r1', state: 'running' }] } as Job;
  const change = (id: string, state: string, scheduled_at: string) =>
    ({ id, job_id: 'j', trigger: 'schedule', state, reason: '', scheduled_at, started_at: null, finished_at: null, duration_ms: 5, status_code: 200 }) as Parameters<typeof applyRun>[1];
  it('takes the state of a run that is there', () => {
    const after = applyRun(job, change('r1', 'succeeded', '2026-11-18T00:00:10.000Z'));
    expect(after.recent).toHaveLength(1);
    expect(after.recent?.[0]?.state).toBe('succeeded');
    expect(after.last_run?.id).toBe('r1');
  });
  it('does not take an open or an older run for the last', () => {
    expect(applyRun(job, change('r2', 'running', '2026-11-18T00:00:10.000Z')).last_run).toBe(job.last_run);
    expect(applyRun(job, change('r0', 'failed', '2026-11-18T00:00:01.000Z')).last_run).toBe(job.last_run);
  });
});

describe('stretch', () => {
  it('never makes more than 60 rows, wherever one is', () => {
    for (const top of [0, 1, 4321, 399_600, 10_000_000]) {
      const { first, end } = stretch(top, 2400, 32, 10_000);
      expect(end - first).toBeLessThanOrEqual(60);
      expect(first).toBeGreaterThanOrEqual(0);
      expect(end).toBeLessThanOrEqual(10_000);
    }
  });
  it('reaches the last row', () => expect(stretch(400_000 - 900, 900, 40, 10_000).end).toBe(10_000));
  it('has nothing of nothing', () => expect(stretch(0, 900, 40, 0)).toEqual({ first: 0, end: 0 }));
});

describe('latencySeries', () => {
  it('groups by number, oldest first', () => {
    const runs = Array.from({ length: 100 }, (_, i) => ({ scheduled_at: new Date(1e12 - i * 1000).toISOString(), duration_ms: i }));
    const series = latencySeries(runs, 10);
    expect(series.at).toHaveLength(10);
    expect(series.at).toEqual(series.at.toSorted((a, b) => a - b));
    expect(series.p50.every((p, i) => (p ?? 0) <= (series.p95[i] ?? 0))).toBe(true);
  });
  it('leaves out what was not called', () => expect(latencySeries([{ scheduled_at: '2026-11-18T00:00:00Z', duration_ms: null }]).at).toEqual([]));
});

describe('numbers', () => {
  it('has nearest ranks', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2);
    expect(quantile([1, 2, 3, 4], 0.95)).toBe(4);
    expect(quantile([], 0.5)).toBeNull();
  });
  it('is short', () => {
    expect([0, 999, 1000, 1234, 34_500, 999_499, 1_500_000].map(compact)).toEqual(['0', '999', '1k', '1.2k', '35k', '999k', '1.5M']);
    expect([1, 2048, 3 * 1024 * 1024].map(bytes)).toEqual(['1 B', '2.0 KiB', '3.0 MiB']);
  });
});

describe('peakAmong', () => {
  const buckets = Array.from({ length: 10 }, (_, i) => ({ at: i * 100, succeeded: 0, failed: 0, skipped: 0, missed: 0, planned: i === 5 ? 300 : 3 }));
  it('warns of the pile that a moment falls into', () => expect(peakAmong([120, 555], buckets)).toEqual({ at: 500, count: 300 }));
  it('is silent beside it, and beyond the buckets', () => {
    expect(peakAmong([120, 99_999], buckets)).toBeNull();
    expect(peakAmong([1], [])).toBeNull();
  });
});

describe('waterfall', () => {
  it('puts phases one after the other', () => {
    const phases = waterfall({ dns_ms: 1, connect_ms: 2, tls_ms: 9, first_byte_ms: 1100, total_ms: 1200 });
    expect(phases.map((p) => p.name)).toEqual(['dns', 'connect', 'tls', 'wait', 'download']);
    expect(phases.at(-1)).toEqual({ name: 'download', start: 1100, ms: 100 });
    expect(phases.reduce((n, p) => n + p.ms, 0)).toBe(1200);
  });
  it('waits where no byte came', () => {
    expect(waterfall({ dns_ms: 0, connect_ms: 0, tls_ms: 0, first_byte_ms: 0, total_ms: 30 })).toEqual([{ name: 'wait', start: 0, ms: 30 }]);
  });
});

describe('diff', () => {
  it('names members by path and takes lists whole', () => {
    expect(diff({ a: { b: 1, c: [1] }, d: 1 }, { a: { b: 2, c: [1] }, e: null })).toEqual([
      { field: 'a.b', before: 1, after: 2 },
      { field: 'd', before: 1, after: undefined },
      { field: 'e', before: undefined, after: null },
    ]);
  });
});
