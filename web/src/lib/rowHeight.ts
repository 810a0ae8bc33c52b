import { useSyncExternalStore } from 'react';
import { useSettings } from './settings';

/** Below this width rows have two lines, and the navigation is at the bottom. */
const narrow = globalThis.matchMedia?.('(max-width: 719px)');

export function useNarrow(): boolean {
  return useSyncExternalStore(
    (listener) => {
      narrow?.addEventListener('change', listener);
      return () => narrow?.removeEventListener('change', listener);
    },
    () => narrow?.matches ?? false,
  );
}

/** The height of a list's row in px; the style sheet has the same. */
export function useRowHeight(): number {
  const { density } = useSettings();
  const isNarrow = useNarrow();
  if (isNarrow) return 60;
  return density === 'compact' ? 32 : 40;
}
