import type { ButtonHTMLAttributes, MouseEvent, ReactNode } from 'react';
import { type Scope, useBarred } from '../api/scope';
import { Glyph, type IconName } from './icons';

type Native = ButtonHTMLAttributes<HTMLButtonElement>;

interface Props extends Native {
  kind?: 'primary' | 'plain' | 'quiet' | 'danger';
  icon?: IconName;
  /** The key that does the same. */
  hint?: string;
  /** What a key must allow for this. Where it does not, the button says so and does nothing. */
  needs?: Scope;
  children?: ReactNode;
}

export function Button({ kind = 'plain', icon, hint, needs, children, className = '', ...props }: Props) {
  const barred = useBarred()(needs);
  return (
    <button type="button" className={`button ${kind} ${className}`} {...props} {...orBarred(barred)}>
      {icon && <Glyph name={icon} />}
      {children !== undefined && <span>{children}</span>}
      {hint && <kbd aria-hidden="true">{hint}</kbd>}
    </button>
  );
}

/** A button that shows only an icon; its label is read, and shown on hover. */
export function IconButton({ icon, label, needs, ...props }: Omit<Props, 'children' | 'kind'> & { icon: IconName; label: string }) {
  const barred = useBarred()(needs);
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} {...props} {...orBarred(barred)}>
      <Glyph name={icon} />
    </button>
  );
}

/** What a button is that may not be used: it can be reached, to learn why, and does nothing. */
export function orBarred(why: string | undefined): Native {
  if (!why) return {};
  const nothing = (event: MouseEvent): void => {
    event.preventDefault();
    event.stopPropagation();
  };
  return { 'aria-disabled': true, title: why, 'aria-description': why, onClick: nothing };
}
