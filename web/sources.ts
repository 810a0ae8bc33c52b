import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the built page is made of: these files and folders, tests and types left out. embed_test.go has the same list. */
const parts = ['index.html', 'package-lock.json', 'package.json', 'public', 'src', 'tsconfig.json', 'vite.config.ts'];

/** One hash of everything that the page is built from, so that a stale build shows without building. */
export function hashOfSources(root: string): string {
  const hash = createHash('sha256');
  for (const path of parts.flatMap((part) => filesIn(root, part)).toSorted()) {
    if (/\.test\.|\.d\.ts$/.test(path)) continue;
    const content = createHash('sha256').update(readFileSync(join(root, path))).digest('hex');
    hash.update(`${content}  ${path}\n`);
  }
  return hash.digest('hex');
}

function filesIn(root: string, part: string): string[] {
  if (/\.\w+$/.test(part)) return [part];
  return readdirSync(join(root, part), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1).replaceAll('\\', '/'));
}
