import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { shellQuote, toCurl } from './curl';

describe('shellQuote', () => {
  it('survives a real shell', () => {
    for (const word of ['plain', "it's", '$(id) `id` "x" \\ !', 'two\nlines', '中文', '']) {
      expect(execFileSync('sh', ['-c', `printf %s ${shellQuote(word)}`], { encoding: 'utf8' })).toBe(word);
    }
  });
});

describe('toCurl', () => {
  it('is short for a GET', () => {
    expect(toCurl({ method: 'GET', url: 'https://example.com/a' })).toBe('curl https://example.com/a');
  });
  it('names what is not implied', () => {
    const text = toCurl({
      method: 'PUT',
      url: 'https://example.com/?a=1&b=2',
      headers: { 'X-A': "it's", 'X-Empty': '' },
      body: '{"id":9007199254740993}',
      follow_redirects: 3,
      insecure_tls: true,
    });
    expect(text.split(' \\\n  ')).toEqual([
      "curl 'https://example.com/?a=1&b=2'",
      '-X PUT',
      `-H 'X-A: it'\\''s'`,
      "-H 'X-Empty;'",
      `--data-raw '{"id":9007199254740993}'`,
      '-L --max-redirs 3',
      '-k',
    ]);
  });
  it('pipes a binary body', () => {
    expect(toCurl({ method: 'POST', url: 'http://a/', body: 'AAEC', body_encoding: 'base64' })).toMatch(/^printf %s AAEC \| base64 -d \| curl http:\/\/a\/ \\\n {2}--data-binary @-$/);
  });
});
