import { type Page } from '@playwright/test';
import { expect, jobCalling, note, test } from './fixtures.ts';

/** Presses Tab until the element with that label has the focus. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    const label = await page.evaluate(() => {
      const e = document.activeElement as HTMLInputElement | null;
      return [e?.getAttribute('aria-label'), e?.labels?.[0]?.textContent, e?.textContent].find(Boolean) ?? '';
    });
    if (typeof name === 'string' ? label === name : name.test(label)) return;
  }
  throw new Error(`Tab does not reach ${name}`);
}

/** A new job with URL and name, by keyboard alone; the focus is on the name then. */
async function beginJob(page: Page, base: string, url: string, name: string): Promise<void> {
  await page.goto(`${base}/jobs`);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.keyboard.press('n');
  await expect(page.getByRole('heading', { name: 'New job' })).toBeVisible();
  await tabTo(page, 'URL');
  await page.keyboard.type(url);
  await tabTo(page, 'Name');
  await page.keyboard.type(name);
}

test.describe('by keyboard alone', () => {
  test('a cron', async ({ page, service, target }) => {
    await beginJob(page, service.url, `${target.url}/cron`, 'By keys, cron');
    await tabTo(page, 'Cron expression');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('30 2 * * 5L');
    await expect(page.getByText('at 02:30 on the last Friday of the month')).toBeVisible();
    await page.keyboard.press('Control+Enter');
    await expect(page.getByRole('heading', { name: 'By keys, cron' })).toBeVisible();
  });

  test('an interval', async ({ page, service, target }) => {
    await beginJob(page, service.url, `${target.url}/interval`, 'By keys, interval');
    await tabTo(page, /^Cron$/);
    await page.keyboard.press('ArrowRight');
    await tabTo(page, 'Every');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('1h30m');
    await expect(page.locator('.outlook-words')).toContainText('every');
    await page.keyboard.press('Control+Enter');
    await expect(page.getByRole('heading', { name: 'By keys, interval' })).toBeVisible();
  });

  test('a date', async ({ page, service, target }) => {
    await beginJob(page, service.url, `${target.url}/date`, 'By keys, date');
    await tabTo(page, /^Cron$/);
    await page.keyboard.press('ArrowLeft');
    await tabTo(page, 'Date and time');
    await page.keyboard.type('12242099');
    await page.keyboard.press('Control+Enter');
    await expect(page.getByRole('heading', { name: 'By keys, date' })).toBeVisible();
    await expect(page.getByText('2099-12-24').first()).toBeVisible();
  });

  test('the list: move, select, pause, run, edit, open, search', async ({ page, fresh, target }) => {
    for (const id of ['a', 'b', 'c']) await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, id));
    await page.goto(`${fresh.url}/jobs`);
    await expect(page.getByRole('link', { name: 'Job a' })).toBeVisible();
    const row = (name: string) => page.getByRole('row', { name: new RegExp(name) });
    await page.keyboard.press('j');
    await expect(row('Job b')).toBeFocused();
    await page.keyboard.press('x');
    await expect(row('Job b')).toHaveAttribute('aria-selected', 'true');
    await expect(page.getByText('1 selected')).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByText('1 selected')).toBeHidden();
    await page.keyboard.press('p');
    await expect(row('Job b').locator('.badge')).toHaveText('Paused');
    await page.keyboard.press('p');
    await expect(row('Job b').locator('.badge')).toHaveText('New');
    await page.keyboard.press('r');
    await expect(row('Job b').locator('.badge')).toHaveText('OK');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'Job a' })).toBeVisible();
    await page.keyboard.press('e');
    await expect(page.getByRole('heading', { name: 'Edit Job a' })).toBeVisible();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+K');
    await page.keyboard.type('Job c');
    await expect(page.getByRole('option', { name: /Job c/ })).toHaveAttribute('aria-selected', 'true');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { name: 'Job c' })).toBeVisible();
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toBeHidden();
  });
});

test('the preview follows the last key, and a wrong field is named', async ({ page, service }) => {
  await page.goto(`${service.url}/jobs/new`);
  const expression = page.getByLabel('Cron expression');
  await expect(page.locator('.outlook-words')).toBeVisible();
  const times: number[] = [];
  for (const minute of [7, 13, 21, 34, 55]) {
    await expression.fill('');
    await expression.pressSequentially(`${minute} 4 * * *`);
    times.push(
      await page.evaluate((text) => {
        const from = performance.now();
        return new Promise<number>((done) => {
          const look = (): void => {
            if (document.querySelector('.outlook-words')?.textContent?.includes(text)) done(performance.now() - from);
            else requestAnimationFrame(look);
          };
          look();
        });
      }, `04:${String(minute).padStart(2, '0')}`),
    );
  }
  note('ms from the last key to the preview, at most 200 wanted', times.toSorted((a, b) => a - b)[2] ?? 0);
  await expect(page.locator('.next-runs li')).toHaveCount(10);

  await expression.fill('61 4 * * *');
  await expect(expression).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByText(/minute: 61 is outside 0-59/).first()).toBeVisible();
  await page.getByRole('button', { name: /Create job/ }).click();
  await expect(page.getByLabel('URL', { exact: true })).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByLabel('URL', { exact: true })).toBeFocused();
});

