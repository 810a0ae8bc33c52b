import { describe, expect, it } from 'vitest';
import { clock, dateTime, fromLocalInput, nearTime, offsetOf, toLocalInput } from './time';

const shanghai = { language: 'zh-CN', timeZone: 'Asia/Shanghai' } as const;
const berlin = { language: 'en', timeZone: 'Europe/Berlin' } as const;
const at = Date.UTC(2026, 10, 18, 16, 5, 7);

describe('a moment', () => {
  it('is shown in the chosen zone, in 24 hours', () => {
    expect(clock(at, shanghai)).toBe('00:05:07');
    expect(clock(at, berlin, false)).toBe('17:05');
    expect(dateTime(at, shanghai)).toBe('2026-11-19 00:05:07');
  });
  it('is a clock today, a day else', () => {
    expect(nearTime(at, at + 1000, berlin)).toBe('17:05:07');
    expect(nearTime(at, at + 86_400_000, berlin)).toBe('Nov 18 17:05');
    expect(nearTime(at, at + 86_400_000 * 100, berlin)).toBe('2026-11-18');
  });
  it('has an offset', () => {
    expect(offsetOf(at, shanghai)).toBe('+08:00');
    expect(offsetOf(at, { language: 'en', timeZone: 'UTC' })).toBe('+00:00');
    expect(offsetOf(at, { language: 'en', timeZone: 'Asia/Kathmandu' })).toBe('+05:45');
    expect(offsetOf(Date.UTC(2026, 6, 1), berlin)).toBe('+02:00');
  });
});

describe('an input of date and time', () => {
  it('goes there and back', () => {
    for (const timeZone of ['Asia/Shanghai', 'Europe/Berlin', 'America/St_Johns', 'UTC']) {
      const text = fromLocalInput(toLocalInput(at, timeZone), timeZone);
      expect(Date.parse(text ?? '')).toBe(at);
    }
  });
  it('is later by the gap where clocks skip it', () => {
    expect(fromLocalInput('2026-03-29T02:30:00', 'Europe/Berlin')).toBe('2026-03-29T03:30:00+02:00');
  });
  it('is the first pass where clocks show it twice', () => {
    const text = fromLocalInput('2026-10-25T02:30:00', 'Europe/Berlin');
    expect(['2026-10-25T02:30:00+02:00', '2026-10-25T02:30:00+01:00']).toContain(text);
  });
  it('may be no date', () => expect(fromLocalInput('', 'UTC')).toBeNull());
});
