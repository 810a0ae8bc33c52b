import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fill, isKey, type Translate } from '.';
import { en } from './en';
import { errorText, faultText, reasonText } from './words';
import { ApiError } from '../api/errors';
import { zh } from './zh';

const holes = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].toSorted();

describe('the dictionaries', () => {
  it('have the same keys, none empty', () => {
    expect(Object.keys(zh).toSorted()).toEqual(Object.keys(en).toSorted());
    for (const [key, text] of [...Object.entries(en), ...Object.entries(zh)]) expect(text, key).not.toBe('');
  });
  it('fill in the same', () => {
    for (const [key, text] of Object.entries(zh)) {
      if (!isKey(key)) throw new Error(key);
      // Chinese needs no number where English has it for its plural only.
      for (const hole of holes(text)) expect(holes(en[key]), key).toContain(hole);
    }
  });
  it('are in their language', () => {
    const latin = Object.entries(zh).filter(([, text]) => !/[\u4e00-\u9fff]/.test(text));
    expect(latin.map(([key]) => key).toSorted()).toEqual(['auth.basic', 'list.comma', 'phase.dns', 'phase.tls', 'queues.beats', 'queues.workers', 'type.cron']);
  });
});

/** What a pattern's group finds in the server's sources: their lists are the ones that count. */
function wordsIn(folder: string, ending: string, pattern: RegExp): string[] {
  const path = join(import.meta.dirname, '../../../pkg', folder);
  const files = readdirSync(path).filter((name) => name.endsWith(ending) && !name.endsWith('_test.go'));
  const found = files.flatMap((name) => [...readFileSync(join(path, name), 'utf8').matchAll(pattern)].map((match) => match[1] ?? ''));
  return [...new Set(found)].toSorted();
}

describe('what the server says', () => {
  const known = (kind: string): string[] =>
    Object.keys(en)
      .filter((key) => key.startsWith(`${kind}.`))
      .map((key) => key.slice(kind.length + 1))
      .toSorted();
  it('has words for every code of a refusal', () => {
    const codes = [...wordsIn('job', '.go', /\bCode = "(\w+)"/g), ...wordsIn('api', '.go', /\bjob\.Code = "(\w+)"/g)];
    expect(codes).toContain('conflict');
    expect(codes).toContain('method_not_allowed');
    expect(known('problem')).toEqual(codes.toSorted());
  });
  it('has words for every code of a field', () => {
    const [list] = wordsIn('api/openapi', 'common.yaml', /code: \{type: string, enum: \[(required[^\]]*)\]/g);
    expect(known('fault')).toEqual(list?.split(', ').toSorted());
  });
  it('has words for every reason of a run', () => {
    const reasons = wordsIn('job', 'run.go', /\bReason = "(\w+)"/g);
    expect(reasons).toContain('worker_lost');
    // The reason status_503 has its number filled in.
    expect(known('reason')).toEqual([...reasons, 'status'].toSorted());
  });
});

describe('fill', () => {
  it('chooses the form by n', () => {
    expect(fill('{count} job|{count} jobs', { n: 1, count: '1' })).toBe('1 job');
    expect(fill('{count} job|{count} jobs', { n: 0, count: '0' })).toBe('0 jobs');
    expect(fill('{n} 个', { n: 3 })).toBe('3 个');
  });
  it('leaves what it was not given', () => expect(fill('{a} {b}', { a: 'x' })).toBe('x {b}'));
});

describe('a reason', () => {
  const t = (key: keyof typeof en, params = {}): string => fill(en[key], params);
  it('is in words, and the server’s own where it is a new one', () => {
    expect(reasonText('status_503', t)).toBe('status 503');
    expect(reasonText('dns', t)).toBe(en['reason.dns']);
    expect(reasonText('brand_new', t)).toBe('brand new');
    expect(reasonText('', t)).toBe('');
  });
});

describe('an error of the server', () => {
  const chinese: Translate = (key, values) => fill(zh[key], values ?? {});
  const english: Translate = (key, values) => fill(en[key], values ?? {});
  it('is told in the language of the page, with what the server said', () => {
    const conflict = new ApiError(409, 'conflict', 'job "a" exists', []);
    expect(errorText(conflict, english)).toBe('job "a" exists');
    expect(errorText(conflict, chinese)).toBe('与现有状态冲突：job "a" exists');
  });
  it('names the fields', () => {
    const invalid = new ApiError(422, 'invalid', '1 field is invalid', [{ field: 'request.url', code: 'required', message: 'is required' }]);
    expect(errorText(invalid, english)).toBe('request.url: is required');
    expect(errorText(invalid, chinese)).toBe('request.url: 必填（is required）');
  });
  it('is told as it came where its code is a new one', () => {
    expect(errorText(new ApiError(418, 'teapot', 'short and stout', []), chinese)).toBe('short and stout');
    expect(faultText({ code: 'brand_new', message: 'no' }, chinese)).toBe('no');
  });
});
