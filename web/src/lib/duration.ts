const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const steps: readonly [number, string][] = [
  [day, 'd'],
  [hour, 'h'],
  [minute, 'm'],
  [second, 's'],
];

/** A distance in its two largest units: `3d 4h`, `8h 25m`, `12s`. Below a second `0s`. */
export function countdown(ms: number): string {
  const whole = Math.max(0, Math.floor(ms / second)) * second;
  const at = steps.findIndex(([size]) => whole >= size);
  if (at < 0) return '0s';
  return steps
    .slice(at, at + 2)
    .map(([size, unit], i) => [Math.floor(i === 0 ? whole / size : (whole % (steps[at]?.[0] ?? 1)) / size), unit] as const)
    .filter(([n], i) => i === 0 || n > 0)
    .map(([n, unit]) => `${n}${unit}`)
    .join(' ');
}

/** How long something took, to three digits: `0.4 ms`, `34 ms`, `1.20 s`, `2m 5s`. */
export function took(ms: number): string {
  if (ms < 10 && ms !== Math.round(ms)) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 10 * second) return `${(ms / second).toFixed(2)} s`;
  if (ms < minute) return `${(ms / second).toFixed(1)} s`;
  return countdown(ms);
}

/** How long something took; a dash when it is not known. */
export function tookOr(ms: number | null): string {
  return ms === null ? '–' : took(ms);
}

const units: Record<string, number> = { ms: 1, s: second, m: minute, h: hour, d: day };

/** Reads a duration as the API writes it (`1h30m`, `250ms`, `2d`) into ms; null when it is none. */
export function parseDuration(text: string): number | null {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(trimmed)) return null;
  let total = 0;
  for (const [, n, , unit] of trimmed.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(n) * (units[unit ?? ''] ?? 0);
  }
  return total;
}
