import { expect, note, test } from './fixtures.ts';

const many = 10_000;

test('10,000 jobs: quick to show, few rows in the document, and the very end is reached', async ({ page, fresh, target }) => {
  const jobs = Array.from({ length: many }, (_, i) => ({
    id: `job-${String(i).padStart(5, '0')}`,
    name: `Job ${String(i).padStart(5, '0')}`,
    schedule: { type: 'cron', expression: `${i % 60} ${i % 24} * * *` },
    request: { url: `${target.url}/` },
    tags: [i % 2 === 0 ? 'even' : 'odd'],
  }));
  await fresh.call('POST', '/jobs/import', { jobs });

  const begin = Date.now();
  await page.goto(`${fresh.url}/jobs`);
  await expect(page.getByRole('link', { name: 'Job 00000' })).toBeVisible();
  note('ms to the first rows, at most 1000 wanted', Date.now() - begin);
  await expect(page.getByText('10,000 jobs')).toBeVisible();

  const rows = page.locator('.table-body [role=row]');
  expect(await rows.count()).toBeLessThanOrEqual(60);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
  await expect(page.getByRole('link', { name: 'Job 09999' })).toBeVisible();
  expect(await rows.count()).toBeLessThanOrEqual(60);
  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
  await expect(page.getByRole('link', { name: 'Job 05000' })).toBeVisible();

  await page.keyboard.press('/');
  await page.keyboard.type('Job 04321');
  await expect(page.getByText('1 job', { exact: true })).toBeVisible();
  await expect(page).toHaveURL(/q=Job\+04321/);
  await page.reload();
  await expect(page.getByRole('searchbox')).toHaveValue('Job 04321');
  await expect(page.getByText('1 job', { exact: true })).toBeVisible();
});
