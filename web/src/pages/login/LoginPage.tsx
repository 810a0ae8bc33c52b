import { useEffect, useState } from 'react';
import { api, unwrap } from '../../api/client';
import { ApiError } from '../../api/errors';
import { queries } from '../../api/queries';
import { loggedIn } from '../../api/session';
import { live } from '../../api/live';
import { Button } from '../../components/Button';
import { Field } from '../../components/Field';
import { Logo } from '../../components/icons';
import { useI18n } from '../../i18n';
import { errorText } from '../../i18n/words';

/** Asks for a key, which the server then keeps in a cookie that no script can read. */
export default function LoginPage() {
  const { t } = useI18n();
  const [key, setKey] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    document.title = `${t('login.title')} · schedule-server`;
  }, [t]);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await unwrap(api.POST('/api/v1/session', { body: { key: key.trim() } }));
      queries.clear();
      loggedIn();
      live.reopen();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  const wrong = error instanceof ApiError && error.status === 401;
  return (
    <main className="login">
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <p className="brand">
          <Logo /> schedule-server
        </p>
        <h1>{t('login.title')}</h1>
        <Field label={t('login.key')} error={error === null ? undefined : wrong ? t('login.wrong') : errorText(error, t)} hint={t('login.hint')}>
          <input type="password" className="mono" autoComplete="current-password" autoFocus required placeholder="sk_…" value={key} onChange={(event) => setKey(event.target.value)} />
        </Field>
        <Button type="submit" kind="primary" disabled={busy}>
          {t('login.do')}
        </Button>
      </form>
    </main>
  );
}
