import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Glyph, type IconName } from './icons';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: 'primary' | 'plain' | 'quiet' | 'danger';
  icon?: IconName;
  /** The key that does the same. */
  hint?: string;
  children?: ReactNode;
}

export function Button({ kind = 'plain', icon, hint, children, className = '', ...props }: Props) {
  return (
    <button type="button" className={`button ${kind} ${className}`} {...props}>
      {icon && <Glyph name={icon} />}
      {children !== undefined && <span>{children}</span>}
      {hint && <kbd aria-hidden="true">{hint}</kbd>}
    </button>
  );
}

/** A button that shows only an icon; its label is read, and shown on hover. */
export function IconButton({ icon, label, ...props }: Omit<Props, 'children' | 'kind'> & { icon: IconName; label: string }) {
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} {...props}>
      <Glyph name={icon} />
    </button>
  );
}
