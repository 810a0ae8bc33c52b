import { useCallback } from 'react';
import { useLocation } from 'wouter';
import { Page } from '../../components/Page';
import { useI18n } from '../../i18n';
import { formatRunFilter, parseRunFilter, type RunFilter } from '../../lib/filters';
import { useSearchText } from '../../lib/navigate';
import { RunList } from './RunList';
import { RunToolbar } from './RunToolbar';

/** Every run of every job, the newest first. */
export default function RunsPage() {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const filter = parseRunFilter(useSearchText());
  const key = formatRunFilter(filter);
  const change = useCallback(
    (to: Partial<RunFilter>) => navigate(`/runs${formatRunFilter({ ...parseRunFilter(key), ...to })}`, { replace: true }),
    [navigate, key],
  );
  return (
    <Page title={t('nav.runs')} name={t('nav.runs')}>
      <RunToolbar filter={filter} onChange={change} />
      <RunList filter={filter} withJob onClear={key === '' ? undefined : () => navigate('/runs')} />
    </Page>
  );
}