test('changes of the clock are noted, and a peak is warned of', async ({ page, fresh, target }) => {
  const soon = new Date(Date.now() + 3 * 3_600_000);
  const expression = `${soon.getUTCMinutes()} ${soon.getUTCHours()} * * *`;
  const jobs = Array.from({ length: 60 }, (_, i) => jobCalling(`${target.url}/`, `p${i}`, { schedule: { type: 'cron', expression } }));
  await fresh.call('POST', '/jobs/import', { jobs });
  await page.goto(`${fresh.url}/jobs/new`);
  await page.getByLabel('Time zone').fill('UTC');
  await page.getByLabel('Cron expression').fill(expression);
  await expect(page.getByText(/60 calls are planned around/)).toBeVisible();

  await page.getByLabel('Time zone').fill('Europe/Berlin');
  await page.getByLabel('Cron expression').fill('30 2 * 3 sunL');
  await expect(page.getByText('clocks go forward: later by the gap').first()).toBeVisible();
});

test('a command or a line of a crontab fills the form in', async ({ page, service }) => {
  await page.goto(`${service.url}/jobs/new`);
  const box = page.getByLabel('Paste a cURL command or a line of a crontab');
  await box.fill(`curl -X POST 'https://example.com/hook?a=1' -H 'X-Team: billing' --data-raw '{"id":9007199254740993}'`);
  await box.press('Enter');
  await expect(page.getByLabel('URL', { exact: true })).toHaveValue('https://example.com/hook?a=1');
  await expect(page.getByLabel('Method')).toHaveValue('POST');
  await expect(page.getByLabel('Value of header 1')).toHaveValue('application/x-www-form-urlencoded');
  await expect(page.getByLabel('Value of header 2')).toHaveValue('billing');
  await expect(page.getByLabel('Body', { exact: true })).toHaveValue('{"id":9007199254740993}');
  await box.fill('*/5 * * * * curl -fsS https://example.com/ping >/dev/null 2>&1');
  await box.press('Enter');
  await expect(page.getByLabel('URL', { exact: true })).toHaveValue('https://example.com/ping');
  await expect(page.getByLabel('Cron expression')).toHaveValue('*/5 * * * *');
  await box.fill('15 3 * * * /usr/local/bin/backup.sh');
  await box.press('Enter');
  await expect(page.locator('#paste-said')).toContainText('line 1');
});

test('what was written is not lost by accident', async ({ page, service, target }) => {
  await service.call('PUT', '/jobs/guarded', jobCalling(`${target.url}/`, 'guarded'));
  await page.goto(`${service.url}/jobs/guarded/edit`);
  await page.getByLabel('Name', { exact: true }).fill('Changed');
  await page.getByRole('link', { name: 'Queues' }).click();
  await expect(page.getByRole('dialog', { name: 'Leave without saving?' })).toBeVisible();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByLabel('Name', { exact: true })).toHaveValue('Changed');

  // Somebody else was faster.
  await service.call('PATCH', '/jobs/guarded', { description: 'by another' });
  await page.getByRole('button', { name: /Save/ }).click();
  await expect(page.getByRole('alert')).toContainText('Somebody else changed this job');
  await page.getByRole('link', { name: 'Queues' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
  await expect(page.getByRole('heading', { name: 'Queues' })).toBeVisible();
});

test('an edit is saved, a clone is another job', async ({ page, service, target }) => {
  await service.call('PUT', '/jobs/edited', jobCalling(`${target.url}/`, 'edited', { schedule: { type: 'cron', fields: { month: '3', day: 'last fri', hour: '9' } } }));
  await page.goto(`${service.url}/jobs/edited/edit`);
  await page.getByLabel('Month').fill('4-6');
  await page.getByLabel('Attempts').fill('7');
  await page.getByRole('button', { name: /Save/ }).click();
  await expect(page.getByText('Job edited was saved')).toBeVisible();
  const job = await service.call<{ schedule: { fields: object }; policy: { retry: { max_attempts: number } } }>('GET', '/jobs/edited');
  expect(job.schedule.fields).toMatchObject({ month: '4-6', day: 'last fri', hour: '9' });
  expect(job.policy.retry.max_attempts).toBe(7);
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Clone' }).click();
  await page.getByRole('button', { name: /Create job/ }).click();
  await expect(page.getByRole('heading', { name: 'Job edited (copy)' })).toBeVisible();
});

test('a date in the past is announced, in the editor and on the job', async ({ page, service, target }) => {
  await page.goto(`${service.url}/jobs/new`);
  await page.getByText('Date', { exact: true }).click();
  await page.getByLabel('Date and time').fill('2026-01-01T09:00');
  await expect(page.locator('.outlook-warnings')).toContainText('2026-01-01 09:00:00 +08:00 is in the past: a job that is saved with this date is called once, immediately');
  await expect(page.locator('.next-runs')).toContainText('Its time has passed.');

  const paused = {
    id: 'past-paused', name: 'Past, paused', status: 'paused',
    schedule: { type: 'date', at: '2026-01-01T09:00:00+08:00', time_zone: 'Asia/Shanghai' }, request: { url: target.url },
  };
  expect((await page.request.put(`${service.url}/api/v1/jobs/past-paused`, { data: paused })).status()).toBe(201);
  await page.goto(`${service.url}/jobs/past-paused`);
  await expect(page.locator('.outlook-warnings')).toContainText('is in the past and the job is paused');
});

test('a header twice is refused before it is lost', async ({ page, service, target }) => {
  await page.goto(`${service.url}/jobs/new`);
  await page.getByLabel('URL', { exact: true }).fill(target.url);
  for (const [i, name] of ['Authorization', 'authorization'].entries()) {
    await page.getByRole('button', { name: 'Add header' }).click();
    await page.getByLabel(`Name of header ${i + 1}`).fill(name);
  }
  const second = page.getByLabel('Name of header 2');
  await expect(second).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByText('The same header as Authorization')).toBeVisible();
  await page.getByRole('button', { name: /Create job/ }).click();
  await expect(second).toBeFocused();
  await second.fill('X-Other');
  await page.getByRole('button', { name: /Create job/ }).click();
  await expect(page.getByRole('button', { name: 'Edit' })).toBeVisible();
});
