import type { Attempt } from '../../api/client';
import { Glyph } from '../../components/icons';
import { Countdown, FullMoment } from '../../components/Time';
import { useI18n } from '../../i18n';
import { reasonText } from '../../i18n/words';
import { useNow } from '../../lib/clock';
import { took } from '../../lib/duration';
import { waterfall } from '../../lib/waterfall';

/** Every call of a run, with where its time went, on one scale. */
export function Attempts({ attempts }: { attempts: readonly Attempt[] }) {
  const { t } = useI18n();
  const longest = Math.max(1, ...attempts.map((a) => Math.max(a.phases.total_ms, a.duration_ms)));
  return (
    <section className="attempts card" aria-label={t('runs.attempts')}>
      <header>
        <h2>{t('runs.attempts')}</h2>
        <ul className="phases-legend">
          {(['dns', 'connect', 'tls', 'wait', 'download'] as const).map((name) => (
            <li key={name} className={`phase-${name}`}>
              {t(`phase.${name}`)}
            </li>
          ))}
        </ul>
      </header>
      <ol>
        {attempts.map((attempt) => (
          <Row key={`${attempt.n} ${attempt.started_at}`} attempt={attempt} longest={longest} />
        ))}
      </ol>
    </section>
  );
}

function Row({ attempt, longest }: { attempt: Attempt; longest: number }) {
  const { t } = useI18n();
  const now = useNow();
  const good = attempt.reason === 'ok';
  const phases = waterfall(attempt.phases);
  const total = Math.max(attempt.phases.total_ms, attempt.duration_ms);
  const retry = attempt.next_retry_at;
  return (
    <li className="attempt">
      <span className="attempt-n num">{attempt.n}</span>
      <Glyph name={good ? 'dot' : 'cross'} className={good ? 'tone-ok' : 'tone-fail'} width="14" height="14" />
      <div className="attempt-what">
        <strong>{attempt.status_code ?? reasonText(attempt.reason, t)}</strong>
        {attempt.status_code !== null && !good && attempt.reason !== `status_${attempt.status_code}` && <span className="soft">{reasonText(attempt.reason, t)}</span>}
        <span className="soft">
          <FullMoment at={attempt.started_at} /> · {attempt.worker}
        </span>
        {attempt.error && <span className="attempt-error">{attempt.error}</span>}
        {retry && Date.parse(retry) > now && (
          <span className="soft">
            {t('run.nextRetryIn')} <Countdown at={retry} />
          </span>
        )}
      </div>
      <div className="waterfall" role="img" aria-label={phases.map((p) => `${t(`phase.${p.name}`)} ${took(p.ms)}`).join(', ')}>
        {phases.length === 0 && <span className="phase-wait" style={{ left: 0, width: `${(total / longest) * 100}%` }} />}
        {phases.map((phase) => (
          <span
            key={phase.name}
            className={`phase-${phase.name}`}
            title={`${t(`phase.${phase.name}`)} ${took(phase.ms)}`}
            style={{ left: `${(phase.start / longest) * 100}%`, width: `${(phase.ms / longest) * 100}%` }}
          />
        ))}
      </div>
      <span className="attempt-took num">{took(total)}</span>
    </li>
  );
}
