import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../node_modules/.e2e/standalone');

/** The real program with data of its own. */
export class Service {
  readonly url: string;
  private readonly data: string;
  private readonly args: readonly string[];
  private process: ChildProcess | null = null;
  private log = '';

  private constructor(port: number, basePath: string, data: string, more: readonly string[]) {
    this.url = `http://127.0.0.1:${port}${basePath}`;
    this.data = data;
    this.args = ['--listen', `127.0.0.1:${port}`, '--data-dir', data, '--log-level', 'warn', ...(basePath ? ['--base-path', basePath] : []), ...more];
  }

  static async start(basePath = '', more: readonly string[] = []): Promise<Service> {
    const service = new Service(await freePort(), basePath, await mkdtemp(join(tmpdir(), 'schedule-e2e-')), more);
    await service.run();
    return service;
  }

  /** Starts the program, again after halt, and waits until it is ready. */
  async run(): Promise<void> {
    const child = spawn(program, this.args, { env: { ...process.env, SECRET_KEY: 'a'.repeat(64) }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.process = child;
    child.stderr?.on('data', (text: Buffer) => (this.log += text.toString()));
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}: ${this.log}`);
      const ready = await fetch(`${this.url}/readyz?full`).then((answer) => answer.ok, () => false);
      if (ready) return;
      await new Promise((next) => {
        setTimeout(next, 50);
      });
    }
  }

  /** Ends the program and keeps its data. */
  async halt(): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((done) => {
      child.once('exit', done);
    });
    child.kill('SIGTERM');
    await ended;
  }

  async stop(): Promise<void> {
    await this.halt();
    await rm(this.data, { recursive: true, force: true });
  }

  /** Calls the API; anything but success is an error. */
  async call<T = unknown>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as T;
  }
}

/** A port on which nothing listens. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? done(address.port) : fail(new Error('no port'))));
    });
  });
}
