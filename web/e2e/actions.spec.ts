import { expect, jobCalling, runToEnd, test } from './fixtures.ts';

test('the first start offers three jobs that are one click away', async ({ page, fresh }) => {
  await page.goto(`${fresh.url}/`);
  await page.getByRole('button', { name: /Every 10 seconds/ }).click();
  await expect(page.getByRole('link', { name: 'Every 10 seconds' }).first()).toBeVisible();
  await expect(page.locator('.panel').filter({ hasText: 'Latest runs' }).getByText('Succeeded').first()).toBeVisible({ timeout: 20_000 });
});

test('deleting asks, and names the job', async ({ page, service, target }) => {
  await service.call('PUT', '/jobs/doomed', jobCalling(`${target.url}/`, 'doomed', { name: 'Doomed job' }));
  await page.goto(`${service.url}/jobs/doomed`);
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete Doomed job?' });
  await expect(dialog).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await service.call('GET', '/jobs/doomed');
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await expect(page).toHaveURL(`${service.url}/jobs`);
  await expect(service.call('GET', '/jobs/doomed')).rejects.toThrow('404');
});

test('many at once: what could not be done is told one by one', async ({ page, fresh, target }) => {
  for (const id of ['a', 'b']) await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, id));
  await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, 'past', { schedule: { type: 'date', at: '2020-01-01T00:00:00Z' } }));
  await expect.poll(async () => (await fresh.call<{ status: string }>('GET', '/jobs/past')).status).toBe('completed');
  await page.goto(`${fresh.url}/jobs`);
  await page.getByRole('checkbox', { name: 'Select all that match' }).check();
  await expect(page.getByText('3 selected')).toBeVisible();
  const bar = page.getByRole('toolbar');
  await bar.getByRole('button', { name: 'Pause' }).click();
  const dialog = page.getByRole('dialog', { name: '2 of 3 done; these failed' });
  await expect(dialog).toContainText('Job past');
  await dialog.getByRole('button', { name: 'Close' }).click();
  await expect(page.getByRole('row', { name: /Job a/ }).locator('.badge')).toHaveText('Paused');

  await bar.getByRole('button', { name: 'Add tag' }).click();
  await page.getByRole('dialog').getByLabel('Tag').fill('night');
  await page.getByRole('dialog').getByRole('button', { name: 'Add tag' }).click();
  await expect(page.getByText('3 jobs were tagged')).toBeVisible();
  await page.getByRole('checkbox', { name: 'Select Job a' }).check();
  await bar.getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('dialog', { name: 'Delete 1 job?' })).toContainText('Job a');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('1 job was deleted')).toBeVisible();
  await expect(page.getByText('2 jobs', { exact: true })).toBeVisible();
});

test('a request is tried before it is saved', async ({ page, service, target }) => {
  await page.goto(`${service.url}/jobs/new`);
  await page.getByLabel('URL', { exact: true }).fill(`${target.url}/integer`);
  await page.getByRole('button', { name: 'Test' }).click();
  await expect(page.locator('.test-result')).toContainText(/200 after/);
  await expect(page.locator('.test-result')).toContainText('9007199254740993');
  await page.getByLabel('URL', { exact: true }).fill(`${target.url}/fail`);
  await page.getByRole('button', { name: 'Test' }).click();
  await expect(page.locator('.test-result')).toContainText(/503 after/);
});

test('a run is canceled and run again; its neighbours are one key away', async ({ page, service, target }) => {
  await service.call('PUT', '/jobs/hang', jobCalling(`${target.url}/hang`, 'hang', { policy: { retry: { max_attempts: 1 } } }));
  const { id } = await service.call<{ id: string }>('POST', '/jobs/hang/run', {});
  await page.goto(`${service.url}/runs/${id}`);
  await expect(page.getByRole('heading', { name: 'Running' })).toBeVisible();
  await page.getByRole('button', { name: 'Cancel run' }).click();
  await expect(page.locator('.facts .badge')).toHaveText('Canceled');
  await service.call('PATCH', '/jobs/hang', { request: { url: `${target.url}/` } });
  await page.getByRole('button', { name: /Run again/ }).click();
  await expect(page.getByRole('heading', { name: /^200 after/ })).toBeVisible();
  const newest = await runToEnd(service, 'hang');
  await page.goto(`${service.url}/runs/${newest.id}`);
  await expect(page.getByRole('button', { name: 'Older run (j)' })).toBeEnabled();
  await page.keyboard.press('j');
  await expect(page).not.toHaveURL(`${service.url}/runs/${newest.id}`);
  await expect(page.getByRole('button', { name: 'Newer run (k)' })).toBeEnabled();
  await page.keyboard.press('k');
  await expect(page).toHaveURL(`${service.url}/runs/${newest.id}`);
});

test('running a job that runs asks whether to start another', async ({ page, service, target }) => {
  await service.call('PUT', '/jobs/twice', jobCalling(`${target.url}/hang`, 'twice'));
  await page.goto(`${service.url}/jobs/twice`);
  await page.getByRole('button', { name: 'Run now' }).click();
  await expect(page.getByText('Job twice was started')).toBeVisible();
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByRole('dialog', { name: 'Job twice is running already' }).getByRole('button', { name: 'Start another' }).click();
  await expect(page.locator('.runs-table .run-link')).toHaveCount(2);
});

