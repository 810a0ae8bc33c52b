import { useEffect, useLayoutEffect, useRef } from 'react';
import type { Job } from '../../api/client';
import { type Key, useI18n } from '../../i18n';
import type { JobList } from '../../lib/joblist';
import { useRowHeight } from '../../lib/rowHeight';
import { useWindow } from '../../lib/useWindow';
import { JobRow, type RowActions } from './JobRow';
import type { Selection } from './selection';

interface Props extends RowActions {
  list: JobList;
  rows: readonly Job[];
  total: number;
  active: number;
  selection: Selection;
  onSelectAll: () => void;
  sort: string;
  onSort: (sort: string) => void;
}

/** Browsers give up on taller elements. */
const tallest = 30_000_000;

const columns: readonly { name: string; word: Key; sort?: string }[] = [
  { name: 'status', word: 'jobs.status' },
  { name: 'name', word: 'jobs.name', sort: 'name' },
  { name: 'schedule', word: 'jobs.schedule' },
  { name: 'next', word: 'jobs.next', sort: 'next_run_at' },
  { name: 'recent', word: 'jobs.recent' },
  { name: 'tags', word: 'jobs.tags' },
];

/** The list of jobs, of which only the rows in sight exist. */
export function JobTable({ list, rows, total, active, selection, onSelectAll, sort, onSort, ...on }: Props) {
  const { t } = useI18n();
  const body = useRef<HTMLDivElement>(null);
  const rowHeight = useRowHeight();
  const count = Math.min(total, Math.floor(tallest / rowHeight));
  const { first, end } = useWindow(body, count, rowHeight);

  useEffect(() => list.show(first, end), [list, first, end]);
  useFocusOnMove(body, active, rowHeight, first, end);

  return (
    <div role="grid" aria-label={t('nav.jobs')} aria-rowcount={total + 1} aria-multiselectable="true" className="table jobs-table">
      <div role="row" aria-rowindex={1} className="row table-head">
        <div role="columnheader" className="cell-select">
          <label className="tap">
            <input
              type="checkbox"
              aria-label={t('jobs.selectAll')}
              checked={selection.all}
              ref={(box) => {
                if (box) box.indeterminate = !selection.all && selection.ids.size > 0;
              }}
              onChange={onSelectAll}
            />
          </label>
        </div>
        {columns.map((column) => (
          <Heading key={column.name} {...column} sort={column.sort} now={sort} onSort={onSort} />
        ))}
        <div role="columnheader" className="cell-actions">
          <span className="hidden">{t('jobs.actions')}</span>
        </div>
      </div>
      <div ref={body} role="rowgroup" className="table-body" style={{ height: count * rowHeight }}>
        <div className="table-window" role="presentation" style={{ transform: `translateY(${first * rowHeight}px)` }}>
          {Array.from({ length: end - first }, (_, i) => {
            const index = first + i;
            const job = rows[index];
            return job ? (
              <JobRow key={job.id} job={job} index={index} active={index === active} selected={selection.all || selection.ids.has(job.id)} {...on} />
            ) : (
              <div key={index} className="row" role="row" aria-rowindex={index + 2}>
                <div role="gridcell" className="cell-bone">
                  <span className={`bone bone-${index % 3}`} />
                </div>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** Brings the row that keys moved to into sight, and gives it the focus. */
function useFocusOnMove(body: { current: HTMLElement | null }, active: number, rowHeight: number, first: number, end: number): void {
  const wanted = useRef(-1);
  const before = useRef(active);
  useLayoutEffect(() => {
    if (before.current === active) return;
    before.current = active;
    wanted.current = active;
    const top = body.current?.getBoundingClientRect().top ?? 0;
    const y = top + active * rowHeight;
    const head = 140;
    const foot = 80;
    if (y < head) scrollBy(0, y - head);
    else if (y + rowHeight > innerHeight - foot) scrollBy(0, y + rowHeight - innerHeight + foot);
  }, [body, active, rowHeight]);
  useLayoutEffect(() => {
    if (wanted.current < 0) return;
    const row = document.getElementById(`job-row-${wanted.current}`);
    if (!row) return;
    wanted.current = -1;
    if (!row.contains(document.activeElement)) row.focus({ preventScroll: true });
  }, [active, first, end]);
}

interface HeadingProps {
  name: string;
  word: Key;
  sort?: string;
  now: string;
  onSort: (sort: string) => void;
}

function Heading({ name, word, sort, now, onSort }: HeadingProps) {
  const { t } = useI18n();
  if (!sort) {
    return (
      <div role="columnheader" className={`cell-${name}`}>
        {t(word)}
      </div>
    );
  }
  const order = now === sort ? 'ascending' : now === `-${sort}` ? 'descending' : 'none';
  return (
    <div role="columnheader" className={`cell-${name}`} aria-sort={order}>
      <button type="button" className="sort" onClick={() => onSort(order === 'ascending' ? `-${sort}` : sort)}>
        {t(word)}
        <span aria-hidden="true">{order === 'ascending' ? ' ↑' : order === 'descending' ? ' ↓' : ''}</span>
      </button>
    </div>
  );
}
