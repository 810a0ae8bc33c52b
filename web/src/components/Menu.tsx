import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react';
import { type Scope, useBarred } from '../api/scope';
import { orBarred } from './Button';
import { Glyph, type IconName } from './icons';

export interface MenuItem {
  label: string;
  icon: IconName;
  danger?: boolean;
  /** What a key must allow for this. */
  needs?: Scope;
  onSelect: () => void;
}

/** Further actions behind a button, in a native popover. */
export function Menu({ label, items, children }: { label: string; items: readonly MenuItem[]; children?: ReactNode }) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const barred = useBarred();

  const place = (): void => {
    const box = button.current?.getBoundingClientRect();
    const menu = list.current;
    if (!box || !menu) return;
    const height = menu.offsetHeight;
    const below = box.bottom + 4 + height <= innerHeight;
    menu.style.top = `${below ? box.bottom + 4 : Math.max(4, box.top - 4 - height)}px`;
    menu.style.left = `${Math.max(8, box.right - menu.offsetWidth)}px`;
    menu.querySelector('button')?.focus();
  };
  const step = (event: KeyboardEvent<HTMLDivElement>): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[(at + by + buttons.length) % buttons.length]?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={children === undefined ? 'icon-button' : 'button plain'}
        aria-label={label}
        aria-haspopup="menu"
        title={label}
        popoverTarget={id}
      >
        {children ?? <Glyph name="more" />}
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        role="menu"
        tabIndex={-1}
        aria-label={label}
        className="menu"
        onToggle={(event) => event.newState === 'open' && place()}
        onKeyDown={step}
      >
        {items.map((item) => (
          <button
            key={item.label}
            type="button"
            role="menuitem"
            className={item.danger ? 'danger' : ''}
            onClick={() => {
              list.current?.hidePopover();
              item.onSelect();
            }}
            {...orBarred(barred(item.needs))}
          >
            <Glyph name={item.icon} />
            {item.label}
          </button>
        ))}
      </div>
    </>
  );
}