test('backfill says how many runs that are', async ({ page, service, target }) => {
  await service.call('PUT', '/jobs/late', jobCalling(`${target.url}/`, 'late', { schedule: { type: 'cron', expression: '0 * * * *' } }));
  await page.goto(`${service.url}/jobs/late`);
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Backfill' }).click();
  await page.getByRole('button', { name: /Start 2[345] runs/ }).click();
  await expect(page.getByText(/2[345] runs were queued/)).toBeVisible();
  await expect(page.locator('.runs-table').getByText('Backfill').first()).toBeVisible();
});

test('jobs go out as a file, and come in with what would change shown before', async ({ page, fresh, target }) => {
  await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, 'a'));
  await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, 'b', { name: 'Left out' }));
  await page.goto(`${fresh.url}/settings/import`);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'YAML' }).click();
  expect((await download).suggestedFilename()).toBe('jobs.yaml');

  const jobs = [jobCalling(`${target.url}/`, 'a', { name: 'Renamed' }), jobCalling(`${target.url}/`, 'c')];
  await page.getByLabel('Paste here, or drop a file').fill(JSON.stringify({ jobs }));
  await page.getByLabel('Delete jobs that are not in it').check();
  await page.getByRole('button', { name: 'See what would change' }).click();
  const plan = page.locator('.import-diff');
  await expect(plan.locator('.import-created')).toContainText('c');
  await expect(plan.locator('.import-created')).toContainText(`GET ${target.url}/`);
  await expect(plan.locator('.import-deleted')).toContainText('Left out');
  await expect(plan.locator('.import-updated')).toContainText('Renamed');
  await expect(page.getByText('Nothing has been written yet.')).toBeVisible();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Delete 1 job?' });
  await expect(question).toContainText('Left out');
  await question.getByRole('button', { name: 'Cancel' }).click();
  expect((await fresh.call<{ total: number }>('GET', '/jobs')).total).toBe(2);
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await question.getByRole('button', { name: 'Import and delete 1 job' }).click();
  await expect(page.getByText('1 created, 1 updated, 1 deleted')).toBeVisible();
  expect((await fresh.call<{ total: number }>('GET', '/jobs')).total).toBe(2);

  await page.getByLabel('Paste here, or drop a file').fill('{"jobs":[{"id":"x"}]}');
  await page.getByRole('button', { name: 'See what would change' }).click();
  await expect(page.getByRole('alert')).toContainText('jobs[0]');
});

test('an import deletes only what was shown and agreed to', async ({ page, fresh, target }) => {
  const jobs = Array.from({ length: 14 }, (_, i) => jobCalling(`${target.url}/`, `many-${i}`));
  await fresh.call('POST', '/jobs/import', { jobs });
  const total = async (): Promise<number> => (await fresh.call<{ total: number }>('GET', '/jobs')).total;
  await page.goto(`${fresh.url}/settings/import`);
  const box = page.getByLabel('Paste here, or drop a file');
  const check = async (text: string): Promise<void> => {
    await box.fill(text);
    await page.getByRole('button', { name: 'See what would change' }).click();
  };
  await page.getByLabel('Delete jobs that are not in it').check();

  await check('web-1\n');
  await expect(page.getByRole('alert')).toContainText('it is not recognised');
  await check(`0 9 * * * curl ${target.url}/\n0 2 * * * /opt/x.sh\n`);
  await expect(page.getByRole('alert')).toContainText('1 line was skipped');
  await expect(page.getByRole('button', { name: 'Import', exact: true })).toBeDisabled();

  await check(JSON.stringify({ jobs: jobs.slice(0, 2) }));
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Delete 12 jobs?' });
  await expect(question).toContainText('many-13');
  await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, 'made-meanwhile'));
  await question.getByRole('button', { name: 'Import and delete 12 jobs' }).click();
  await expect(question.getByRole('alert')).toContainText('13 jobs would be deleted');
  expect(await total()).toBe(15);
  await question.getByRole('button', { name: 'Cancel' }).click();

  await check(JSON.stringify({ jobs: jobs.slice(0, 2) }));
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByRole('button', { name: 'Import and delete 13 jobs' }).click();
  await expect(page.getByText('0 created, 0 updated, 13 deleted')).toBeVisible();
  expect(await total()).toBe(2);
});

test('the strip is read by keys, and leads to the runs of a stretch', async ({ page, service, target }) => {
  await service.call('PUT', '/jobs/strip', jobCalling(`${target.url}/`, 'strip'));
  await runToEnd(service, 'strip');
  await page.goto(`${service.url}/jobs/strip`);
  await page.getByRole('radio', { name: '1 h' }).check();
  const strip = page.getByRole('slider');
  await strip.focus();
  await page.keyboard.press('ArrowRight');
  await expect(strip).toHaveAttribute('aria-valuetext', /–/);
  for (let i = 0; i < 6; i++) {
    if (/Succeeded/.test((await strip.getAttribute('aria-valuetext')) ?? '')) break;
    await page.keyboard.press('ArrowLeft');
  }
  await expect(strip).toHaveAttribute('aria-valuetext', /1 Succeeded/);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/runs\?job=strip&since=/);
  await expect(page.locator('.runs-table .run-link')).toHaveCount(1);
});
