import { type ReactNode, useEffect, useRef } from 'react';

interface Props {
  title: ReactNode;
  /** What the browser's tab says. */
  name: string;
  /** Above the title: where this belongs. */
  above?: ReactNode;
  beside?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page with its heading, which takes the focus when one comes from another page. */
export function Page({ title, name, above, beside, actions, children }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${name} · schedule-server`;
  }, [name]);
  useEffect(() => {
    if (document.activeElement === null || document.activeElement === document.body || document.activeElement.closest('.rail')) {
      heading.current?.focus({ preventScroll: true });
    }
  }, []);
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-title">
          {above && <div className="page-above">{above}</div>}
          <div className="page-line">
            <h1 ref={heading} tabIndex={-1}>
              {title}
            </h1>
            {beside}
          </div>
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}
