import { Field } from '../../components/Field';
import { Segmented } from '../../components/Segmented';
import { useI18n } from '../../i18n';
import { types } from '../../lib/filters';
import { CalendarDays } from './CalendarDays';
import { CronFields } from './CronFields';
import { periodUnits, type ScheduleDraft } from './draft';
import { type Faults, otherFaults } from './faults';
import { TimeZone } from './TimeZone';

interface Props {
  schedule: ScheduleDraft;
  onChange: (schedule: ScheduleDraft) => void;
  faults: Faults;
}

const examples = ['*/5 * * * *', '0 9 * * mon-fri', '30 2 * * 5L', '@hourly'] as const;
const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
const lengths = ['10s', '1m', '15m', '1h', '1d'] as const;
const shown = ['expression', 'every', 'at', 'time_zone', 'start_at', 'end_at', 'exclude', 'calendar.id', 'weekdays'].map((name) => `schedule.${name}`);

/** When to call. */
export function When({ schedule: s, onChange, faults }: Props) {
  const { t } = useI18n();
  const set = (change: Partial<ScheduleDraft>): void => onChange({ ...s, ...change });
  return (
    <section className="card group" aria-labelledby="when">
      <div className="group-head">
        <h2 id="when">{t('editor.when')}</h2>
        <Segmented label={t('editor.kind')} value={s.type} onChange={(type) => set({ type })} options={types.map((value) => ({ value, label: t(`type.${value}`) }))} />
      </div>
      {s.type === 'cron' && s.form === 'expression' && (
        <div className="pair">
          <Field label={t('editor.expression')} error={faults['schedule.expression']} hint={<Choices list={examples} onChoose={(expression) => set({ expression })} />}>
            <input type="text" className="mono" spellCheck={false} autoComplete="off" value={s.expression} onChange={(event) => set({ expression: event.target.value })} />
          </Field>
          <TimeZone value={s.timeZone} onChange={(timeZone) => set({ timeZone })} error={faults['schedule.time_zone']} />
        </div>
      )}
      {s.type === 'cron' && s.form === 'fields' && (
        <>
          <CronFields fields={s.fields} onChange={(fields) => set({ fields })} faults={faults} />
          <TimeZone value={s.timeZone} onChange={(timeZone) => set({ timeZone })} error={faults['schedule.time_zone']} />
        </>
      )}
      {s.type === 'interval' && (
        <div className="pair">
          <Field label={t('editor.every')} error={faults['schedule.every']} hint={<Choices list={lengths} onChoose={(every) => set({ every })} />}>
            <input type="text" className="mono" value={s.every} onChange={(event) => set({ every: event.target.value })} />
          </Field>
          <TimeZone value={s.timeZone} onChange={(timeZone) => set({ timeZone })} error={faults['schedule.time_zone']} />
        </div>
      )}
      {s.type === 'calendar_interval' && (
        <>
          <div className="pair">
            <Field label={t('editor.every')} error={faults['schedule.every']}>
              <input type="number" min={1} max={10000} value={s.count} onChange={(event) => set({ count: event.target.value })} />
            </Field>
            <Field label={t('editor.unit')}>
              <select value={s.unit} onChange={(event) => set({ unit: periodUnits.find((unit) => unit === event.target.value) ?? 'weeks' })}>
                {periodUnits.map((unit) => (
                  <option key={unit} value={unit}>
                    {t(`editor.unit.${unit}`)}
                  </option>
                ))}
              </select>
            </Field>
          </div>
          <div className="pair">
            <Field label={t('editor.clock')} error={faults['schedule.at']}>
              <input type="time" step="1" value={s.clock} onChange={(event) => set({ clock: event.target.value })} />
            </Field>
            {s.unit === 'weeks' && (
              <Field label={t('editor.weekdays')} error={faults['schedule.weekdays']} hint={<Choices list={weekdays} onChoose={(day) => set({ weekdays: [s.weekdays, day].filter(Boolean).join(', ') })} />}>
                <input type="text" className="mono" value={s.weekdays} onChange={(event) => set({ weekdays: event.target.value })} />
              </Field>
            )}
            {(s.unit === 'months' || s.unit === 'years') && (
              <Field label={t('editor.overflow')}>
                <select value={s.overflow} onChange={(event) => set({ overflow: event.target.value === 'skip' ? 'skip' : 'last' })}>
                  <option value="last">{t('editor.overflow.last')}</option>
                  <option value="skip">{t('editor.overflow.skip')}</option>
                </select>
              </Field>
            )}
          </div>
          <TimeZone value={s.timeZone} onChange={(timeZone) => set({ timeZone })} error={faults['schedule.time_zone']} />
          <p className="soft">{t('editor.counted')}</p>
        </>
      )}
      {s.type !== 'date' && <CalendarDays schedule={s} onChange={set} error={faults['schedule.calendar.id']} />}
      {s.type === 'date' && (
        <div className="pair">
          <Field label={t('editor.at')} error={faults['schedule.at']}>
            <input type="datetime-local" step="1" value={s.at} onChange={(event) => set({ at: event.target.value })} />
          </Field>
          <TimeZone value={s.timeZone} onChange={(timeZone) => set({ timeZone })} error={faults['schedule.time_zone']} />
        </div>
      )}
      {otherFaults(faults, 'schedule', shown).map((text) => (
        <p key={text} className="field-error">
          {text}
        </p>
      ))}
      {s.type !== 'date' && (
        <details className="more" open={s.startAt !== '' || s.endAt !== '' || s.exclude !== ''}>
          <summary>{t('editor.bounds')}</summary>
          <div className="pair">
            <Field label={t('editor.startAt')} error={faults['schedule.start_at']}>
              <input type="datetime-local" step="1" value={s.startAt} onChange={(event) => set({ startAt: event.target.value })} />
            </Field>
            <Field label={t('editor.endAt')} error={faults['schedule.end_at']}>
              <input type="datetime-local" step="1" value={s.endAt} onChange={(event) => set({ endAt: event.target.value })} />
            </Field>
          </div>
          <Field label={t('editor.exclude')} error={faults['schedule.exclude']} hint={t('editor.excludeHint')}>
            <textarea className="mono" rows={2} spellCheck={false} placeholder={'2026-12-24/2027-01-02\nsat,sun\n22:00-06:00'} value={s.exclude} onChange={(event) => set({ exclude: event.target.value })} />
          </Field>
          {s.type === 'cron' && (
            <button type="button" className="link" onClick={() => set({ form: s.form === 'fields' ? 'expression' : 'fields' })}>
              {t(s.form === 'fields' ? 'editor.useExpression' : 'editor.useFields')}
            </button>
          )}
        </details>
      )}
    </section>
  );
}

function Choices({ list, onChoose }: { list: readonly string[]; onChoose: (text: string) => void }) {
  return (
    <span className="choices">
      {list.map((text) => (
        <button key={text} type="button" className="tag mono" onClick={() => onChoose(text)}>
          {text}
        </button>
      ))}
    </span>
  );
}
