import { describe, expect, it } from 'vitest';
import { readEvent } from '../api/live';
import { jobPath, segment } from './navigate';
import { parseSettings } from './settings';
import { strokeOf } from './useKeys';

describe('an id in an address', () => {
  it.each(['plain', 'a/b', '100%', 'a%2Fb', '中文 job', 'q?x#y'])('%s goes there and back', (id) => {
    const { pathname } = new URL(`http://a/cron${jobPath(id)}/edit`);
    expect(segment(pathname, '/cron', 1)).toBe(id);
  });
  it('may be missing', () => expect(segment('/jobs', '', 1)).toBe(''));
});

describe('settings', () => {
  it('take their defaults for what is missing or wrong', () => {
    const defaults = { theme: 'system', density: 'normal', language: 'en', timeZone: 'local' };
    for (const text of [null, '', 'x', '[]', '{"theme":"pink","timeZone":"Mars/Base","density":1}']) expect(parseSettings(text, ['en-GB'])).toEqual(defaults);
    expect(parseSettings(null, ['zh-TW']).language).toBe('zh-CN');
    expect(parseSettings('{"theme":"dark","timeZone":"Asia/Shanghai"}', ['de'])).toMatchObject({ theme: 'dark', timeZone: 'Asia/Shanghai', language: 'en' });
  });
});

describe('a key stroke', () => {
  const stroke = (key: string, more = {}) => strokeOf({ key, ctrlKey: false, metaKey: false, altKey: false, ...more });
  it('has a name', () => {
    expect(stroke('k')).toBe('k');
    expect(stroke('K', { metaKey: true })).toBe('mod+k');
    expect(stroke('Enter', { ctrlKey: true })).toBe('mod+enter');
    expect(stroke('?')).toBe('?');
    expect(stroke('k', { altKey: true })).toBe('');
  });
});

describe('an event', () => {
  it('is read, or is none', () => {
    expect(readEvent('run', '{"id":"r","job_id":"j"}')).toMatchObject({ type: 'run', run: { id: 'r' } });
    expect(readEvent('reset', '')).toEqual({ type: 'many' });
    for (const data of ['', '[]', '{}', 'null']) expect(readEvent('job', data)).toBeNull();
  });
});
