import { describe, expect, it } from 'vitest';
import type { Job } from '../../api/client';
import { draftOf, emptyDraft, newHeader, sameHeaders, splitTags, toInput, toSchedule } from './draft';

const empty = emptyDraft('Asia/Shanghai', Date.UTC(2026, 10, 18, 7, 12));

const job = {
  id: 'a',
  name: 'A',
  description: '',
  tags: ['x', 'y'],
  schedule: { type: 'cron', fields: { day: 'last fri', hour: 9 }, time_zone: 'UTC', exclude: ['sat,sun', { dates: ['2026-12-25'] }], start_at: '2026-11-18T00:00:00.000Z' },
  request: { method: 'POST', url: 'http://a/', headers: { 'X-A': '1' }, body: '{"id":9007199254740993}', auth: null, follow_redirects: 0, insecure_tls: false },
  policy: { retry: { max_attempts: 5 } },
} as unknown as Job;

describe('a draft', () => {
  it('changes nothing of a job that is only opened and saved', () => {
    const input = toInput(draftOf(job, empty));
    expect(input.schedule).toMatchObject({ type: 'cron', fields: { day: 'last fri', hour: '9' }, time_zone: 'UTC', exclude: job.schedule.exclude });
    expect(Date.parse(input.schedule.start_at ?? '')).toBe(Date.parse('2026-11-18T00:00:00.000Z'));
    expect(input).toMatchObject({ id: 'a', name: 'A', tags: ['x', 'y'], request: job.request, policy: job.policy });
  });
  it('keeps an interval’s phase', () => {
    const schedule = { type: 'interval', every: '10s', anchor: '2026-11-18T00:00:03.000Z' } as const;
    const draft = draftOf({ ...job, schedule }, empty);
    expect(toSchedule(draft.schedule, draft.base.schedule)).toMatchObject({ type: 'interval', every: '10s', anchor: schedule.anchor });
  });
  it('names the moment of a date in the draft’s zone', () => {
    expect(toSchedule({ ...empty.schedule, type: 'date', at: '2026-11-18T15:00:00' })).toEqual({ type: 'date', at: '2026-11-18T15:00:00+08:00', time_zone: 'Asia/Shanghai' });
  });
  it('bears with a zone that is half typed', () => {
    const half = toSchedule({ ...empty.schedule, type: 'date', at: '2026-11-18T15:00:00', timeZone: 'Asia/Sh' });
    expect(half).toEqual({ type: 'date', at: '2026-11-18T15:00:00+00:00', time_zone: 'Asia/Sh' });
  });
  it('takes a command without a schedule', () => {
    expect(draftOf({ ...job, schedule: null }, empty).schedule).toBe(empty.schedule);
  });
  it('leaves out headers without a name, and an empty id', () => {
    const input = toInput({ ...empty, headers: [newHeader('', 'x'), newHeader(' X-A ', '1')] });
    expect(input.request.headers).toEqual({ 'X-A': '1' });
    expect(input.id).toBeUndefined();
  });
  it('finds headers of one name, whatever its case', () => {
    const headers = [newHeader('X-A', '1'), newHeader('', ''), newHeader(' x-a ', '2'), newHeader('', ''), newHeader('X-A', '3'), newHeader('X-B', '4')];
    expect([...sameHeaders(headers)]).toEqual([
      [headers[2]?.key, 'X-A'],
      [headers[4]?.key, 'X-A'],
    ]);
    expect(sameHeaders([newHeader('X-A'), newHeader('X-B')]).size).toBe(0);
  });
  it('splits tags', () => expect(splitTags(' a, b，c  a ')).toEqual(['a', 'b', 'c']));
});

describe('a calendar interval and a calendar', () => {
  it('come back as they were', () => {
    const schedule = {
      type: 'calendar_interval',
      every: { weeks: 2 },
      at: '09:30',
      weekdays: ['tue'],
      start_at: '2026-12-01T00:00:00.000Z',
      time_zone: 'UTC',
      calendar: { id: 'cn', on: 'workday', otherwise: 'next' },
    } as const;
    const draft = draftOf({ ...job, schedule: { ...schedule, weekdays: [...schedule.weekdays] } }, emptyDraft('UTC', 0));
    const { start_at: start, ...rest } = schedule;
    expect(toSchedule(draft.schedule, draft.base.schedule)).toMatchObject(rest);
    expect(Date.parse(toSchedule(draft.schedule).start_at ?? '')).toBe(Date.parse(start));
  });
});
