import { useSyncExternalStore } from 'react';

// The browser's clock may be wrong; countdowns go by the server's.
let offset = 0;

/** Learns the server's clock from the Date header of an answer, which is exact to a second. */
export function learnServerTime(date: string | null, received: number): void {
  const server = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(server)) return;
  const apart = server - received;
  offset = Math.abs(apart) > 2500 ? apart : 0;
}

/** The moment now by the server's clock, in ms since 1970. */
export function now(): number {
  return Date.now() + offset;
}

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let second = Math.floor(now() / 1000);

function tick(): void {
  const next = Math.floor(now() / 1000);
  if (next === second) return;
  second = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, 250);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The present second in ms since 1970; the component renders again when it changes. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => second) * 1000;
}

/** The present in steps of ms: renders again only when a step begins. */
export function useNowEvery(ms: number): number {
  return useSyncExternalStore(subscribe, () => Math.floor((second * 1000) / ms)) * ms;
}
