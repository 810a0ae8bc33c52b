import { type RefObject, useEffect, useState } from 'react';
import { useI18n } from '../../i18n';
import { type JobFilter, statuses, types } from '../../lib/filters';
import { useNowEvery } from '../../lib/clock';
import { count } from '../../lib/number';
import { clock, nearTime } from '../../lib/time';
import { Glyph } from '../../components/icons';
import { Segmented } from '../../components/Segmented';

interface Props {
  filter: JobFilter;
  onChange: (change: Partial<JobFilter>) => void;
  total: number | null;
  search: RefObject<HTMLInputElement | null>;
}

const pause = 200;

/** What narrows the list; all of it is in the address. */
export function Toolbar({ filter, onChange, total, search }: Props) {
  const { t, language, locale } = useI18n();
  const now = useNowEvery(60_000);
  return (
    <div className="toolbar">
      <Search key="search" value={filter.q} onChange={(q) => onChange({ q })} search={search} />
      <Segmented
        label={t('jobs.status')}
        value={filter.status}
        options={statuses.map((value) => ({ value, label: t(`filter.${value}`) }))}
        onChange={(status) => onChange({ status })}
      />
      <select aria-label={t('jobs.type')} value={filter.type} onChange={(event) => onChange({ type: types.find((x) => x === event.target.value) ?? '' })}>
        <option value="">{t('filter.anyType')}</option>
        {types.map((type) => (
          <option key={type} value={type}>
            {t(`type.${type}`)}
          </option>
        ))}
      </select>
      {filter.tags.map((tag) => (
        <Chip key={`tag ${tag}`} text={`#${tag}`} onRemove={() => onChange({ tags: filter.tags.filter((x) => x !== tag) })} />
      ))}
      {filter.dueSince && filter.dueUntil && (
        <Chip
          text={t('filter.due', { from: nearTime(Date.parse(filter.dueSince), now, locale), to: clock(Date.parse(filter.dueUntil) + 1, locale, false) })}
          onRemove={() => onChange({ dueSince: '', dueUntil: '' })}
        />
      )}
      {filter.host && <Chip text={filter.host} onRemove={() => onChange({ host: '' })} />}
      <span className="toolbar-count num" role="status">
        {total !== null && t('jobs.count', { n: total, count: count(total, language) })}
      </span>
    </div>
  );
}

function Search({ value, onChange, search }: { value: string; onChange: (text: string) => void; search: Props['search'] }) {
  const { t } = useI18n();
  const [text, setText] = useState(value);
  const [sent, setSent] = useState(value);
  if (value !== sent) {
    // The address changed by another hand.
    setSent(value);
    setText(value);
  }
  useEffect(() => {
    if (text === sent) return;
    const timer = setTimeout(() => {
      setSent(text);
      onChange(text);
    }, pause);
    return () => clearTimeout(timer);
  }, [text, sent, onChange]);
  return (
    <div className="search">
      <Glyph name="search" />
      <input
        ref={search}
        type="search"
        aria-label={t('jobs.search')}
        placeholder={t('jobs.search')}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}

function Chip({ text, onRemove }: { text: string; onRemove: () => void }) {
  const { t } = useI18n();
  return (
    <button type="button" className="chip" onClick={onRemove} aria-label={t('filter.remove', { filter: text })}>
      {text}
      <Glyph name="cross" width="12" height="12" />
    </button>
  );
}
