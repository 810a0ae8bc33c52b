import { expect, jobCalling, test } from './fixtures.ts';

test('the first key shuts the door: log in, be refused what the key may not, log out', async ({ page, fresh, target, browser }) => {
  await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, 'a'));
  await page.goto(`${fresh.url}/settings/keys`);
  await page.getByRole('button', { name: 'Make a key' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('me');
  await page.getByRole('dialog').getByRole('button', { name: 'Make a key' }).click();
  await expect(page.locator('.made code')).toHaveText(/^sk_/);
  const admin = (await page.locator('.made code').textContent()) ?? '';
  await expect(page.getByText('You are me; your key may do everything.')).toBeVisible();
  const { key } = await fresh.call<{ key: string }>('POST', '/keys', { name: 'reader', scope: 'read' }, { authorization: `Bearer ${admin}` });

  const other = await browser.newContext();
  const stranger = await other.newPage();
  await stranger.goto(`${fresh.url}/jobs/a`);
  await expect(stranger.getByRole('heading', { name: 'Log in' })).toBeVisible();
  await stranger.getByLabel('API key').fill('sk_wrong');
  await stranger.getByRole('button', { name: 'Log in' }).click();
  await expect(stranger.getByText('This key is not good, or has ended.')).toBeVisible();
  await stranger.getByLabel('API key').fill(key);
  await stranger.getByRole('button', { name: 'Log in' }).click();
  await expect(stranger.getByRole('heading', { name: 'Job a' })).toBeVisible();
  await expect(stranger.locator('.live')).toHaveText('Live');
  expect(await stranger.evaluate(() => document.cookie)).toBe('');
  const run = stranger.getByRole('button', { name: 'Run now' });
  await expect(run).toBeDisabled();
  await expect(run).toHaveAttribute('title', 'Your key may read. This needs one that may read and run.');
  await expect(stranger.getByRole('button', { name: 'Edit' })).toBeDisabled();
  await stranger.getByRole('button', { name: 'More' }).click();
  for (const item of await stranger.getByRole('menuitem').all()) await expect(item).toBeDisabled();
  await stranger.keyboard.press('Escape');
  await stranger.keyboard.press('r');
  await expect(stranger.locator('.toast.tone-fail')).toHaveText(/Your key may read/);
  await stranger.goto(`${fresh.url}/jobs`);
  await expect(stranger.getByRole('button', { name: /^New job/ })).toBeDisabled();
  await expect(stranger.getByRole('button', { name: 'Run Job a now' })).toBeDisabled();
  await stranger.goto(`${fresh.url}/jobs/new`);
  await expect(stranger.getByRole('alert')).toHaveText('Your key may read. This needs one that may read, run and write.');
  await expect(stranger.getByRole('button', { name: /Create job/ })).toBeDisabled();
  await stranger.keyboard.press('Control+k');
  await expect(stranger.getByRole('option', { name: /^New job/ })).toBeDisabled();
  await stranger.goto(`${fresh.url}/settings/import`);
  await expect(stranger.getByRole('alert')).toHaveText('Your key may read. This needs one that may read, run and write.');
  await expect(stranger.getByRole('button', { name: 'JSON' })).toBeEnabled();
  await stranger.goto(`${fresh.url}/settings/audit`);
  await expect(stranger.getByText('Your key may not do this')).toBeVisible();
  await stranger.goto(`${fresh.url}/settings/keys`);
  await stranger.getByRole('button', { name: 'Log out' }).click();
  await expect(stranger.getByRole('heading', { name: 'Log in' })).toBeVisible();
  await other.close();

  await page.goto(`${fresh.url}/settings/audit`);
  await expect(page.getByText('key.create').first()).toBeVisible();
  await page.goto(`${fresh.url}/settings/keys`);
  await page.getByRole('button', { name: 'Delete reader' }).click();
  await page.getByRole('dialog', { name: 'Delete the key reader?' }).getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('rowheader', { name: /reader/ })).toBeHidden();
});

test('a key that may run runs, and changes nothing', async ({ page, fresh, target }) => {
  await fresh.call('POST', '/jobs', jobCalling(`${target.url}/`, 'a'));
  const admin = await fresh.call<{ key: string }>('POST', '/keys', { name: 'me', scope: 'admin' });
  const { key } = await fresh.call<{ key: string }>('POST', '/keys', { name: 'runner', scope: 'run' }, { authorization: `Bearer ${admin.key}` });
  const why = 'Your key may read and run. This needs one that may read, run and write.';
  await page.goto(`${fresh.url}/jobs`);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('checkbox', { name: 'Select Job a' }).check();
  const bulk = page.getByRole('toolbar');
  for (const name of ['Run now', 'Pause', 'Resume', 'Delete']) {
    await expect(bulk.getByRole('button', { name })).toBeDisabled();
    await expect(bulk.getByRole('button', { name })).toHaveAttribute('title', why);
  }
  await page.keyboard.press('p');
  await expect(page.locator('.toast.tone-fail')).toHaveText(why);
  expect((await fresh.call<{ status: string }>('GET', '/jobs/a', undefined, { authorization: `Bearer ${key}` })).status).toBe('active');

  await page.goto(`${fresh.url}/jobs/a`);
  await expect(page.getByRole('button', { name: 'Pause' })).toBeDisabled();
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByRole('link', { name: 'View' }).click();
  await expect(page.getByRole('heading', { name: /^200 after/ })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run again' })).toBeEnabled();
});

test('a secret is written and never shown', async ({ page, service, target }) => {
  await page.goto(`${service.url}/settings/secrets`);
  await page.getByRole('button', { name: 'Write a secret' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('TOKEN');
  await page.getByRole('dialog').getByLabel('Value').fill('s3cr3t');
  await page.getByRole('dialog').getByLabel('Hosts').fill('https://api.example.com');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('dialog')).toContainText('is not a host');
  await page.getByRole('dialog').getByLabel('Hosts').fill('API.example.com, *.example.org');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: 'TOKEN' })).toContainText('api.example.com, *.example.org');

  // The hosts can be changed without the value.
  await page.getByRole('button', { name: 'Replace TOKEN' }).click();
  await page.getByRole('dialog').getByLabel('Hosts').fill(new URL(target.url).hostname);
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: 'TOKEN' })).toContainText(new URL(target.url).hostname);

  await page.goto(`${service.url}/jobs/new`);
  await page.getByLabel('URL', { exact: true }).fill(`${target.url}/`);
  await page.getByLabel('Name', { exact: true }).fill('With a token');
  await page.getByText('Authentication, signature, connection').click();
  await page.getByLabel('Authentication', { exact: true }).selectOption('bearer');
  await page.getByLabel('Token', { exact: true }).fill('{{ secret.TOKEN }}');
  await page.getByRole('button', { name: /Create job/ }).click();
  await expect(page.getByRole('heading', { name: 'With a token' })).toBeVisible();
  await page.getByRole('button', { name: 'Run now' }).click();
  await page.getByRole('link', { name: 'View' }).click();
  await expect(page.getByRole('heading', { name: /^200 after/ })).toBeVisible();
  expect(await page.content()).not.toContain('s3cr3t');
});

test('the queue monitor asks for a login, and opens after it', async ({ fresh, browser }) => {
  const { key } = await fresh.call<{ key: string }>('POST', '/keys', { name: 'me', scope: 'admin' });
  const context = await browser.newContext(); // its page may complain: the monitor asks another host for fonts, and is refused
  const page = await context.newPage();
  await page.goto(`${fresh.url}/monitoring`);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(`${fresh.url}/monitoring`);
  await expect(page).toHaveTitle(/Asynq/);
  await context.close();
});
