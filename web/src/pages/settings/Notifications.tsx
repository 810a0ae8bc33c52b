import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, unwrap } from '../../api/client';
import { queries } from '../../api/queries';
import type { components } from '../../api/schema';
import { Button, IconButton } from '../../components/Button';
import { Confirm } from '../../components/Confirm';
import { Field } from '../../components/Field';
import { Blank, Failure, Skeleton } from '../../components/Notice';
import { Moment } from '../../components/Time';
import { type Key, useI18n } from '../../i18n';

type Channel = components['schemas']['Channel'];
type Kind = Channel['kind'];

/** The settings of each kind, in the order of its form. A password is never shown again. */
const forms: Record<Kind, readonly { name: string; secret?: boolean; required?: boolean; initial?: string }[]> = {
  feishu: [{ name: 'url', required: true }, { name: 'secret', secret: true }],
  dingtalk: [{ name: 'url', required: true }, { name: 'secret', secret: true }],
  wecom: [{ name: 'url', required: true }],
  slack: [{ name: 'url', required: true }],
  teams: [{ name: 'url', required: true }],
  discord: [{ name: 'url', required: true }],
  telegram: [{ name: 'token', secret: true, required: true }, { name: 'chat_id', required: true }],
  email: [
    { name: 'host', required: true },
    { name: 'port', initial: '587' },
    { name: 'tls', initial: 'starttls' },
    { name: 'user' },
    { name: 'password', secret: true },
    { name: 'from', required: true },
    { name: 'to', required: true },
  ],
  webhook: [{ name: 'url', required: true }, { name: 'secret', secret: true }, { name: 'authorization', secret: true }],
  pagerduty: [{ name: 'routing_key', secret: true, required: true }],
  ntfy: [{ name: 'topic', secret: true, required: true }, { name: 'url', initial: 'https://ntfy.sh' }, { name: 'token', secret: true }],
  bark: [{ name: 'device_key', secret: true, required: true }, { name: 'url', initial: 'https://api.day.app' }],
  alertmanager: [{ name: 'url', required: true }, { name: 'authorization', secret: true }],
};

const kinds = Object.keys(forms) as Kind[];

const stateWords: Record<components['schemas']['Notification']['state'], Key> = {
  pending: 'notify.pending',
  queued: 'notify.queued',
  sent: 'notify.sent',
  failed: 'notify.failed',
};

const refresh = () => queries.invalidateQueries({ queryKey: ['notify'] });

