import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, useDeferredValue, useId, useState } from 'react';
import { useLocation } from 'wouter';
import { api, unwrap } from '../api/client';
import { useBarred } from '../api/scope';
import { useI18n } from '../i18n';
import { jobPath } from '../lib/navigate';
import { changeSettings, useSettings } from '../lib/settings';
import { Dialog } from './Dialog';
import { Glyph, type IconName } from './icons';

interface Command {
  id: string;
  icon: IconName;
  label: string;
  note?: string;
  /** Why it cannot be done with this key. */
  barred?: string;
  run: () => void;
}

/** Go anywhere, do anything, from the keyboard. */
export function Palette({ onClose, onKeys }: { onClose: () => void; onKeys: () => void }) {
  const { t } = useI18n();
  const id = useId();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const commands = useCommands(onKeys);
  const jobs = useJobs(text.trim());
  const needle = text.trim().toLowerCase();
  const list = [...commands.filter((c) => c.label.toLowerCase().includes(needle)), ...jobs];
  const here = Math.min(at, list.length - 1);

  const choose = (command: Command | undefined): void => {
    if (!command || command.barred) return;
    onClose();
    command.run();
  };
  const keys = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined && list.length > 0) {
      event.preventDefault();
      const next = (here + by + list.length) % list.length;
      setAt(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      choose(list[here]);
    }
  };
  return (
    <Dialog title={<span className="hidden">{t('palette.title')}</span>} onClose={onClose} className="palette">
      <input
        type="text"
        role="combobox"
        autoFocus
        aria-label={t('palette.title')}
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={list.length > 0 ? `${id}-${here}` : undefined}
        placeholder={t('palette.placeholder')}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={keys}
      />
      <div role="listbox" id={`${id}-list`} aria-label={t('palette.title')} className="palette-list">
        {list.map((command, i) => (
          <div
            key={command.id}
            id={`${id}-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === here}
            aria-disabled={command.barred !== undefined}
            onPointerMove={() => setAt(i)}
            onClick={() => choose(command)}
            onKeyDown={keys}
          >
            <Glyph name={command.icon} />
            <span>{command.label}</span>
            {(command.barred ?? command.note) && <span className="soft">{command.barred ?? command.note}</span>}
          </div>
        ))}
        {list.length === 0 && (
          <div role="option" aria-selected="false" aria-disabled="true" className="soft">
            {t('palette.none')}
          </div>
        )}
      </div>
    </Dialog>
  );
}

function useCommands(onKeys: () => void): Command[] {
  const { t } = useI18n();
  const { language, theme } = useSettings();
  const barred = useBarred();
  const [, navigate] = useLocation();
  const dark = document.documentElement.dataset.theme === 'dark';
  return [
    { id: 'new', icon: 'plus', label: t('jobs.new'), barred: barred('write'), run: () => navigate('/jobs/new') },
    { id: 'now', icon: 'now', label: t('nav.now'), run: () => navigate('/') },
    { id: 'jobs', icon: 'jobs', label: t('nav.jobs'), run: () => navigate('/jobs') },
    { id: 'failing', icon: 'cross', label: t('now.failing'), run: () => navigate('/jobs?status=failing') },
    { id: 'runs', icon: 'runs', label: t('nav.runs'), run: () => navigate('/runs') },
    { id: 'queues', icon: 'queues', label: t('nav.queues'), run: () => navigate('/queues') },
    { id: 'settings', icon: 'settings', label: t('nav.settings'), run: () => navigate('/settings') },
    {
      id: 'theme',
      icon: 'ring',
      label: t(dark ? 'palette.light' : 'palette.dark'),
      note: theme === 'system' ? t('settings.system') : undefined,
      run: () => changeSettings({ theme: dark ? 'light' : 'dark' }),
    },
    {
      id: 'language',
      icon: 'settings',
      label: language === 'en' ? '切换到简体中文' : 'Switch to English',
      run: () => changeSettings({ language: language === 'en' ? 'zh-CN' : 'en' }),
    },
    { id: 'keys', icon: 'key', label: t('keys.title'), run: onKeys },
  ];
}

function useJobs(text: string): Command[] {
  const q = useDeferredValue(text);
  const [, navigate] = useLocation();
  const { data } = useQuery({
    queryKey: ['jobs', 'palette', q],
    enabled: q !== '',
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/jobs', { params: { query: { q, limit: 8 } }, signal })),
  });
  if (!data || q === '') return [];
  return data.jobs.map((job) => ({
    id: `job ${job.id}`,
    icon: 'clock',
    label: job.name || job.id,
    note: job.request.url,
    run: () => navigate(jobPath(job.id)),
  }));
}
