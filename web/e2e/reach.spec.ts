import { choose, expect, jobCalling, runToEnd, test } from './fixtures.ts';
import { Service } from './service.ts';

test('below a path prefix everything works, and deep addresses load', async ({ page, target }) => {
  const service = await Service.start('/cron/v2');
  try {
    const id = 'a/b 100%';
    await service.call('POST', '/jobs', jobCalling(`${target.url}/`, id));
    await runToEnd(service, id);
    await page.goto(`${service.url}/`);
    await page.getByRole('link', { name: 'Jobs', exact: true }).click();
    await expect(page).toHaveURL(`${service.url}/jobs`);
    await page.getByRole('link', { name: `Job ${id}` }).click();
    await expect(page.getByRole('heading', { name: `Job ${id}` })).toBeVisible();
    await page.reload();
    await expect(page.getByRole('heading', { name: `Job ${id}` })).toBeVisible();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.reload();
    await expect(page.getByLabel('URL', { exact: true })).toHaveValue(`${target.url}/`);
    await page.goto(`${service.url}/runs`);
    await page.locator('.run-link').first().click();
    await expect(page.getByRole('heading', { name: /^200 after/ })).toBeVisible();
    await page.reload();
    await expect(page.getByRole('heading', { name: /^200 after/ })).toBeVisible();
  } finally {
    await service.stop();
  }
});

test('390 px wide: no sideways scroll, and targets large enough', async ({ page, service, target }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await service.call('PUT', '/jobs/narrow', jobCalling(`${target.url}/a/very/long/path/that/does/not/fit/into/three/hundred/and/ninety/pixels`, 'narrow', { name: 'A job with quite a long name that has to be cut somewhere' }));
  await service.call('PUT', '/secrets/A_LONG_NAME_THAT_DOES_NOT_FIT_BESIDE_ITS_USE', { value: 'x' });
  const run = await runToEnd(service, 'narrow');
  for (const path of ['/', '/jobs', '/jobs/narrow', '/jobs/narrow/edit', '/jobs/new', '/runs', `/runs/${run.id}`, '/queues', '/settings', '/settings/keys', '/settings/secrets', '/settings/import', '/settings/audit']) {
    await page.goto(service.url + path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.locator('.skeleton')).toHaveCount(0);
    const { wide, small } = await page.evaluate(() => {
      const visible = [...document.querySelectorAll<HTMLElement>('a[href], button, select, summary, input:not([type=radio])')].filter((e) => e.checkVisibility() && !e.closest('.hidden, .skip-link'));
      return {
        wide: document.documentElement.scrollWidth - innerWidth,
        small: visible
          // A link within text is excepted (WCAG 2.5.8), and a box whose label is larger counts by the label.
          .filter((e) => !(e instanceof HTMLAnchorElement && getComputedStyle(e).display.startsWith('inline')))
          .map((e) => ({ e, box: (e.closest('label') ?? e).getBoundingClientRect() }))
          .filter(({ box }) => box.width > 0 && (box.height < 24 || box.width < 24))
          .map(({ e, box }) => `${e.outerHTML.slice(0, 80)} ${Math.round(box.width)}×${Math.round(box.height)}`),
      };
    });
    expect(wide, `${path} is too wide by`).toBeLessThanOrEqual(0);
    expect(small, `${path} has small targets`).toEqual([]);
  }
});

test('on a phone all figures of the queues are in sight', async ({ page, service }) => {
  await choose(page, { language: 'zh-CN' });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${service.url}/queues`);
  await expect(page.locator('.table-scroll tbody tr')).toHaveCount(4);
  expect(await page.locator('.table-scroll').first().evaluate((box) => box.scrollWidth - box.clientWidth)).toBeLessThanOrEqual(0);
});

test('a name as long as names may be leaves its buttons in sight', async ({ page, service }) => {
  const name = 'N'.repeat(64);
  await service.call('PUT', `/secrets/${name}`, { value: 'x' });
  await page.goto(`${service.url}/settings/secrets`);
  await expect(page.getByRole('button', { name: `Delete ${name}` })).toBeInViewport({ ratio: 1 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
});

test('filters, theme and language are still there after a reload', async ({ page, service, target }) => {
  await service.call('PUT', '/jobs/kept', jobCalling(`${target.url}/`, 'kept', { tags: ['kept'] }));
  await page.goto(`${service.url}/jobs`);
  await page.getByText('Active', { exact: true }).click();
  await page.getByLabel('Type').selectOption('cron');
  await page.getByRole('button', { name: 'kept', exact: true }).first().click();
  await expect(page).toHaveURL(/status=active.*type=cron.*tag=kept/);
  await page.reload();
  await expect(page.getByLabel('Type')).toHaveValue('cron');
  await expect(page.getByRole('radio', { name: 'Active' })).toBeChecked();
  await expect(page.getByRole('button', { name: 'Remove filter #kept' })).toBeVisible();

  await page.goto(`${service.url}/settings`);
  await page.getByText('Dark', { exact: true }).click();
  await page.getByRole('radio', { name: '简体中文' }).check();
  await expect(page.getByRole('heading', { name: '设置' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: '设置' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await page.getByLabel('时间显示时区').selectOption('America/New_York');
  await expect(page.locator('.connection time')).toContainText('-05:00');
});

test('the system’s theme is followed, and its wish for less motion', async ({ page, service }) => {
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await choose(page, { theme: 'system', language: 'en' });
  await page.goto(`${service.url}/`);
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
  const moving = await page.evaluate(() => {
    const moves = (value: string): boolean => value !== 'none' && !value.split(',').every((part) => part.trim().startsWith('0s') || part.trim() === 'none');
    return [...document.querySelectorAll('*')].filter((e) => moves(getComputedStyle(e).animationName) || getComputedStyle(e).transitionDuration.split(',').some((d) => Number.parseFloat(d) > 0 && getComputedStyle(e).transitionProperty !== 'none')).length;
  });
  expect(moving).toBe(0);
});
