import { useSyncExternalStore } from 'react';

// Whether the server asked for a key that this browser has not given.
let needed = false;
const listeners = new Set<() => void>();

function set(value: boolean): void {
  if (needed === value) return;
  needed = value;
  for (const listener of listeners) listener();
}

export function requireLogin(): void {
  set(true);
}

export function loggedIn(): void {
  set(false);
}

export function useLoginNeeded(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => needed,
  );
}
