/** 1,234 in the language's way. */
export function count(n: number, language: string): string {
  return new Intl.NumberFormat(language).format(n);
}

/** A count in at most four characters: 950, 1.2k, 34k, 1.5M. */
export function compact(n: number): string {
  if (n < 1000) return String(n);
  const [size, unit] = n < 999_500 ? [1000, 'k'] : [1_000_000, 'M'];
  const scaled = n / size;
  return `${scaled < 9.95 ? scaled.toFixed(1).replace(/\.0$/, '') : Math.round(scaled)}${unit}`;
}

/**
 * The nearest-rank quantile of values that are sorted upwards; null of none.
 * q is between 0 and 1.
 */
export function quantile(sorted: readonly number[], q: number): number | null {
  if (sorted.length === 0) return null;
  const rank = Math.max(1, Math.ceil(q * sorted.length));
  return sorted[Math.min(rank, sorted.length) - 1] ?? null;
}

/** Size of a text in bytes, for people. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(1)} KiB`;
  return `${(n / 1024 / 1024).toFixed(1)} MiB`;
}
