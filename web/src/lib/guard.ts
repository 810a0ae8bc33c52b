import { useEffect } from 'react';

type Leave = () => void;

// The one page that wants to be asked before it is left, if any.
let guard: ((leave: Leave) => void) | null = null;

/** Navigates, or lets the page that has unsaved changes ask first. For the router. */
export function guarded(navigate: Leave): void {
  if (guard) guard(navigate);
  else navigate();
}

/** While there are unsaved changes: `ask` gets what would leave the page; closing the tab is asked by the browser. */
export function useGuard(unsaved: boolean, ask: (leave: Leave) => void): void {
  useEffect(() => {
    if (!unsaved) return;
    guard = ask;
    const hold = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener('beforeunload', hold);
    return () => {
      guard = null;
      removeEventListener('beforeunload', hold);
    };
  }, [unsaved, ask]);
}

/** Leaves without being asked: what was written is saved, or given up. */
export function releaseGuard(): void {
  guard = null;
}
