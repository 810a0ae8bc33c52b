import type { ReactNode, SVGProps } from 'react';

type Props = SVGProps<SVGSVGElement>;

function Icon({ children, ...props }: Props & { children: ReactNode }) {
  return (
    <svg
      viewBox="0 0 16 16"
      width="16"
      height="16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      {...props}
    >
      {children}
    </svg>
  );
}

/** Shapes by name, on a grid of 16. */
const shapes = {
  now: <path d="M8 1.8v12.4M3 7.2v4.6M5.5 4.8v7M10.6 8.2h1.4v3.6h-1.4zM13 5.2v6.6" />,
  jobs: <path d="M2.2 4h11.6M2.2 8h11.6M2.2 12h7.4" />,
  runs: <path d="M8 4.6V8l2.3 1.5M2.4 8a5.6 5.6 0 1 0 1.8-4.1M2.3 2.2v2.6h2.6" />,
  queues: <path d="M2.2 3.2h11.6v2.6H2.2zM2.2 10.2h11.6v2.6H2.2zM5 8h6" />,
  settings: <path d="M2.2 4.5h6.4M12 4.5h1.8M2.2 11.5h1.8M7.4 11.5h6.4M8.6 4.5a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0M4 11.5a1.7 1.7 0 1 0 3.4 0 1.7 1.7 0 1 0-3.4 0" />,
  play: <path d="M4.8 3v10l8-5z" />,
  pause: <path d="M5.2 3.2v9.6M10.8 3.2v9.6" />,
  edit: <path d="M10.9 2.6l2.5 2.5-7.9 7.9-3.1.6.6-3.1z" />,
  copy: <path d="M5.6 5.6h7.8v7.8H5.6zM10.4 5.6V2.6H2.6v7.8h3" />,
  trash: <path d="M2.8 4.2h10.4M6.4 4.2V2.6h3.2v1.6M4.2 4.2l.6 9.2h6.4l.6-9.2M6.8 6.8v4M9.2 6.8v4" />,
  check: <path d="M3 8.6l3.2 3.2L13 4.6" />,
  cross: <path d="M4 4l8 8M12 4l-8 8" />,
  plus: <path d="M8 3v10M3 8h10" />,
  search: <path d="M7 2.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 1 0 0-8.8M10.2 10.2l3.4 3.4" />,
  more: <path d="M3.4 8h.01M8 8h.01M12.6 8h.01" strokeWidth="2.2" />,
  left: <path d="M10 3L5 8l5 5" />,
  right: <path d="M6 3l5 5-5 5" />,
  down: <path d="M3.5 6L8 10.5 12.5 6" />,
  external: <path d="M6.4 3.2H3v9.8h9.8V9.6M9.2 2.8h4v4M13 3L7.6 8.4" />,
  warn: <path d="M8 2.4l6.2 11H1.8zM8 6.4v3.2M8 11.6h.01" />,
  clock: <path d="M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 1 0 8 2.2M8 4.8V8l2.2 1.4" />,
  key: <path d="M10.4 2.4a3.2 3.2 0 1 0 0 6.4 3.2 3.2 0 1 0 0-6.4M8 7.8l-5.4 5.4M4.6 11.2l1.6 1.6" />,
  skip: <path d="M3.4 3.4l5 4.6-5 4.6zM11.6 3.4v9.2" />,
  dash: <path d="M3.4 8h9.2" />,
  retry: <path d="M13.4 8A5.4 5.4 0 1 1 11.6 4M13.4 2v3h-3" />,
  stop: <path d="M4 4h8v8H4z" />,
  up: <path d="M8 13V3.4M3.8 7.4L8 3.2l4.2 4.2" />,
  download: <path d="M8 2.8v7.4M4.4 7L8 10.4 11.6 7M2.8 13.2h10.4" />,
  dot: <circle cx="8" cy="8" r="3.4" fill="currentColor" stroke="none" />,
  ring: <circle cx="8" cy="8" r="3.4" />,
} as const;

export type IconName = keyof typeof shapes;

export function Glyph({ name, ...props }: Props & { name: IconName }) {
  return <Icon {...props}>{shapes[name]}</Icon>;
}

/** The product's mark: past, now and what is to come. */
export function Logo() {
  return (
    <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" className="logo">
      <path d="M2 12h2.2v5H2zM5.8 8H8v9H5.8z" fill="currentColor" />
      <path d="M10.2 2v16" className="logo-now" />
      <path d="M12.7 11.2h1.6v5.3h-1.6zM16.5 7.2h1.6v9.3h-1.6z" fill="none" stroke="currentColor" strokeWidth="1.1" />
    </svg>
  );
}
