import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Before all tests: builds the program, with the page of dist in it. */
export default function build(): void {
  const root = join(import.meta.dirname, '../..');
  execFileSync('go', ['build', '-o', 'web/node_modules/.e2e/standalone', './cmd/standalone'], { cwd: root, stdio: 'inherit' });
}
