import { describe, expect, it } from 'vitest';
import type { Run } from '../../api/client';
import { fill } from '../../i18n';
import { en } from '../../i18n/en';
import { sentence } from './sentence';

const t = (key: keyof typeof en, params = {}): string => fill(en[key], params);
const now = Date.parse('2026-11-18T07:00:00Z');
const attempt = { n: 2, duration_ms: 1200, status_code: 503, reason: 'status_503', next_retry_at: '2026-11-18T07:00:30Z' };
const run = (of: object): Run => ({ state: 'failed', reason: 'status_503', attempts: [], ...of }) as unknown as Run;

describe('sentence', () => {
  it('says how it stands', () => {
    expect(sentence(run({ state: 'retrying', reason: '', attempts: [{ ...attempt, n: 1 }, attempt] }), 3, now, t)).toBe('503 after 1.20 s, attempt 2 of 3, next retry in 30s');
  });
  it('says why nothing was called', () => {
    expect(sentence(run({ state: 'missed', reason: 'misfire' }), 3, now, t)).toBe('Missed: later than its grace time');
    expect(sentence(run({ state: 'queued', reason: '' }), 3, now, t)).toBe('Queued');
  });
  it('names the fault where there was no answer', () => {
    expect(sentence(run({ reason: 'connect_refused', attempts: [{ ...attempt, n: 1, status_code: null, reason: 'connect_refused', duration_ms: 3 }] }), 1, now, t)).toBe('connection refused after 3 ms');
  });
});
