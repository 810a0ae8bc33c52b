import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server for jobs to call: the path says how it answers. */
export class Target {
  readonly url: string;
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<Target> {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://target');
      request.resume();
      // It answers once somebody cancels, or never.
      if (pathname === '/hang') return;
      const [status, body] = answers[pathname] ?? [200, '{"ok":true}'];
      response.writeHead(status, { 'content-type': pathname === '/script' ? 'text/html' : 'application/json' });
      response.end(body);
    });
    await new Promise<void>((done) => {
      server.listen(0, '127.0.0.1', done);
    });
    return new Target(server);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => {
      this.server.close(done);
    });
  }
}

const answers: Record<string, [number, string]> = {
  '/fail': [503, '{"ok":false}'],
  '/integer': [200, '{"id":9007199254740993,"list":[1,2]}'],
  '/script': [200, '<script>window.ran = true</script><b>bold</b>'],
};
