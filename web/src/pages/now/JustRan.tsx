import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { latestRunsQuery } from '../../api/queries';
import { Glyph } from '../../components/icons';
import { JobName } from '../../components/JobName';
import { Ago } from '../../components/Time';
import { useI18n } from '../../i18n';
import { reasonText } from '../../i18n/words';
import { took } from '../../lib/duration';
import { runPath } from '../../lib/navigate';
import { runLook } from '../../lib/states';
import { Panel } from './Panel';

const shown = 8;

/** The latest runs as they come in. */
export function JustRan() {
  const { t } = useI18n();
  const { data, error, isPending } = useQuery({ ...latestRunsQuery(shown), placeholderData: keepPreviousData });
  return (
    <Panel
      title={t('now.latest')}
      more="/runs"
      error={error}
      loading={isPending}
      empty={data?.runs.length === 0 ? <p className="panel-calm">{t('runs.none')}</p> : null}
    >
      {data?.runs.map((run) => {
        const look = runLook(run.state);
        return (
          <li key={run.id}>
            <Glyph name={look.icon} className={`tone-${look.tone}`} width="14" height="14" />
            <div className="panel-text">
              <Link to={runPath(run.id)}>
                <JobName id={run.job_id} />
              </Link>
              <span className="soft">
                {t(look.word)}
                {run.reason !== 'ok' && run.reason !== '' && ` · ${reasonText(run.reason, t)}`}
              </span>
            </div>
            <div className="panel-when">
              <b className="num">{run.duration_ms === null ? '' : took(run.duration_ms)}</b>
              <span className="soft">
                <Ago at={run.started_at ?? run.scheduled_at} />
              </span>
            </div>
          </li>
        );
      })}
    </Panel>
  );
}
