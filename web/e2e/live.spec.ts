import { type Page } from '@playwright/test';
import { expect, jobCalling, note, runToEnd, test } from './fixtures.ts';

const live = (page: Page) => page.locator('.live');

test('200 events a second for 4 s: the page stays at hand', async ({ page, fresh, target }) => {
  // Each run is told of when it is queued, when it starts and when it ends.
  const jobs = Array.from({ length: 100 }, (_, i) => jobCalling(`${target.url}/`, `j${i}`, { schedule: { type: 'interval', every: '1s' } }));
  await fresh.call('POST', '/jobs/import', { jobs });
  await page.goto(`${fresh.url}/jobs`);
  await expect(live(page)).toHaveText('Live');
  await expect(page.locator('.table-body .barcode').first()).toHaveAttribute('aria-label', /Last [2-9] runs/);
  const { longest, rate } = await page.evaluate(async () => {
    const tasks: number[] = [];
    const told = { count: 0 };
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: 'longtask' });
    const stream = new EventSource(new URL('api/v1/events', document.baseURI));
    for (const type of ['run', 'job']) stream.addEventListener(type, () => told.count++);
    const begin = performance.now();
    do {
      await new Promise((next) => {
        setTimeout(next, 4000);
      });
    } while (told.count < 800);
    stream.close();
    return { longest: Math.max(0, ...tasks), rate: (told.count / (performance.now() - begin)) * 1000 };
  });
  note('events a second, at least 200 wanted', rate);
  note('ms of the longest task, at most 50 wanted', longest);
  // A machine with other work to do makes each task longer; a page that drew every event would hang for seconds.
  expect(longest).toBeLessThan(1000);
});

test('8 tabs share one stream, and one of them takes over', async ({ context, service, target }) => {
  await service.call('PUT', '/jobs/tabs', jobCalling(`${target.url}/`, 'tabs'));
  let streams = 0;
  context.on('request', (request) => {
    if (request.url().endsWith('/events')) streams++;
  });
  const pages = await Promise.all(Array.from({ length: 8 }, () => context.newPage()));
  for (const page of pages) await page.goto(`${service.url}/jobs/tabs`);
  for (const page of pages) await expect(live(page)).toHaveText('Live');
  expect(streams).toBe(1);
  await runToEnd(service, 'tabs');
  for (const page of pages) await expect(page.locator('.runs-table .badge').first()).toHaveText('Succeeded');

  await pages.shift()?.close();
  await expect.poll(() => streams).toBe(2);
  await runToEnd(service, 'tabs');
  for (const page of pages) await expect(page.locator('.runs-table .run-link')).toHaveCount(2);
});

test('a server that restarts: said at once, and made up for', async ({ page, fresh, target }) => {
  await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, 'a'));
  await page.goto(`${fresh.url}/jobs/a`);
  await expect(live(page)).toHaveText('Live');
  await fresh.halt();
  await expect(live(page)).toHaveText('Reconnecting…');
  await fresh.run();
  await runToEnd(fresh, 'a');
  await expect(live(page)).toHaveText('Live');
  await expect(page.locator('.runs-table .badge').first()).toHaveText('Succeeded');
});

test('without a server the page says so, and comes back', async ({ page, fresh }) => {
  await page.goto(`${fresh.url}/jobs`);
  await page.getByRole('link', { name: 'Runs', exact: true }).click();
  await expect(page.getByText('Nothing ran yet')).toBeVisible();
  await page.getByRole('link', { name: 'Jobs', exact: true }).click();
  await expect(live(page)).toHaveText('Live');
  await expect.poll(() => page.evaluate(() => performance.getEntriesByType('resource').some((e) => e.name.includes('QueuesPage')))).toBe(true);
  await fresh.halt();
  await page.getByRole('link', { name: 'Queues' }).click();
  await expect(page.getByRole('alert')).toContainText('The server does not answer.');
  await fresh.run();
  await expect(page.getByRole('rowheader', { name: 'Critical' })).toBeVisible();
});
