import { type ReactNode, useSyncExternalStore } from 'react';
import { Link } from 'wouter';
import { useI18n } from '../i18n';
import { IconButton } from './Button';
import { Glyph } from './icons';

interface Toast {
  id: number;
  tone: 'ok' | 'fail';
  text: ReactNode;
  link?: { to: string; text: string };
}

let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();
const shownFor = 6000;

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  set(toasts.filter((shown) => shown.id !== id));
}

/** Says what became of an action. A failure stays until it is put away. */
export function toast(tone: Toast['tone'], text: ReactNode, link?: Toast['link']): void {
  const id = ++last;
  set([...toasts.slice(-3), { id, tone, text, link }]);
  if (tone === 'ok') setTimeout(() => dismiss(id), shownFor);
}

export function Toasts() {
  const { t } = useI18n();
  const list = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {list.map(({ id, tone, text, link }) => (
        <div key={id} className={`toast tone-${tone}`}>
          <Glyph name={tone === 'ok' ? 'check' : 'warn'} />
          <span>{text}</span>
          {link && <Link to={link.to}>{link.text}</Link>}
          <IconButton icon="cross" label={t('action.dismiss')} onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
