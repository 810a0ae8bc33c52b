import { useEffect, useRef } from 'react';
import { Button } from '../../components/Button';
import { Blank, Failure, Skeleton } from '../../components/Notice';
import { useI18n } from '../../i18n';
import type { RunFilter } from '../../lib/filters';
import { RunTable } from './RunTable';
import { useRuns } from './useRuns';

interface Props {
  filter: RunFilter;
  withJob?: boolean;
  /** Takes the filter away; absent when there is none. */
  onClear?: () => void;
}

/** The runs for a filter, with what shows when there are none. */
export function RunList({ filter, withJob, onClear }: Props) {
  const { t } = useI18n();
  const { runs, error, isPending, hasMore, more, retry } = useRuns(filter);
  if (isPending && !error) return <Skeleton lines={12} />;
  if (error && runs.length === 0) return <Failure error={error} onRetry={retry} />;
  if (runs.length === 0) {
    return (
      <Blank icon="runs" title={t(onClear ? 'runs.noneMatch' : 'runs.none')}>
        {onClear && <Button onClick={onClear}>{t('filter.clear')}</Button>}
      </Blank>
    );
  }
  return (
    <>
      <RunTable runs={runs} withJob={withJob} />
      <End has={hasMore} onReached={more} />
    </>
  );
}

/** The end of the list: more is read as it comes into sight. */
function End({ has, onReached }: { has: boolean; onReached: () => void }) {
  const { t } = useI18n();
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const end = ref.current;
    if (!end || !has) return;
    const watch = new IntersectionObserver(([entry]) => entry?.isIntersecting && onReached(), { rootMargin: '600px' });
    watch.observe(end);
    return () => watch.disconnect();
  }, [has, onReached]);
  return (
    <div ref={ref} className="list-end soft">
      {has ? t('state.loading') : t('runs.end')}
    </div>
  );
}
