import { useState } from 'react';
import type { components } from '../../api/schema';
import { api, unwrap } from '../../api/client';
import { Button } from '../../components/Button';
import { Code } from '../../components/Code';
import { Glyph } from '../../components/icons';
import { Alert } from '../../components/Notice';
import { useI18n } from '../../i18n';
import { errorText, reasonText } from '../../i18n/words';
import { took } from '../../lib/duration';
import { type Draft, sameHeaders, toRequest } from './draft';
import { focusFirstFault } from './faults';

type Result = components['schemas']['Trial'];

/** Makes the call once, as it stands, without saving anything. */
export function TestRequest({ draft }: { draft: Draft }) {
  const { t } = useI18n();
  const [busy, setBusy] = useState(false);
  const [result, setResult] = useState<Result | null>(null);
  const [error, setError] = useState<unknown>(null);
  const run = async (): Promise<void> => {
    if (sameHeaders(draft.headers).size > 0) return focusFirstFault();
    setBusy(true);
    setError(null);
    setResult(null);
    try {
      setResult(await unwrap(api.POST('/api/v1/jobs/test', { body: { request: toRequest(draft), policy: draft.policy } })));
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button icon="play" className="test" needs="run" disabled={busy || draft.request.url.trim() === ''} onClick={() => void run()}>
        {t(busy ? 'editor.testing' : 'editor.test')}
      </Button>
      {(error !== null || result !== null) && (
        <div className="test-result" role="status">
          {error !== null && <Alert>{errorText(error, t)}</Alert>}
          {result !== null && <Shown result={result} />}
        </div>
      )}
    </>
  );
}

function Shown({ result }: { result: Result }) {
  const { t } = useI18n();
  const { attempt, response } = result;
  const good = attempt.reason === 'ok';
  return (
    <>
      <p className={good ? 'tone-ok' : 'tone-fail'}>
        <Glyph name={good ? 'check' : 'cross'} width="14" height="14" />
        <strong>{t('run.after', { what: attempt.status_code ?? reasonText(attempt.reason, t), time: took(attempt.duration_ms) })}</strong>
        {attempt.error && <span className="soft">{attempt.error}</span>}
      </p>
      {response && response.body !== '' && <Code text={response.body.slice(0, 4000)} label={t('run.responseBody')} />}
    </>
  );
}
