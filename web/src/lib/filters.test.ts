import { describe, expect, it } from 'vitest';
import { formatJobFilter, formatRunFilter, parseJobFilter, parseRunFilter } from './filters';

describe('the filter of jobs', () => {
  it('is an empty address by default', () => {
    expect(formatJobFilter(parseJobFilter(''))).toBe('');
  });
  it('goes there and back', () => {
    const filter = { q: '100% & 中文', status: 'failing', type: 'cron', tags: ['a b', 'c'], host: 'example.com', dueSince: '2026-11-18T00:00:00.000Z', dueUntil: '', sort: '-next_run_at' } as const;
    expect(parseJobFilter(formatJobFilter({ ...filter, tags: [...filter.tags] }))).toEqual(filter);
  });
  it('ignores nonsense', () => {
    expect(parseJobFilter('?due_since=x&status=x&type=y&sort=z&tag=&tag=a&tag=a')).toEqual({ q: '', status: 'all', type: '', tags: ['a'], host: '', dueSince: '', dueUntil: '', sort: 'name' });
  });
});

describe('the filter of runs', () => {
  it('goes there and back', () => {
    const filter = { state: 'failed', trigger: 'manual', job: 'a/b', since: '2026-11-18T00:00:00.000Z', until: '2026-11-19T00:00:00.000Z' } as const;
    expect(parseRunFilter(formatRunFilter(filter))).toEqual(filter);
    expect(formatRunFilter(parseRunFilter(''))).toBe('');
  });
  it('ignores nonsense', () => {
    expect(parseRunFilter('?state=x&since=yesterday')).toEqual({ state: '', trigger: '', job: '', since: '', until: '' });
  });
});