/** Where messages go, what is told there, and what was told last. */
export function Notifications() {
  const { t } = useI18n();
  const channels = useQuery({ queryKey: ['notify', 'channels'], queryFn: () => unwrap(api.GET('/api/v1/channels')) });
  const [writing, setWriting] = useState<Channel | 'new' | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  return (
    <>
      <div className="section-head">
        <p className="soft">{t('notify.text')}</p>
        <Button kind="primary" icon="plus" needs="admin" onClick={() => setWriting('new')}>
          {t('notify.make')}
        </Button>
      </div>
      {channels.error ? (
        <Failure error={channels.error} onRetry={() => void channels.refetch()} />
      ) : !channels.data ? (
        <Skeleton />
      ) : channels.data.channels.length === 0 ? (
        <Blank icon="ring" title={t('notify.none')} />
      ) : (
        <div className="card table-scroll">
          <table className="plain-table stacked">
            <caption className="hidden">{t('settings.notifications')}</caption>
            <thead>
              <tr>
                <th scope="col">{t('jobs.name')}</th>
                <th scope="col">{t('notify.kind')}</th>
                <th scope="col">{t('notify.to')}</th>
                <th scope="col">
                  <span className="hidden">{t('jobs.actions')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {channels.data.channels.map((channel) => (
                <Row key={channel.id} channel={channel} onEdit={() => setWriting(channel)} onRemove={() => setRemoving(channel.id)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Last />
      {writing !== null && <Write known={writing === 'new' ? null : writing} onClose={() => setWriting(null)} />}
      {removing !== null && (
        <Confirm
          title={t('notify.deleteTitle', { name: removing })}
          action={t('action.delete')}
          danger
          onClose={() => setRemoving(null)}
          onConfirm={async () => {
            await unwrap(api.DELETE('/api/v1/channels/{id}', { params: { path: { id: removing } } }));
            await refresh();
          }}
        />
      )}
    </>
  );
}

/** One channel, with a test that shows the other side's answer, and one click that sends all failures there. */
function Row({ channel, onEdit, onRemove }: { channel: Channel; onEdit: () => void; onRemove: () => void }) {
  const { t } = useI18n();
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState(false);
  const attempt = (work: () => Promise<string>) => async () => {
    setBusy(true);
    try {
      setSaid(await work());
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  const test = attempt(async () => {
    const trial = await unwrap(api.POST('/api/v1/channels/{id}/test', { params: { path: { id: channel.id } } }));
    const answer = trial.response?.body.slice(0, 200) ?? '';
    return trial.attempt.reason === 'ok' ? `${t('notify.taken')} ${answer}` : `${trial.attempt.error ?? trial.attempt.reason} ${answer}`;
  });
  const all = attempt(async () => {
    const { data: rules, response } = await api.GET('/api/v1/rules');
    if (!rules) throw new Error(t('notify.rulesUnread'));
    const others = rules.rules.filter((rule) => rule.id !== 'all');
    const old = rules.rules.find((rule) => rule.id === 'all');
    const rule = { ...old, id: 'all', channels: [...new Set([...(old?.channels ?? []), channel.id])] };
    await unwrap(api.PUT('/api/v1/rules', { headers: { 'If-Match': response.headers.get('ETag') ?? '' }, body: { rules: [...others, rule] } }));
    await refresh();
    return t('notify.allDone');
  });
  return (
    <tr>
      <th scope="row">
        {channel.name || channel.id}
        {channel.failing_since && <p className="field-error">{t('notify.failing')}</p>}
        {said && (
          <p className="soft" role="status">
            {said}
          </p>
        )}
      </th>
      <td data-label={t('notify.kind')} className="mono">
        {channel.kind}
      </td>
      <td data-label={t('notify.to')} className="mono">
        {String(channel.settings['url'] ?? channel.settings['to'] ?? channel.settings['chat_id'] ?? '')}
      </td>
      <td className="cell-buttons">
        <Button needs="admin" disabled={busy} onClick={() => void test()}>
          {t('notify.test')}
        </Button>
        <Button needs="admin" disabled={busy} onClick={() => void all()}>
          {t('notify.all')}
        </Button>
        <IconButton icon="edit" needs="admin" label={t('notify.edit', { name: channel.id })} onClick={onEdit} />
        <IconButton icon="trash" needs="admin" label={t('keys.delete', { name: channel.id })} onClick={onRemove} />
      </td>
    </tr>
  );
}

/** What was told last, and to whom. */
function Last() {
  const { t } = useI18n();
  const { data } = useQuery({
    queryKey: ['notify', 'last'],
    refetchInterval: 10_000,
    queryFn: () => unwrap(api.GET('/api/v1/notifications', { params: { query: { limit: 20 } } })),
  });
  if (!data || data.notifications.length === 0) return null;
  return (
    <div className="card table-scroll">
      <table className="plain-table stacked">
        <caption>{t('notify.last')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('notify.when')}</th>
            <th scope="col">{t('notify.channel')}</th>
            <th scope="col">{t('notify.message')}</th>
            <th scope="col">{t('notify.state')}</th>
          </tr>
        </thead>
        <tbody>
          {data.notifications.map((one) => (
            <tr key={one.id}>
              <td data-label={t('notify.when')}>
                <Moment at={one.created_at} />
              </td>
              <td data-label={t('notify.channel')} className="mono">
                {one.channel}
              </td>
              <td data-label={t('notify.message')}>{one.text}</td>
              <td data-label={t('notify.state')}>{t(stateWords[one.state])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The form of a channel. What is shown masked and stays as it is, is kept. */
function Write({ known, onClose }: { known: Channel | null; onClose: () => void }) {
  const { t, language } = useI18n();
  const [id, setID] = useState(known?.id ?? '');
  const [name, setName] = useState(known?.name ?? '');
  const [kind, setKind] = useState<Kind>(known?.kind ?? (language === 'zh-CN' ? 'feishu' : 'slack'));
  const [words, setWords] = useState<Channel['language']>(known?.language ?? (language === 'zh-CN' ? 'zh' : 'en'));
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(Object.entries(known?.settings ?? {}).map(([key, value]) => [key, Array.isArray(value) ? value.join(', ') : String(value)])),
  );
  const settings = () =>
    Object.fromEntries(
      forms[kind]
        .map(({ name: key, initial }) => [key, values[key] ?? initial ?? ''] as const)
        .filter(([, value]) => value !== '')
        .map(([key, value]) => [key, key === 'to' ? value.split(/[\s,;]+/).filter((one) => one !== '') : value]),
    );
  return (
    <Confirm
      title={known ? t('notify.edit', { name: known.id }) : t('notify.make')}
      action={t('action.save')}
      onClose={onClose}
      onConfirm={async () => {
        const body = { kind, name, language: words, settings: settings(), enabled: known?.enabled ?? true, limit: known?.limit, template: known?.template };
        await unwrap(known ? api.PUT('/api/v1/channels/{id}', { params: { path: { id } }, body }) : api.POST('/api/v1/channels', { body: { ...body, id } }));
        await refresh();
      }}
    >
      <Field label={t('notify.id')} hint={t('secrets.nameHint')}>
        <input type="text" className="mono" required pattern="[A-Za-z0-9][A-Za-z0-9._\-]{0,63}" readOnly={known !== null} value={id} onChange={(event) => setID(event.target.value)} />
      </Field>
      <Field label={t('jobs.name')}>
        <input type="text" maxLength={200} value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <Field label={t('notify.kind')}>
        <select disabled={known !== null} value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
          {kinds.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </Field>
      <Field label={t('notify.language')}>
        <select value={words} onChange={(event) => setWords(event.target.value as Channel['language'])}>
          <option value="en">English</option>
          <option value="zh">中文</option>
        </select>
      </Field>
      <>
        {forms[kind].map((field) => (
          <Field key={field.name} label={field.name}>
            <input
              type={field.secret ? 'password' : 'text'}
              className="mono"
              autoComplete="off"
              required={field.required}
              value={values[field.name] ?? field.initial ?? ''}
              onChange={(event) => setValues({ ...values, [field.name]: event.target.value })}
            />
          </Field>
        ))}
      </>
    </Confirm>
  );
}
