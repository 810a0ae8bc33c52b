import { expect, test } from './fixtures.ts';

test('a time zone that is half typed is named as wrong, and breaks nothing', async ({ page, service, target }) => {
  await page.goto(`${service.url}/jobs/new`);
  await page.getByLabel('URL', { exact: true }).fill(`${target.url}/`);
  await page.getByLabel('Name', { exact: true }).fill('At noon over there');
  await page.getByRole('radio', { name: 'Date' }).check();
  await page.getByLabel('Date and time').fill('2099-06-01T12:00:00');
  const zone = page.getByLabel('Time zone');
  await zone.fill('');
  await zone.pressSequentially('America/New');
  await expect(zone).toHaveAttribute('aria-invalid', 'true');
  await zone.pressSequentially('_York');
  await expect(zone).not.toHaveAttribute('aria-invalid');
  await page.getByRole('button', { name: /Create job/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'At noon over there' })).toBeVisible();
  const { jobs } = await service.call<{ jobs: { schedule: { at: string } }[] }>('GET', '/jobs?q=noon');
  expect(jobs.map((job) => Date.parse(job.schedule.at))).toEqual([Date.parse('2099-06-01T16:00:00Z')]);
});
