import { useQuery } from '@tanstack/react-query';
import { calendarsQuery } from '../../api/queries';
import { Field } from '../../components/Field';
import { useI18n } from '../../i18n';
import type { ScheduleDraft } from './draft';

interface Props {
  schedule: ScheduleDraft;
  onChange: (change: Partial<ScheduleDraft>) => void;
  error?: string;
}

const otherwises = ['skip', 'next', 'previous'] as const;

/** On which days of a calendar to call, and what becomes of an occurrence on another day. */
export function CalendarDays({ schedule: s, onChange, error }: Props) {
  const { t } = useI18n();
  const { data } = useQuery(calendarsQuery);
  const [chosen = ''] = s.calendar.split(' ');
  const calendars = data?.calendars ?? [];
  const known = calendars.find((calendar) => calendar.id === chosen);
  const ids = calendars.some((calendar) => calendar.id === chosen) || chosen === '' ? calendars.map((calendar) => calendar.id) : [chosen, ...calendars.map((calendar) => calendar.id)];
  return (
    <div className="pair">
      <Field label={t('calendar.days')} error={error} hint={known?.ends ? t('calendar.ends', { day: known.ends }) : undefined}>
        <select value={s.calendar} onChange={(event) => onChange({ calendar: event.target.value })}>
          <option value="">{t('calendar.all')}</option>
          {ids.map((id) => (
            <option key={`${id} workday`} value={`${id} workday`}>
              {t('calendar.workday', { id })}
            </option>
          ))}
          {ids.map((id) => (
            <option key={`${id} restday`} value={`${id} restday`}>
              {t('calendar.restday', { id })}
            </option>
          ))}
        </select>
      </Field>
      {s.calendar !== '' && (
        <Field label={t('calendar.otherwise')}>
          <select value={s.otherwise} onChange={(event) => onChange({ otherwise: otherwises.find((word) => word === event.target.value) ?? 'skip' })}>
            {otherwises.map((word) => (
              <option key={word} value={word}>
                {t(`calendar.${word}`)}
              </option>
            ))}
          </select>
        </Field>
      )}
    </div>
  );
}
