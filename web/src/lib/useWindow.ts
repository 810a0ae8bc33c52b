import { type RefObject, useLayoutEffect, useState } from 'react';

/** Which rows of a long list are to be made: from `first` up to, not including, `end`. */
export interface Stretch {
  first: number;
  end: number;
}

const overscan = 6;
const most = 60;

/** The rows that show in a viewport that begins top px below the list's start. */
export function stretch(top: number, height: number, rowHeight: number, count: number): Stretch {
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight) - overscan));
  const end = Math.max(first, Math.min(count, Math.ceil((top + height) / rowHeight) + overscan, first + most));
  return { first, end };
}

/** Follows the page's scrolling over a list with rows of equal height. */
export function useWindow(list: RefObject<HTMLElement | null>, count: number, rowHeight: number): Stretch {
  const [shown, setShown] = useState<Stretch>(() => stretch(0, globalThis.innerHeight, rowHeight, count));
  useLayoutEffect(() => {
    const measure = (): void => {
      const box = list.current?.getBoundingClientRect();
      if (!box) return;
      const next = stretch(Math.max(0, -box.top), innerHeight - Math.max(0, box.top), rowHeight, count);
      setShown((now) => (now.first === next.first && now.end === next.end ? now : next));
    };
    measure();
    addEventListener('scroll', measure, { passive: true });
    addEventListener('resize', measure);
    return () => {
      removeEventListener('scroll', measure);
      removeEventListener('resize', measure);
    };
  }, [list, count, rowHeight]);
  return shown;
}
