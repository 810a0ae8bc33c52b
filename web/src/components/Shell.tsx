import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useLiveStatus } from '../api/live';
import { statsQuery } from '../api/queries';
import { type Key, useI18n } from '../i18n';
import { useNow } from '../lib/clock';
import { clock, offsetOf } from '../lib/time';
import { modKey, useKeys } from '../lib/useKeys';
import { Glyph, type IconName, Logo } from './icons';
import { KeysHelp } from './KeysHelp';
import { Palette } from './Palette';
import { Toasts } from './Toasts';

const pages: readonly { to: string; icon: IconName; word: Key }[] = [
  { to: '/', icon: 'now', word: 'nav.now' },
  { to: '/jobs', icon: 'jobs', word: 'nav.jobs' },
  { to: '/runs', icon: 'runs', word: 'nav.runs' },
  { to: '/queues', icon: 'queues', word: 'nav.queues' },
  { to: '/settings', icon: 'settings', word: 'nav.settings' },
];

/** What is around every page: navigation, the state of the connection, the command palette. */
export function Shell({ children }: { children: ReactNode }) {
  const { t } = useI18n();
  const [location, navigate] = useLocation();
  const [open, setOpen] = useState<'palette' | 'keys' | null>(null);
  useKeys({
    'mod+k': () => setOpen('palette'),
    '?': () => setOpen('keys'),
    n: () => navigate('/jobs/new'),
  });
  const isHere = (to: string): boolean => (to === '/' ? location === '/' : location === to || location.startsWith(`${to}/`));
  return (
    <div className="shell">
      <a className="skip-link" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById('main')?.focus();
      }}>
        {t('nav.skip')}
      </a>
      <aside className="rail">
        <Link to="/" className="brand">
          <Logo />
          <span>schedule-server</span>
        </Link>
        <nav aria-label={t('nav.label')}>
          {pages.map(({ to, icon, word }) => (
            <Link key={to} to={to} className={isHere(to) ? 'here' : ''} aria-current={isHere(to) ? 'page' : undefined}>
              <Glyph name={icon} />
              <span>{t(word)}</span>
              {to === '/' && <OpenIncidents />}
            </Link>
          ))}
        </nav>
        <div className="rail-foot">
          <button type="button" className="rail-command" onClick={() => setOpen('palette')}>
            <Glyph name="search" width="14" height="14" />
            <span>{t('palette.open')}</span>
            <kbd aria-hidden="true">{modKey}K</kbd>
          </button>
          <Connection />
        </div>
      </aside>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Toasts />
      {open === 'palette' && <Palette onClose={() => setOpen(null)} onKeys={() => setOpen('keys')} />}
      {open === 'keys' && <KeysHelp onClose={() => setOpen(null)} />}
    </div>
  );
}

/** How many incidents are open; nothing when none is. */
function OpenIncidents() {
  const { t } = useI18n();
  const { data } = useQuery(statsQuery);
  const open = Object.values(data?.incidents ?? {}).reduce((sum, n) => sum + n, 0);
  if (open === 0) return null;
  return (
    <strong className="tone-fail" aria-label={t('notify.open', { count: open })}>
      {open}
    </strong>
  );
}

const patience = 1200;

/** Whether events arrive, and the time in the zone that is shown. */
function Connection() {
  const { t, locale } = useI18n();
  const now = useNow();
  const status = useLiveStatus();
  const [shown, setShown] = useState(status);
  useEffect(() => {
    // A stream that comes back at once is no news.
    const timer = setTimeout(() => setShown(status), status === 'live' ? 0 : patience);
    return () => clearTimeout(timer);
  }, [status]);
  return (
    <div className="connection">
      <span className={`live ${shown}`} role="status">
        <Glyph name={shown === 'live' ? 'dot' : 'retry'} width="12" height="12" />
        {shown === 'live' ? t('live.live') : t('live.reconnecting')}
      </span>
      <time className="num" title={locale.timeZone}>
        {clock(now, locale)} <span className="soft">{offsetOf(now, locale)}</span>
      </time>
    </div>
  );
}
