import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, unwrap } from '../../api/client';
import type { components } from '../../api/schema';
import { Button } from '../../components/Button';
import { Changes } from '../../components/Changes';
import { Field } from '../../components/Field';
import { Blank, Failure, Skeleton } from '../../components/Notice';
import { FullMoment } from '../../components/Time';
import { useI18n } from '../../i18n';
import { useDebounced } from '../../lib/useDebounced';

type Entry = components['schemas']['AuditEntry'];

/** Who did what. */
export function Audit() {
  const { t } = useI18n();
  const [text, setText] = useState('');
  const target = useDebounced(text.trim(), 250);
  const log = useInfiniteQuery({
    queryKey: ['audit', target],
    initialPageParam: '',
    getNextPageParam: (page: { next_cursor: string | null }) => page.next_cursor,
    queryFn: ({ pageParam }) => unwrap(api.GET('/api/v1/audit', { params: { query: { target: target || undefined, cursor: pageParam || undefined } } })),
  });
  const entries = log.data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <>
      <div className="section-head">
        <p className="soft">{t('audit.text')}</p>
        <Field label={t('audit.target')}>
          <input type="search" value={text} onChange={(event) => setText(event.target.value)} />
        </Field>
      </div>
      {log.error ? (
        <Failure error={log.error} onRetry={() => void log.refetch()} />
      ) : log.isPending ? (
        <Skeleton lines={6} />
      ) : entries.length === 0 ? (
        <Blank icon="search" title={t('audit.none')} />
      ) : (
        <ol className="audit card">
          {entries.map((entry) => (
            <Line key={entry.id} entry={entry} />
          ))}
        </ol>
      )}
      {log.hasNextPage && (
        <Button disabled={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
          {t('action.more')}
        </Button>
      )}
    </>
  );
}

function Line({ entry }: { entry: Entry }) {
  const { t } = useI18n();
  return (
    <li>
      <div className="audit-line">
        <FullMoment at={entry.at} />
        <strong>{entry.actor.name || entry.actor.id}</strong>
        <span className="mono">{entry.action}</span>
        <span className="mono audit-target">{entry.target}</span>
        <span className="soft mono">{entry.address}</span>
      </div>
      {entry.diff.length > 0 && (
        <details>
          <summary>{t('audit.changes', { n: entry.diff.length })}</summary>
          <Changes changes={entry.diff} />
          {entry.truncated && <p className="soft">{t('audit.truncated')}</p>}
        </details>
      )}
    </li>
  );
}
