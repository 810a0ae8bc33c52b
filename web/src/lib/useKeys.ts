import { useEffect, useRef } from 'react';

type Handler = (event: KeyboardEvent) => void;

/** Whether what is typed belongs to an element rather than to the page. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.closest('dialog[open], [popover]:popover-open')) return true;
  return /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/^(checkbox|radio)$/.test(target.getAttribute('type') ?? '');
}

/** The name of a key stroke: `k`, `?`, `mod+k`, `mod+enter`. */
export function strokeOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey'>): string {
  if (event.altKey) return '';
  const key = event.key.length === 1 ? event.key : event.key.toLowerCase();
  return event.ctrlKey || event.metaKey ? `mod+${key.toLowerCase()}` : key;
}

/** Keys of the page while the component shows. Those without a modifier rest while somebody types. */
export function useKeys(keys: Readonly<Record<string, Handler>>): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.defaultPrevented) return;
      const stroke = strokeOf(event);
      if (!Object.hasOwn(latest.current, stroke)) return;
      if (!stroke.startsWith('mod+') && isTyping(event.target)) return;
      event.preventDefault();
      latest.current[stroke]?.(event);
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}

/** How this system calls the modifier. */
export const modKey = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? '') ? '⌘' : 'Ctrl ';
