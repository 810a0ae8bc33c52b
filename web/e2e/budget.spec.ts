import { gzipSync } from 'node:zlib';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, jobCalling, runToEnd, test } from './fixtures.ts';

const kB = 1000;

test('the first page is light, and asks no other host', async ({ page, service }) => {
  const sizes = { js: 0, css: 0, font: 0 };
  const hosts = new Set<string>();
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  page.on('response', async (response) => {
    const path = new URL(response.url()).pathname;
    const kind = path.endsWith('.js') ? 'js' : path.endsWith('.css') ? 'css' : path.endsWith('.woff2') ? 'font' : null;
    if (!kind) return;
    const length = Number(response.headers()['content-length']);
    expect(length, path).toBeGreaterThan(0);
    sizes[kind] += length;
    if (kind !== 'font') expect(response.headers()['content-encoding'], path).toBe('gzip');
  });
  await page.goto(`${service.url}/`);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.evaluate(() => document.fonts.ready.then(() => true));
  await expect.poll(() => sizes.font).toBeGreaterThan(0);
  expect(sizes.js).toBeLessThanOrEqual(130 * kB);
  expect(sizes.css).toBeLessThanOrEqual(15 * kB);
  expect(sizes.font).toBeLessThanOrEqual(60 * kB);
  expect([...hosts]).toEqual([new URL(service.url).host]);
});

test('all fonts together are within their budget, and no style or script names another host', () => {
  const assets = join(import.meta.dirname, '../dist/assets');
  let fonts = 0;
  let styles = 0;
  for (const name of readdirSync(assets)) {
    const content = readFileSync(join(assets, name));
    if (name.endsWith('.woff2')) fonts += content.length;
    if (name.endsWith('.css')) {
      styles += gzipSync(content, { level: 9 }).length;
      expect(content.toString()).not.toMatch(/url\(["']?(https?:)?\/\//);
    }
  }
  expect(fonts).toBeLessThanOrEqual(60 * kB);
  expect(styles).toBeLessThanOrEqual(15 * kB);
});

test('files are kept for good, the page is asked for each time', async ({ service }) => {
  const html = await fetch(`${service.url}/`, { headers: { accept: 'text/html' } });
  expect(html.headers.get('cache-control')).toBe('no-cache');
  expect(html.headers.get('content-security-policy')).toContain("default-src 'self'");
  const text = await html.text();
  expect(text).not.toMatch(/<script(?![^>]*src=)|<style|style=/);
  const asset = /assets\/[^"]+\.js/.exec(text)?.[0] ?? '';
  expect((await fetch(`${service.url}/${asset}`)).headers.get('cache-control')).toContain('immutable');
  const again = await fetch(`${service.url}/`, { headers: { accept: 'text/html', 'if-none-match': html.headers.get('etag') ?? '' } });
  expect(again.status).toBe(304);
});

test('what a target answers is shown to the letter, and is inert', async ({ page, service, target }) => {
  await service.call('POST', '/jobs', jobCalling(`${target.url}/script`, 'script'));
  const script = await runToEnd(service, 'script');
  await page.goto(`${service.url}/runs/${script.id}`);
  await expect(page.getByRole('region', { name: 'Response body' })).toHaveText('<script>window.ran = true</script><b>bold</b>');
  expect(await page.evaluate(() => 'ran' in window)).toBe(false);

  await service.call('POST', '/jobs', jobCalling(`${target.url}/integer`, 'integer', { request: { method: 'POST', url: `${target.url}/integer`, body: '{"id":9007199254740993}' } }));
  const integer = await runToEnd(service, 'integer');
  await page.goto(`${service.url}/runs/${integer.id}`);
  const body = page.getByRole('region', { name: 'Response body' });
  await expect(body).toHaveText('{"id":9007199254740993,"list":[1,2]}');
  await page.getByText('Indented').click();
  await expect(body).toContainText('"id": 9007199254740993');
  await page.getByRole('tab', { name: 'Request' }).click();
  await expect(page.getByRole('region', { name: 'Request body' })).toHaveText('{"id":9007199254740993}');
  await page.goto(`${service.url}/jobs/integer`);
  await page.getByRole('tab', { name: 'Definition' }).click();
  await expect(page.getByRole('region', { name: 'Text' })).toContainText('9007199254740993');
});
