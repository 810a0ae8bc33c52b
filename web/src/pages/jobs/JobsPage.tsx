import { useCallback, useLayoutEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import type { Job } from '../../api/client';
import { Button } from '../../components/Button';
import { LiveHorizon } from '../../components/LiveHorizon';
import { Blank, Failure } from '../../components/Notice';
import { Page } from '../../components/Page';
import { useI18n } from '../../i18n';
import { dueBetween, formatJobFilter, type JobFilter, parseJobFilter } from '../../lib/filters';
import { jobPath, useSearchText } from '../../lib/navigate';
import { useKeys } from '../../lib/useKeys';
import { BulkBar } from './BulkBar';
import { FirstStart } from './FirstStart';
import { JobTable } from './JobTable';
import { nothing, type Selection, sizeOf, toggle } from './selection';
import { Toolbar } from './Toolbar';
import { useJobActions } from '../../components/useJobActions';
import { useJobList } from './useJobList';

/** All jobs: what they do, when they run next, how their last runs went. */
export function JobsPage() {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const search = useRef<HTMLInputElement>(null);
  const filter = parseJobFilter(useSearchText());
  const filterKey = formatJobFilter(filter);
  const [chosen, setChosen] = useState<{ key: string; selection: Selection }>({ key: filterKey, selection: nothing });
  const selection = chosen.key === filterKey ? chosen.selection : nothing;
  const [active, setActive] = useState(0);
  const { list, rows, total, error, byId } = useJobList(filter);
  const act = useJobActions((job) => list.patch(job.id, (before) => ({ ...before, ...job })));

  const change = useCallback(
    (to: Partial<JobFilter>) => navigate(`/jobs${formatJobFilter({ ...parseJobFilter(filterKey), ...to })}`, { replace: true }),
    [navigate, filterKey],
  );
  const select = (next: Selection): void => setChosen({ key: filterKey, selection: next });
  const here = rows[active];
  const onHere = (what: (job: Job) => void) => () => here && what(here);
  const move = (by: number) => () => setActive(Math.max(0, Math.min((total ?? 1) - 1, active + by)));
  const edit = (job: Job): void => navigate(`${jobPath(job.id)}/edit`);
  const toggleJob = (job: Job): void => select(toggle(selection, job.id, byId.keys()));
  useKeys({
    '/': () => search.current?.focus(),
    j: move(1),
    k: move(-1),
    arrowdown: move(1),
    arrowup: move(-1),
    enter: (event) => {
      if (isRow(event.target)) onHere((job) => navigate(jobPath(job.id)))();
    },
    x: onHere(toggleJob),
    e: onHere(edit),
    r: onHere(act.run),
    p: onHere(act.togglePause),
    escape: () => select(nothing),
  });
  const handlers = useStableHandlers({
    onSelect: toggleJob,
    onFocus: setActive,
    onRun: act.run,
    onPause: act.togglePause,
    onEdit: edit,
    onTag: (tag: string) => change({ tags: [...new Set([...filter.tags, tag])] }),
  });
  const empty = total === 0;
  const first = empty && filterKey === '';
  return (
    <Page
      title={t('nav.jobs')}
      name={t('nav.jobs')}
      actions={
        <Button kind="primary" icon="plus" hint="n" needs="write" onClick={() => navigate('/jobs/new')}>
          {t('jobs.new')}
        </Button>
      }
    >
      {first ? (
        <FirstStart onMade={() => list.refresh()} />
      ) : (
        <>
          <LiveHorizon onPickFuture={(from, to) => change({ ...dueBetween(from, to), sort: 'next_run_at' })} />
          <Toolbar filter={filter} onChange={change} total={total} search={search} />
          {error !== null && rows.length === 0 ? (
            <Failure error={error} onRetry={() => list.refresh()} />
          ) : empty ? (
            <Blank icon="search" title={t('jobs.none')}>
              <Button onClick={() => navigate('/jobs')}>{t('filter.clear')}</Button>
            </Blank>
          ) : (
            <JobTable
              list={list}
              rows={rows}
              total={total ?? 12}
              active={active}
              selection={selection}
              onSelectAll={() => select(selection.all || selection.ids.size > 0 ? nothing : { all: true, ids: new Set() })}
              sort={filter.sort}
              onSort={(sort) => change({ sort })}
              {...handlers}
            />
          )}
          {sizeOf(selection, total ?? 0) > 0 && (
            <BulkBar selection={selection} filter={filter} total={total ?? 0} names={byId} onClear={() => select(nothing)} onDone={() => list.refresh()} />
          )}
        </>
      )}
      {act.dialog}
    </Page>
  );
}

function isRow(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.getAttribute('role') === 'row' || target === document.body || target.tagName === 'H1');
}

/** Functions that stay the same while what they do is always the latest, so that rows need not be made again. */
function useStableHandlers<T extends Record<string, (argument: never) => void>>(handlers: T): T {
  const latest = useRef(handlers);
  useLayoutEffect(() => {
    latest.current = handlers;
  });
  const [stable] = useState(() => {
    const entries = Object.keys(handlers).map((name) => [name, (argument: never) => latest.current[name]?.(argument)]);
    return Object.fromEntries(entries) as T;
  });
  return stable;
}
