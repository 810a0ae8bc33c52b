import { useQuery } from '@tanstack/react-query';
import type { Run } from '../../api/client';
import { jobQuery } from '../../api/queries';
import { type Translate, useI18n } from '../../i18n';
import { reasonText } from '../../i18n/words';
import { useNow } from '../../lib/clock';
import { countdown, took } from '../../lib/duration';
import { isOpen } from '../../lib/states';

/** The whole run in one sentence: "503 after 1.2 s, attempt 2 of 3, next retry in 30 s". */
export function useSentence(run: Run): string {
  const { t } = useI18n();
  const now = useNow();
  const job = useQuery({ ...jobQuery(run.job_id), retry: false });
  return sentence(run, job.data?.policy.retry.max_attempts, now, t);
}

export function sentence(run: Run, maxAttempts: number | undefined, now: number, t: Translate): string {
  const last = run.attempts.at(-1);
  const parts: string[] = [];
  if (!last) parts.push(isOpen(run.state) ? t(`state.${run.state}`) : `${t(`state.${run.state}`)}: ${reasonText(run.reason, t)}`);
  else {
    const what = last.status_code === null ? reasonText(last.reason, t) : String(last.status_code);
    parts.push(t('run.after', { what, time: took(last.duration_ms) }));
  }
  if (last && run.reason !== '' && run.reason !== 'ok' && run.reason !== last.reason) parts.push(reasonText(run.reason, t));
  if (last && (run.attempts.length > 1 || run.state === 'retrying')) {
    parts.push(maxAttempts ? t('run.attemptOf', { n: last.n, of: maxAttempts }) : t('run.attempt', { n: last.n }));
  }
  if (last?.next_retry_at && run.state === 'retrying') {
    parts.push(t('run.nextRetry', { time: countdown(Date.parse(last.next_retry_at) - now) }));
  }
  return parts.join(t('list.comma'));
}
