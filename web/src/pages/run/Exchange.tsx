import { useState } from 'react';
import type { Run } from '../../api/client';
import { Tabs } from '../../components/Tabs';
import { useI18n } from '../../i18n';
import { Body } from './Body';

/** What was sent and what came back, as it was: never as HTML, never parsed and written anew. */
export function Exchange({ run }: { run: Run }) {
  const { t } = useI18n();
  const [tab, setTab] = useState<'response' | 'request'>('response');
  const { request, response } = run;
  return (
    <Tabs
      label={t('run.exchange')}
      value={tab}
      onChange={setTab}
      tabs={[
        { value: 'response', label: t('run.response') },
        { value: 'request', label: t('run.request') },
      ]}
    >
      {tab === 'request' && request && (
        <div className="exchange">
          <p className="mono exchange-line">
            <b>{request.method}</b> {request.url}
          </p>
          <Headers headers={request.headers} />
          <Body text={request.body} encoding={request.body_encoding ?? 'text'} label={t('run.requestBody')} />
        </div>
      )}
      {tab === 'response' &&
        (response ? (
          <div className="exchange">
            <p className="mono exchange-line">
              <b>{response.status_code}</b>
            </p>
            <Headers headers={response.headers} />
            <Body text={response.body} encoding={response.body_encoding} truncated={response.truncated} label={t('run.responseBody')} />
          </div>
        ) : (
          <p className="soft exchange-none">{t('run.noResponse')}</p>
        ))}
    </Tabs>
  );
}

function Headers({ headers }: { headers: Record<string, string> | null }) {
  const { t } = useI18n();
  const list = Object.entries(headers ?? {});
  if (list.length === 0) return null;
  return (
    <table className="headers">
      <caption className="hidden">{t('run.headers')}</caption>
      <tbody>
        {list.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td className="mono">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
