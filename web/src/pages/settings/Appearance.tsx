import { type ReactNode, useState } from 'react';
import { Segmented } from '../../components/Segmented';
import { useI18n } from '../../i18n';
import { useNow } from '../../lib/clock';
import { changeSettings, useSettings } from '../../lib/settings';
import { dateTime, offsetOf, resolveZone } from '../../lib/time';

/** What this browser keeps for itself. */
export function Appearance() {
  const { t, locale } = useI18n();
  const settings = useSettings();
  const now = useNow();
  const [zones] = useState(() => ['UTC', ...Intl.supportedValuesOf('timeZone')]);
  return (
    <div className="card rows">
      <Row label={t('settings.language')}>
        <Segmented
          label={t('settings.language')}
          value={settings.language}
          onChange={(language) => changeSettings({ language })}
          options={[
            { value: 'en', label: <span lang="en">English</span> },
            { value: 'zh-CN', label: <span lang="zh-CN">简体中文</span> },
          ]}
        />
      </Row>
      <Row label={t('settings.theme')}>
        <Segmented
          label={t('settings.theme')}
          value={settings.theme}
          onChange={(theme) => changeSettings({ theme })}
          options={[
            { value: 'system', label: t('settings.system') },
            { value: 'light', label: t('settings.light') },
            { value: 'dark', label: t('settings.dark') },
          ]}
        />
      </Row>
      <Row label={t('settings.density')}>
        <Segmented
          label={t('settings.density')}
          value={settings.density}
          onChange={(density) => changeSettings({ density })}
          options={[
            { value: 'normal', label: t('settings.normal') },
            { value: 'compact', label: t('settings.compact') },
          ]}
        />
      </Row>
      <Row label={t('settings.timeZone')} note={<span className="num">{`${dateTime(now, locale)} ${offsetOf(now, locale)}`}</span>}>
        <select aria-label={t('settings.timeZone')} value={settings.timeZone} onChange={(event) => changeSettings({ timeZone: event.target.value })}>
          <option value="local">{t('settings.local', { zone: resolveZone('local') })}</option>
          {zones.map((zone) => (
            <option key={zone} value={zone}>
              {zone}
            </option>
          ))}
        </select>
      </Row>
    </div>
  );
}

function Row({ label, note, children }: { label: string; note?: ReactNode; children: ReactNode }) {
  return (
    <div className="setting">
      <span className="setting-label">
        {label}
        {note && <span className="soft">{note}</span>}
      </span>
      {children}
    </div>
  );
}
