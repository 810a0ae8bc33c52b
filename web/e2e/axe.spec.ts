import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Page } from '@playwright/test';
import { en } from '../src/i18n/en.ts';
import { zh } from '../src/i18n/zh.ts';
import { choose, expect, jobCalling, runToEnd, test } from './fixtures.ts';

const axe = readFileSync(join(import.meta.dirname, '../node_modules/axe-core/axe.min.js'), 'utf8');

interface Violation {
  id: string;
  nodes: { html: string; failureSummary: string }[];
}

/** What axe finds against WCAG 2.2 AA, a line each. It is injected from outside of the page's policy. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const { axe: runner } = window as unknown as { axe: { run: (options: object) => Promise<{ violations: Violation[] }> } };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    return (await runner.run({ runOnly: { type: 'tag', values: tags } })).violations;
  });
  return found.flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 300)}`));
}

for (const theme of ['light', 'dark']) {
  for (const language of ['en', 'zh-CN']) {
    test(`no page breaks WCAG 2.2 AA: ${theme}, ${language}`, async ({ page, service, target }) => {
      test.setTimeout(120_000);
      await choose(page, { theme, language });
      const words = language === 'en' ? en : zh;
      await service.call('PUT', '/jobs/good', jobCalling(`${target.url}/`, 'good', { tags: ['a', 'b', 'c'], schedule: { type: 'interval', every: '2s' } }));
      await service.call('PUT', '/jobs/bad', jobCalling(`${target.url}/fail`, 'bad', { description: 'It fails.', policy: { retry: { max_attempts: 2, min_backoff: '100ms' } } }));
      await service.call('PUT', '/jobs/rest', jobCalling(`${target.url}/`, 'rest', { status: 'paused' }));
      const found: string[] = [];
      const good = await runToEnd(service, 'good');
      const bad = await runToEnd(service, 'bad');
      const paths = ['/', '/jobs', '/jobs?q=nothing', '/jobs/good', '/jobs/bad/edit', '/jobs/new', '/jobs/none', '/runs', `/runs/${good.id}`, `/runs/${bad.id}`, '/queues'];
      for (const section of ['appearance', 'keys', 'secrets', 'import', 'audit']) paths.push(`/settings/${section}`);
      for (const path of paths) {
        await page.goto(service.url + path);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        await expect(page.locator('.skeleton')).toHaveCount(0);
        found.push(...(await violations(page)).map((line) => `${path} ${line}`));
      }

      // With dialogs open.
      await page.goto(`${service.url}/jobs`);
      await expect(page.locator('.table-body .row-link').first()).toBeVisible();
      await page.keyboard.press('Control+K');
      found.push(...(await violations(page)).map((line) => `palette: ${line}`));
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      found.push(...(await violations(page)).map((line) => `keys: ${line}`));
      await page.keyboard.press('Escape');
      await page.getByRole('checkbox').nth(1).check();
      found.push(...(await violations(page)).map((line) => `bulk: ${line}`));
      await page.locator('.bulk .danger').click();
      found.push(...(await violations(page)).map((line) => `delete: ${line}`));
      await page.keyboard.press('Escape');
      for (const [path, button] of [
        ['/jobs/good', 'action.backfill'],
        ['/jobs/good', 'action.delete'],
        ['/settings/keys', 'keys.make'],
        ['/settings/secrets', 'secrets.make'],
      ] as const) {
        await page.goto(service.url + path);
        if (path === '/jobs/good') await page.getByRole('button', { name: words['action.more'] }).click();
        await page.getByRole(path === '/jobs/good' ? 'menuitem' : 'button', { name: words[button] }).click();
        const dialog = page.locator('dialog[open]');
        await expect(dialog).toBeVisible();
        // It is judged once it stands still.
        await dialog.evaluate((box) => Promise.all(box.getAnimations({ subtree: true }).map((animation) => animation.finished)));
        found.push(...(await violations(page)).map((line) => `${button}: ${line}`));
      }
      await page.goto(`${service.url}/jobs/new`);
      await page.locator('details.more').evaluateAll((list) => list.forEach((e) => e.setAttribute('open', '')));
      await page.locator('.target input').fill('nonsense');
      await page.keyboard.press('Control+Enter');
      await expect(page.locator('[aria-invalid=true]').first()).toBeVisible();
      found.push(...(await violations(page)).map((line) => `a refused job: ${line}`));
      expect(found).toEqual([]);
    });
  }
}

test('the login breaks nothing either', async ({ page, fresh }) => {
  await fresh.call('POST', '/keys', { name: 'me', scope: 'admin' });
  await page.goto(`${fresh.url}/`);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  expect(await violations(page)).toEqual([]);
});
