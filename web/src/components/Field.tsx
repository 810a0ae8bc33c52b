import { type ReactElement, cloneElement, type ReactNode, useId } from 'react';

interface Control {
  id?: string;
  'aria-invalid'?: boolean;
  'aria-describedby'?: string;
}

interface Props {
  label: string;
  /** What is wrong with it, if anything. */
  error?: string;
  hint?: ReactNode;
  className?: string;
  children: ReactElement<Control>;
}

/** A control with its label, a hint, and what is wrong with it. */
export function Field({ label, error, hint, className = '', children }: Props) {
  const id = useId();
  const below = error ?? hint;
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id}>{label}</label>
      {cloneElement(children, {
        id,
        'aria-invalid': error ? true : undefined,
        'aria-describedby': below ? `${id}-below` : undefined,
      })}
      {below && (
        <p id={`${id}-below`} className={error ? 'field-error' : 'field-hint'}>
          {below}
        </p>
      )}
    </div>
  );
}

/** A check box with its text beside it. */
export function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange: (on: boolean) => void }) {
  return (
    <label className="check">
      <input type="checkbox" checked={checked} onChange={(event) => onChange(event.target.checked)} />
      <span>{label}</span>
    </label>
  );
}
