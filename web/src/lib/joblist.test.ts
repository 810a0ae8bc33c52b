import { describe, expect, it, vi } from 'vitest';
import type { Job } from '../api/client';
import { JobList, type JobPage } from './joblist';

/** A server with n jobs whose cursors are positions. */
function server(n: number) {
  const jobs = Array.from({ length: n }, (_, i) => ({ id: `job-${i}` }) as Job);
  const read = vi.fn(async (cursor: string | null, limit: number, recent: boolean): Promise<JobPage> => {
    const start = Number(cursor ?? 0);
    const part = jobs.slice(start, start + limit).map((job) => (recent ? { ...job, recent: [] } : job));
    return { jobs: part, total: jobs.length, next_cursor: start + limit < jobs.length ? String(start + limit) : null };
  });
  return { jobs, read, list: new JobList(read) };
}

const settled = (list: JobList, rows: number) => vi.waitFor(() => expect(list.getState().rows.length).toBeGreaterThanOrEqual(rows));

describe('JobList', () => {
  it('reads a short stretch first', async () => {
    const { list, read } = server(10_000);
    list.show(0, 30);
    await settled(list, 30);
    expect(read).toHaveBeenCalledExactlyOnceWith(null, 100, true);
    expect(list.getState()).toMatchObject({ total: 10_000, error: null });
  });
  it('reaches the very end in large parts, and reads the runs of what is looked at', async () => {
    const { list, read } = server(10_000);
    list.show(0, 30);
    await settled(list, 30);
    list.show(9970, 10_000);
    await settled(list, 10_000);
    await vi.waitFor(() => expect(list.getState().rows.at(-1)?.recent).toBeDefined());
    expect(read.mock.calls.length).toBeLessThan(25);
    expect(new Set(list.getState().rows.map((job) => job.id)).size).toBe(10_000);
  });
  it('reads anew what is looked at only', async () => {
    const { list, read } = server(1000);
    list.show(0, 900);
    await settled(list, 900);
    list.show(0, 20);
    await vi.waitFor(() => expect(list.getState().rows[0]?.recent).toBeDefined());
    read.mockClear();
    list.refresh();
    await vi.waitFor(() => expect(read).toHaveBeenCalled());
    expect(read.mock.calls.every(([cursor]) => cursor === null)).toBe(true);
  });
  it('drops what would overlap after rows were added', async () => {
    const { list, jobs } = server(300);
    list.show(0, 250);
    await settled(list, 250);
    jobs.splice(0, 150);
    list.refresh();
    await vi.waitFor(() => expect(list.getState().total).toBe(150));
    const ids = list.getState().rows.map((job) => job.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
  it('says why it has nothing, and tries again', async () => {
    const { list, read } = server(5);
    read.mockRejectedValueOnce(new Error('away'));
    list.show(0, 5);
    await vi.waitFor(() => expect(list.getState().error).toBeInstanceOf(Error));
    list.show(0, 5);
    await settled(list, 5);
    expect(list.getState().error).toBeNull();
  });
  it('changes one job at once', async () => {
    const { list } = server(5);
    list.show(0, 5);
    await settled(list, 5);
    expect(list.patch('job-3', (job) => ({ ...job, name: 'new' }))).toBe(true);
    expect(list.patch('nobody', (job) => job)).toBe(false);
    await vi.waitFor(() => expect(list.getState().rows[3]?.name).toBe('new'));
  });
});
