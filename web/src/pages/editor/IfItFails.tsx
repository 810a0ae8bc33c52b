import type { ReactElement } from 'react';
import { Field } from '../../components/Field';
import { type Key, useI18n } from '../../i18n';
import type { Draft, PolicyInput } from './draft';
import type { Faults } from './faults';

interface Props {
  draft: Draft;
  onChange: (change: Partial<Draft>) => void;
  faults: Faults;
}

type Retry = NonNullable<PolicyInput['retry']>;
type Success = NonNullable<PolicyInput['success']>;
type Keep = NonNullable<PolicyInput['keep']>;
type Limits = NonNullable<PolicyInput['limits']>;

const overlaps = ['forbid', 'allow', 'replace', 'queue'] as const;
const coalesces = ['latest', 'earliest', 'all'] as const;
const queues = ['critical', 'default', 'low'] as const;

/** What happens when a call fails, comes late, or meets the one before. Empty means the default, which shows. */
export function IfItFails({ draft, onChange, faults }: Props) {
  const { t } = useI18n();
  const { policy } = draft;
  const set = (change: Partial<PolicyInput>): void => onChange({ policy: { ...policy, ...change } });
  const setRetry = (change: Partial<Retry>): void => set({ retry: { ...policy.retry, ...change } });
  const setSuccess = (change: Partial<Success>): void => set({ success: { ...policy.success, ...change } });

  const setKeep = (change: Partial<Keep>): void => set({ keep: { ...policy.keep, ...change } });
  const setLimits = (change: Partial<Limits>): void => set({ limits: { ...policy.limits, ...change } });

  const text = (word: Key, path: string, value: string | null | undefined, or: string, write: (value: string | undefined) => void): ReactElement => (
    <Field label={t(word)} error={faults[`policy.${path}`]}>
      <input type="text" className="mono" placeholder={or} value={value ?? ''} onChange={(event) => write(event.target.value.trim() || undefined)} />
    </Field>
  );
  const number = (word: Key, path: string, value: number | null | undefined, or: number, write: (value: number | undefined) => void): ReactElement => (
    <Field label={t(word)} error={faults[`policy.${path}`]}>
      <input
        type="number"
        min={0}
        placeholder={String(or)}
        value={value ?? ''}
        onChange={(event) => write(Number.isNaN(event.target.valueAsNumber) ? undefined : event.target.valueAsNumber)}
      />
    </Field>
  );
  function choice<T extends string>(word: Key, path: string, value: string | null | undefined, words: readonly T[], label: (value: T) => Key, write: (value: T) => void): ReactElement {
    return (
      <Field label={t(word)} error={faults[`policy.${path}`]}>
        <select value={value ?? ''} onChange={(event) => words.filter((w) => w === event.target.value).forEach(write)}>
          {words.map((w) => (
            <option key={w} value={w}>
              {t(label(w))}
            </option>
          ))}
        </select>
      </Field>
    );
  }
  return (
    <section className="card group" aria-labelledby="fails">
      <h2 id="fails">{t('editor.fails')}</h2>
      <div className="triple">
        {number('policy.attempts', 'retry.max_attempts', policy.retry?.max_attempts, 3, (max_attempts) => setRetry({ max_attempts }))}
        {text('policy.minBackoff', 'retry.min_backoff', policy.retry?.min_backoff, '5s', (min_backoff) => setRetry({ min_backoff }))}
        {text('policy.timeout', 'attempt_timeout', policy.attempt_timeout, '30s', (attempt_timeout) => set({ attempt_timeout }))}
      </div>
      <div className="pair">
        {choice('policy.overlap', 'concurrency_policy', policy.concurrency_policy ?? 'forbid', overlaps, (w) => `overlap.${w}`, (concurrency_policy) => set({ concurrency_policy }))}
        {text('policy.grace', 'misfire_grace_time', policy.misfire_grace_time, draft.schedule.type === 'date' ? 'unlimited' : '60s', (misfire_grace_time) => set({ misfire_grace_time }))}
      </div>
      <details className="more" open={hasFault(faults)}>
        <summary>{t('editor.morePolicy')}</summary>
        <div className="triple">
          {text('policy.maxBackoff', 'retry.max_backoff', policy.retry?.max_backoff, '1h', (max_backoff) => setRetry({ max_backoff }))}
          {text('policy.maxRetry', 'retry.max_retry_duration', policy.retry?.max_retry_duration, '0s', (max_retry_duration) => setRetry({ max_retry_duration }))}
          {text('policy.connectTimeout', 'connect_timeout', policy.connect_timeout, '5s', (connect_timeout) => set({ connect_timeout }))}
          {text('policy.jitter', 'jitter', policy.jitter, '0s', (jitter) => set({ jitter }))}
          {number('policy.autoPause', 'auto_pause_after', policy.auto_pause_after, 0, (auto_pause_after) => set({ auto_pause_after }))}
          {choice('policy.queue', 'queue', policy.queue ?? 'default', queues, (w) => `queue.${w}`, (queue) => set({ queue }))}
        </div>
        <div className="pair">
          {choice('policy.coalesce', 'coalesce', policy.coalesce ?? 'latest', coalesces, (w) => `coalesce.${w}`, (coalesce) => set({ coalesce }))}
          <Field label={t('policy.success')} error={faults['policy.success.status']} hint={t('policy.successHint')}>
            <input
              type="text"
              className="mono"
              placeholder="2xx"
              value={(policy.success?.status ?? []).join(', ')}
              onChange={(event) => {
                const status = event.target.value.split(',').map((s) => s.trim());
                setSuccess({ status: event.target.value === '' ? undefined : status });
              }}
            />
          </Field>
          {text('policy.bodyMatch', 'success.body_match', policy.success?.body_match, '', (body_match) => setSuccess({ body_match }))}
          {text('policy.bodyNotMatch', 'success.body_not_match', policy.success?.body_not_match, '', (body_not_match) => setSuccess({ body_not_match }))}
        </div>
        <div className="triple">
          {number('policy.keepSuccesses', 'keep.successes', policy.keep?.successes, 100, (successes) => setKeep({ successes }))}
          {number('policy.keepFailures', 'keep.failures', policy.keep?.failures, 100, (failures) => setKeep({ failures }))}
          {text('policy.keepAge', 'keep.max_age', policy.keep?.max_age, '30d', (max_age) => setKeep({ max_age }))}
          {number('policy.hostConcurrency', 'limits.per_host_concurrency', policy.limits?.per_host_concurrency, 0, (per_host_concurrency) => setLimits({ per_host_concurrency }))}
          {number('policy.hostRate', 'limits.per_host_rate', policy.limits?.per_host_rate, 0, (per_host_rate) => setLimits({ per_host_rate }))}
        </div>
      </details>
    </section>
  );
}

const hidden = ['retry.max_backoff', 'retry.max_retry_duration', 'connect_timeout', 'jitter', 'auto_pause_after', 'queue', 'coalesce', 'success', 'keep', 'limits'];

function hasFault(faults: Faults): boolean {
  return Object.keys(faults).some((field) => hidden.some((name) => field.startsWith(`policy.${name}`)));
}
