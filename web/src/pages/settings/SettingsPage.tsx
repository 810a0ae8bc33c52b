import type { ComponentType } from 'react';
import { Link } from 'wouter';
import { Page } from '../../components/Page';
import { type Key, useI18n } from '../../i18n';
import { useIdInPath } from '../../lib/navigate';
import { Appearance } from './Appearance';
import { Audit } from './Audit';
import { ImportExport } from './ImportExport';
import { Keys } from './Keys';
import { Notifications } from './Notifications';
import { Secrets } from './Secrets';

const sections: readonly { name: string; word: Key; Section: ComponentType }[] = [
  { name: 'appearance', word: 'settings.appearance', Section: Appearance },
  { name: 'keys', word: 'settings.keys', Section: Keys },
  { name: 'secrets', word: 'settings.secrets', Section: Secrets },
  { name: 'notifications', word: 'settings.notifications', Section: Notifications },
  { name: 'import', word: 'settings.import', Section: ImportExport },
  { name: 'audit', word: 'settings.audit', Section: Audit },
];

/** How the page looks, who may use the service, and what goes in and out. */
export default function SettingsPage() {
  const { t } = useI18n();
  const name = useIdInPath() || 'appearance';
  const { Section, word } = sections.find((s) => s.name === name) ?? { Section: Appearance, word: 'settings.appearance' as const };
  return (
    <Page title={t('nav.settings')} name={`${t(word)} · ${t('nav.settings')}`}>
      <div className="settings">
        <nav className="sections" aria-label={t('nav.settings')}>
          {sections.map((section) => (
            <Link key={section.name} to={`/settings/${section.name}`} aria-current={section.name === name ? 'page' : undefined}>
              {t(section.word)}
            </Link>
          ))}
        </nav>
        <section aria-label={t(word)} className="settings-body">
          <Section />
        </section>
      </div>
    </Page>
  );
}
