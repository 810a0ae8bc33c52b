import { test as base, expect, type Page } from '@playwright/test';
import { Service } from './service.ts';
import { Target } from './target.ts';

interface WorkerFixtures {
  target: Target;
  /** One program for all tests of a worker; they name their jobs apart. */
  service: Service;
}

interface TestFixtures {
  /** A program with nothing in it. */
  fresh: Service;
  /** Fails the test on what the browser complains of: blocked by the policy, broken scripts. */
  complaints: string[];
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  target: [
    async ({}, use) => {
      const target = await Target.start();
      await use(target);
      await target.stop();
    },
    { scope: 'worker' },
  ],
  service: [
    async ({}, use) => {
      const service = await Service.start();
      await use(service);
      await service.stop();
    },
    { scope: 'worker' },
  ],
  fresh: async ({}, use) => {
    const service = await Service.start('', ['--allow-targets', 'loopback,private']);
    await use(service);
    await service.stop();
  },
  complaints: [
    async ({ page }, use) => {
      const list: string[] = [];
      page.on('pageerror', (error) => list.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy|violates|Refused to/i.test(message.text())) list.push(message.text());
      });
      await use(list);
      expect(list).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Keeps a figure for people: how long something takes says as much of the machine, and fails no test. */
export function note(what: string, figure: number): void {
  test.info().annotations.push({ type: what, description: String(Math.round(figure)) });
}

/** Chooses theme and language before the page starts. */
export async function choose(page: Page, settings: Record<string, string>): Promise<void> {
  await page.addInitScript((text) => localStorage.setItem('schedule-server:settings', text), JSON.stringify(settings));
}

/** A job that calls the target. */
export function jobCalling(url: string, id: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { id, name: `Job ${id}`, schedule: { type: 'cron', expression: '0 3 1 1 *' }, request: { url }, ...more };
}

/** Runs a job and waits until the run has ended. */
export async function runToEnd(service: Service, id: string): Promise<{ id: string; state: string }> {
  const { id: run } = await service.call<{ id: string }>('POST', `/jobs/${encodeURIComponent(id)}/run`, { force: true });
  const open = ['waiting', 'queued', 'running', 'retrying'];
  let now = { id: run, state: 'queued' };
  await expect.poll(async () => (now = await service.call('GET', `/runs/${run}`)).state, { timeout: 20_000 }).not.toMatch(new RegExp(open.join('|')));
  return now;
}
