import { spawn } from 'node:child_process';
import { choose, expect, test } from './fixtures.ts';
import { freePort, Service } from './service.ts';

test('what is wrong with Redis is told beside the queues, in the language of the page', async ({ page }) => {
  const port = await freePort();
  const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--maxmemory-policy', 'allkeys-lru'], { stdio: 'ignore' });
  let service: Service | null = null;
  try {
    service = await Service.start('', ['--redis-url', `redis://127.0.0.1:${port}`]);
    await page.goto(`${service.url}/queues`);
    await expect(page.getByRole('alert')).toContainText('maxmemory-policy allkeys-lru');
    await choose(page, { language: 'zh-CN' });
    await page.goto(`${service.url}/queues`);
    await expect(page.getByRole('alert')).toContainText('请改为 noeviction');
  } finally {
    await service?.stop();
    redis.kill();
  }
});
