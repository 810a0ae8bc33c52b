import { useState } from 'react';
import { useLocation } from 'wouter';
import { basePath, type JobInput } from '../../api/client';
import { createJob } from '../../api/jobs';
import { useBarred } from '../../api/scope';
import { Button, orBarred } from '../../components/Button';
import { Glyph, type IconName } from '../../components/icons';
import { toast } from '../../components/Toasts';
import { type Key, useI18n } from '../../i18n';
import { errorText } from '../../i18n/words';

interface Sample {
  icon: IconName;
  title: Key;
  text: Key;
  schedule: () => JobInput['schedule'];
}

const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

const samples: readonly Sample[] = [
  { icon: 'retry', title: 'first.interval', text: 'first.intervalText', schedule: () => ({ type: 'interval', every: '10s' }) },
  { icon: 'clock', title: 'first.cron', text: 'first.cronText', schedule: () => ({ type: 'cron', expression: '*/5 8-18 * * mon-fri', time_zone: zone() }) },
  { icon: 'dot', title: 'first.date', text: 'first.dateText', schedule: () => ({ type: 'date', at: new Date(Date.now() + 60_000).toISOString() }) },
];

/** Before the first job: three that are one click away, and the way to an own one. */
export function FirstStart({ onMade }: { onMade: () => void }) {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const barred = useBarred()('write');
  const [busy, setBusy] = useState<Key | null>(null);
  const make = async (sample: Sample): Promise<void> => {
    setBusy(sample.title);
    try {
      const url = `${location.origin}${basePath}/healthz`;
      await createJob({ name: t(sample.title), tags: ['sample'], schedule: sample.schedule(), request: { url } });
      onMade();
    } catch (error) {
      toast('fail', errorText(error, t));
      setBusy(null);
    }
  };
  return (
    <section className="first">
      <h2>{t('first.title')}</h2>
      <p className="soft">{t('first.text')}</p>
      <div className="first-samples">
        {samples.map((sample) => (
          <button key={sample.title} type="button" className="card sample" disabled={busy !== null} onClick={() => void make(sample)} {...orBarred(barred)}>
            <Glyph name={sample.icon} width="18" height="18" />
            <strong>{t(sample.title)}</strong>
            <span className="soft">{t(sample.text)}</span>
            <span className="sample-add">
              <Glyph name="plus" width="14" height="14" />
              {t('first.add')}
            </span>
          </button>
        ))}
      </div>
      <div className="first-own">
        <Button kind="primary" icon="plus" hint="n" needs="write" onClick={() => navigate('/jobs/new')}>
          {t('first.own')}
        </Button>
        <Button icon="up" needs="write" onClick={() => navigate('/settings/import')}>
          {t('first.import')}
        </Button>
      </div>
    </section>
  );
}
