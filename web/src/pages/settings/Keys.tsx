import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, unwrap } from '../../api/client';
import { queries } from '../../api/queries';
import type { components } from '../../api/schema';
import { sessionQuery } from '../../api/scope';
import { requireLogin } from '../../api/session';
import { Button, IconButton } from '../../components/Button';
import { Confirm } from '../../components/Confirm';
import { CopyText } from '../../components/Copy';
import { Glyph } from '../../components/icons';
import { Blank, Failure, Skeleton } from '../../components/Notice';
import { Moment } from '../../components/Time';
import { useI18n } from '../../i18n';
import { NewKey } from './NewKey';

type ApiKey = components['schemas']['Key'];
type MadeKey = components['schemas']['NewKey'];

const keysQuery = { queryKey: ['keys'], queryFn: () => unwrap(api.GET('/api/v1/keys')) };

/** Who may call the API and use this page. */
export function Keys() {
  const { t } = useI18n();
  const keys = useQuery(keysQuery);
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<MadeKey | null>(null);
  const [removing, setRemoving] = useState<ApiKey | null>(null);
  const first = keys.data?.keys.length === 0;
  return (
    <>
      <Who />
      <div className="section-head">
        <p className="soft">{t(first ? 'keys.open' : 'keys.text')}</p>
        <Button kind="primary" icon="plus" needs="admin" onClick={() => setMaking(true)}>
          {t('keys.make')}
        </Button>
      </div>
      {made && (
        <div className="card made" role="status">
          <strong>{t('keys.made', { name: made.name })}</strong>
          <CopyText text={made.key}>
            <code className="mono">{made.key}</code>
          </CopyText>
          <p className="soft">{t('keys.once')}</p>
        </div>
      )}
      {keys.error ? (
        <Failure error={keys.error} onRetry={() => void keys.refetch()} />
      ) : !keys.data ? (
        <Skeleton />
      ) : first ? (
        <Blank icon="key" title={t('keys.none')} />
      ) : (
        <List keys={keys.data.keys} onRemove={setRemoving} />
      )}
      {making && (
        <NewKey
          first={first}
          onClose={() => setMaking(false)}
          onMade={(key) => {
            setMade(key);
            void queries.invalidateQueries({ queryKey: ['keys'] });
            void queries.invalidateQueries({ queryKey: ['session'] });
          }}
        />
      )}
      {removing && (
        <Confirm
          title={t('keys.deleteTitle', { name: removing.name })}
          action={t('action.delete')}
          danger
          onClose={() => setRemoving(null)}
          onConfirm={async () => {
            await unwrap(api.DELETE('/api/v1/keys/{id}', { params: { path: { id: removing.id } } }));
            await queries.invalidateQueries({ queryKey: ['keys'] });
          }}
        >
          {t('keys.deleteText')}
        </Confirm>
      )}
    </>
  );
}

/** Who this browser is to the server. */
function Who() {
  const { t } = useI18n();
  const { data } = useQuery(sessionQuery);
  if (!data?.key || !data.scope) return null;
  return (
    <div className="section-head card who">
      <span>
        <Glyph name="key" /> {t('keys.you', { name: data.key.name, scope: t(`scope.${data.scope}`) })}
      </span>
      <Button
        onClick={() => {
          void unwrap(api.DELETE('/api/v1/session')).then(() => {
            queries.clear();
            requireLogin();
          });
        }}
      >
        {t('login.out')}
      </Button>
    </div>
  );
}

function List({ keys, onRemove }: { keys: readonly ApiKey[]; onRemove: (key: ApiKey) => void }) {
  const { t } = useI18n();
  return (
    <div className="card table-scroll">
      <table className="plain-table stacked">
        <caption className="hidden">{t('settings.keys')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('jobs.name')}</th>
            <th scope="col">{t('keys.scope')}</th>
            <th scope="col">{t('keys.created')}</th>
            <th scope="col">{t('keys.expires')}</th>
            <th scope="col">{t('keys.used')}</th>
            <th scope="col">
              <span className="hidden">{t('jobs.actions')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.id}>
              <th scope="row">
                {key.name} <span className="soft mono">sk_{key.id}…</span>
              </th>
              <td data-label={t('keys.scope')}>{t(`scope.${key.scope}`)}</td>
              <td data-label={t('keys.created')}>
                <Moment at={key.created_at} />
              </td>
              <td data-label={t('keys.expires')}>{key.expires_at ? <Moment at={key.expires_at} /> : t('keys.never')}</td>
              <td data-label={t('keys.used')}>{key.last_used_at ? <Moment at={key.last_used_at} /> : t('keys.never')}</td>
              <td>
                <IconButton icon="trash" label={t('keys.delete', { name: key.name })} onClick={() => onRemove(key)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
