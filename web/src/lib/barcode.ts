/** A run as the barcode shows it. */
export interface BarcodeRun {
  id: string;
  state: string;
  duration_ms: number | null;
}

export interface Stripe {
  id: string;
  kind: 'ok' | 'failed' | 'lost' | 'open';
  /** Share of the whole height, 0 to 1. */
  height: number;
}

export const stripes = 24;

/**
 * Stripes for the last runs, the oldest first. The height is the duration on a
 * scale from the shortest to the longest that went well; a failure has the
 * full height, whatever it took.
 */
export function barcode(newestFirst: readonly BarcodeRun[]): Stripe[] {
  const runs = newestFirst.slice(0, stripes).toReversed();
  const durations = runs.filter((r) => kindOf(r.state) === 'ok').map((r) => r.duration_ms ?? 0);
  const longest = Math.max(...durations, 1);
  return runs.map((run) => {
    const kind = kindOf(run.state);
    return { id: run.id, kind, height: kind === 'ok' ? scaled(run.duration_ms ?? 0, longest) : fixed[kind] };
  });
}

const fixed = { failed: 1, lost: 0.45, open: 0.25 } as const;

/** Never below a third: a quick run is still a run. The root keeps one outlier from flattening the rest. */
function scaled(duration: number, longest: number): number {
  return 0.34 + 0.56 * Math.sqrt(Math.max(0, duration) / longest);
}

function kindOf(state: string): Stripe['kind'] {
  switch (state) {
    case 'succeeded':
      return 'ok';
    case 'failed':
      return 'failed';
    case 'skipped':
    case 'missed':
    case 'canceled':
      return 'lost';
    default:
      return 'open';
  }
}
