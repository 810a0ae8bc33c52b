import type { Run } from '../api/client';

/**
 * The newest runs on top of those read before. Null when there is a gap
 * between them: more came than one page holds, and all must be read anew.
 */
export function mergeRuns(head: readonly Run[], before: readonly Run[]): Run[] | null {
  if (head.length === 0 || before.length === 0) return [...head];
  const fresh = new Set(head.map((run) => run.id));
  const rest = before.filter((run) => !fresh.has(run.id));
  if (rest.length === before.length) return null;
  return [...head, ...rest];
}
