import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, unwrap } from '../../api/client';
import type { components } from '../../api/schema';
import { queries } from '../../api/queries';
import { Button, IconButton } from '../../components/Button';
import { Confirm } from '../../components/Confirm';
import { CopyText } from '../../components/Copy';
import { Field } from '../../components/Field';
import { Blank, Failure, Skeleton } from '../../components/Notice';
import { Moment } from '../../components/Time';
import { useI18n } from '../../i18n';

type Secret = components['schemas']['Secret'];

const secretsQuery = { queryKey: ['secrets'], queryFn: () => unwrap(api.GET('/api/v1/secrets')) };
const refresh = () => queries.invalidateQueries({ queryKey: ['secrets'] });

/** Values that jobs use by name and nobody reads again. */
export function Secrets() {
  const { t } = useI18n();
  const { data, error, refetch } = useQuery(secretsQuery);
  const [writing, setWriting] = useState<Secret | 'new' | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  return (
    <>
      <div className="section-head">
        <p className="soft">{t('secrets.text', { secret: '{{ secret.NAME }}' })}</p>
        <Button kind="primary" icon="plus" needs="admin" onClick={() => setWriting('new')}>
          {t('secrets.make')}
        </Button>
      </div>
      {error ? (
        <Failure error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton />
      ) : data.secrets.length === 0 ? (
        <Blank icon="key" title={t('secrets.none')} />
      ) : (
        <div className="card table-scroll">
          <table className="plain-table stacked">
            <caption className="hidden">{t('settings.secrets')}</caption>
            <thead>
              <tr>
                <th scope="col">{t('jobs.name')}</th>
                <th scope="col">{t('secrets.use')}</th>
                <th scope="col">{t('secrets.hosts')}</th>
                <th scope="col">{t('secrets.changed')}</th>
                <th scope="col">
                  <span className="hidden">{t('jobs.actions')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.secrets.map((secret) => (
                <tr key={secret.name}>
                  <th scope="row" className="mono">
                    {secret.name}
                  </th>
                  <td data-label={t('secrets.use')}>
                    <CopyText text={`{{ secret.${secret.name} }}`}>
                      <code className="mono">{`{{ secret.${secret.name} }}`}</code>
                    </CopyText>
                  </td>
                  <td data-label={t('secrets.hosts')}>
                    {secret.hosts.length > 0 ? <span className="mono">{secret.hosts.join(', ')}</span> : <span className="soft">{t('secrets.anywhere')}</span>}
                  </td>
                  <td data-label={t('secrets.changed')}>
                    <Moment at={secret.updated_at} />
                  </td>
                  <td className="cell-buttons">
                    <IconButton icon="edit" label={t('secrets.replace', { name: secret.name })} onClick={() => setWriting(secret)} />
                    <IconButton icon="trash" label={t('keys.delete', { name: secret.name })} onClick={() => setRemoving(secret.name)} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {writing !== null && <Write known={writing === 'new' ? null : writing} onClose={() => setWriting(null)} />}
      {removing !== null && (
        <Confirm
          title={t('secrets.deleteTitle', { name: removing })}
          action={t('action.delete')}
          danger
          onClose={() => setRemoving(null)}
          onConfirm={async () => {
            await unwrap(api.DELETE('/api/v1/secrets/{id}', { params: { path: { id: removing } } }));
            await refresh();
          }}
        />
      )}
    </>
  );
}

/** Asks for a secret's value and hosts, and for its name when it is new. */
function Write({ known, onClose }: { known: Secret | null; onClose: () => void }) {
  const { t } = useI18n();
  const [name, setName] = useState(known?.name ?? '');
  const [value, setValue] = useState('');
  const [hosts, setHosts] = useState(known?.hosts.join('\n') ?? '');
  return (
    <Confirm
      title={known ? t('secrets.replace', { name: known.name }) : t('secrets.make')}
      action={t('action.save')}
      onClose={onClose}
      onConfirm={async () => {
        const body = { value: value === '' ? undefined : value, hosts: hosts.split(/[\s,]+/).filter((host) => host !== '') };
        await unwrap(api.PUT('/api/v1/secrets/{id}', { params: { path: { id: name } }, body }));
        await refresh();
      }}
    >
      <Field label={t('jobs.name')} hint={t('secrets.nameHint')}>
        <input
          type="text"
          className="mono"
          required
          pattern="[A-Za-z0-9_\-]{1,64}"
          readOnly={known !== null}
          autoFocus={known === null}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </Field>
      <Field label={t('secrets.value')} hint={known ? `${t('secrets.valueHint')} ${t('secrets.valueKept')}` : t('secrets.valueHint')}>
        <input type="password" className="mono" autoComplete="off" required={known === null} autoFocus={known !== null} value={value} onChange={(event) => setValue(event.target.value)} />
      </Field>
      <Field label={t('secrets.hosts')} hint={t('secrets.hostsHint')}>
        <textarea className="mono" rows={3} spellCheck={false} value={hosts} onChange={(event) => setHosts(event.target.value)} />
      </Field>
    </Confirm>
  );
}
