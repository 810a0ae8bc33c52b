import { Field } from '../../components/Field';
import { useI18n } from '../../i18n';
import { AuthFields } from './AuthFields';
import type { Draft, RequestInput } from './draft';
import type { Faults } from './faults';
import { Headers } from './Headers';
import { TestRequest } from './TestRequest';

interface Props {
  draft: Draft;
  onChange: (change: Partial<Draft>) => void;
  faults: Faults;
  /** The id of a job that exists cannot change. */
  fixedId: boolean;
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'] as const;

/** What to call. */
export function What({ draft, onChange, faults, fixedId }: Props) {
  const { t } = useI18n();
  const { request } = draft;
  const setRequest = (change: Partial<RequestInput>): void => onChange({ request: { ...request, ...change } });
  return (
    <section className="card group" aria-labelledby="what">
      <h2 id="what">{t('editor.what')}</h2>
      <div className="target">
        <Field label={t('editor.method')} error={faults['request.method']}>
          <select className="mono" value={request.method ?? 'GET'} onChange={(event) => setRequest({ method: event.target.value })}>
            {methods.map((method) => (
              <option key={method}>{method}</option>
            ))}
          </select>
        </Field>
        <Field label="URL" error={faults['request.url']} className="grow">
          <input
            type="text"
            inputMode="url"
            className="mono"
            autoComplete="off"
            spellCheck={false}
            required
            placeholder="https://example.com/hook"
            value={request.url}
            onChange={(event) => setRequest({ url: event.target.value })}
          />
        </Field>
        <TestRequest draft={draft} />
      </div>
      <div className="pair">
        <Field label={t('jobs.name')} error={faults.name}>
          <input type="text" maxLength={200} value={draft.name} onChange={(event) => onChange({ name: event.target.value })} />
        </Field>
        <Field label={t('editor.tags')} error={faults.tags} hint={t('editor.tagsHint')}>
          <input type="text" value={draft.tags} onChange={(event) => onChange({ tags: event.target.value })} />
        </Field>
      </div>
      <Headers headers={draft.headers} onChange={(headers) => onChange({ headers })} faults={faults} />
      {request.method !== 'GET' && request.method !== 'HEAD' && (
        <Field label={t('editor.body')} error={faults['request.body']} hint={t('editor.bodyHint')}>
          <textarea
            className="mono"
            rows={4}
            spellCheck={false}
            value={typeof request.body === 'string' ? request.body : JSON.stringify(request.body ?? '')}
            onChange={(event) => setRequest({ body: event.target.value })}
          />
        </Field>
      )}
      <details className="more" open={request.auth != null || faultIn(faults, 'request.auth')}>
        <summary>{t('editor.auth')}</summary>
        <AuthFields request={request} onChange={setRequest} faults={faults} />
      </details>
      <details className="more" open={draft.description !== '' || faultIn(faults, 'id')}>
        <summary>{t('editor.identity')}</summary>
        <Field label="ID" error={faults.id} hint={fixedId ? t('editor.idFixed') : t('editor.idHint')}>
          <input type="text" className="mono" readOnly={fixedId} value={draft.id} onChange={(event) => onChange({ id: event.target.value })} />
        </Field>
        <Field label={t('editor.description')} error={faults.description}>
          <textarea rows={2} maxLength={4000} value={draft.description} onChange={(event) => onChange({ description: event.target.value })} />
        </Field>
      </details>
    </section>
  );
}

function faultIn(faults: Faults, field: string): boolean {
  return Object.keys(faults).some((name) => name === field || name.startsWith(`${field}.`));
}
