import { useState } from 'react';
import { exportJobs, type Imported, importJobs } from '../../api/transfer';
import { useBarred } from '../../api/scope';
import { Button } from '../../components/Button';
import { Confirm } from '../../components/Confirm';
import { Check } from '../../components/Field';
import { Glyph } from '../../components/icons';
import { Alert } from '../../components/Notice';
import { toast } from '../../components/Toasts';
import { useI18n } from '../../i18n';
import { errorText, faultText } from '../../i18n/words';
import { bytes, count } from '../../lib/number';
import { Deletions, ImportDiff } from './ImportDiff';

interface Source {
  name: string;
  content: Blob;
}

/** Jobs out into a file, and in from one. */
export function ImportExport() {
  const { t } = useI18n();
  const barred = useBarred()('write');
  return (
    <>
      <section className="card group">
        <h2>{t('export.title')}</h2>
        <p className="soft">{t('export.text')}</p>
        <div className="buttons">
          {(['json', 'yaml'] as const).map((format) => (
            <Button key={format} icon="download" onClick={() => void save(format).catch((cause: unknown) => toast('fail', errorText(cause, t)))}>
              {format.toUpperCase()}
            </Button>
          ))}
        </div>
      </section>
      <section className="card group">
        <h2>{t('import.title')}</h2>
        <p className="soft">{t('import.text')}</p>
        {barred ? <Alert>{barred}</Alert> : <Import />}
      </section>
    </>
  );
}

/** Takes jobs in, with what would change shown before it does. */
function Import() {
  const { t, locale, language } = useI18n();
  const [source, setSource] = useState<Source | null>(null);
  const [text, setText] = useState('');
  const [prune, setPrune] = useState(false);
  const [plan, setPlan] = useState<Imported | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);

  const check = async (from: Source, deleteOthers: boolean): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      setPlan(await importJobs(from.content, from.name, locale.timeZone, { dryRun: true, prune: deleteOthers, maxDeletes: 0 }));
    } catch (cause) {
      setPlan(null);
      setError(cause);
    } finally {
      setBusy(false);
    }
  };
  const take = (from: Source): void => {
    setSource(from);
    void check(from, prune);
  };
  /** Imports, and deletes no more jobs than the plan that was shown. */
  const apply = async (from: Source, shown: Imported): Promise<void> => {
    const result = await importJobs(from.content, from.name, locale.timeZone, { dryRun: false, prune, maxDeletes: shown.deleted.length });
    toast('ok', t('import.done', { created: result.created.length, updated: result.updated.length, deleted: result.deleted.length }), { to: '/jobs', text: t('nav.jobs') });
    setPlan(null);
    setSource(null);
    setText('');
  };
  const start = async (from: Source, shown: Imported): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await apply(from, shown);
    } catch (cause) {
      setPlan(null);
      setError(cause);
    } finally {
      setBusy(false);
    }
  };
  // A number of deletions can be agreed to; a file that is not understood cannot.
  const refused = plan?.refused?.field === 'prune' ? plan.refused : undefined;
  return (
    <>
      <textarea
        className="mono"
        rows={6}
        spellCheck={false}
        aria-label={t('import.paste')}
        placeholder={t('import.paste')}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          const [file] = event.dataTransfer.files;
          if (!file) return;
          event.preventDefault();
          take({ name: file.name, content: file });
        }}
      />
      <div className="buttons">
        <label className="button plain file">
          <Glyph name="up" />
          <span>{t('import.file')}</span>
          <input
            type="file"
            className="hidden"
            accept=".json,.yaml,.yml,.txt,.crontab,.sqlite,.db"
            onChange={(event) => {
              const [file] = event.target.files ?? [];
              if (file) take({ name: file.name, content: file });
              event.target.value = '';
            }}
          />
        </label>
        <Button disabled={busy || text.trim() === ''} onClick={() => take({ name: '', content: new Blob([text]) })}>
          {t('import.check')}
        </Button>
        <Check
          label={t('import.prune')}
          checked={prune}
          onChange={(on) => {
            setPrune(on);
            if (source) void check(source, on);
          }}
        />
      </div>
      {error !== null && <Alert>{errorText(error, t)}</Alert>}
      {source && plan && (
        <>
          {source.name && (
            <p className="soft">
              {source.name} · {bytes(source.content.size)}
            </p>
          )}
          <ImportDiff plan={plan} />
          {refused && <Alert>{faultText(refused, t)}</Alert>}
          <p className="soft">{t('import.nothingYet')}</p>
          <Button
            kind="primary"
            disabled={busy || nothingIn(plan) || refused !== undefined}
            onClick={() => (plan.deleted.length > 0 ? setAsking(true) : void start(source, plan))}
          >
            {t('import.do')}
          </Button>
        </>
      )}
      {asking && source && plan && (
        <Confirm
          danger
          title={t('bulk.deleteTitle', { n: plan.deleted.length, count: count(plan.deleted.length, language) })}
          action={t('import.doAndDelete', { n: plan.deleted.length, count: count(plan.deleted.length, language) })}
          onConfirm={() => apply(source, plan)}
          onClose={() => setAsking(false)}
        >
          <p>{t('import.deleteText')}</p>
          <Deletions plan={plan} />
        </Confirm>
      )}
    </>
  );
}

/** Lets the browser keep the export as a file. */
async function save(format: 'json' | 'yaml'): Promise<void> {
  const url = URL.createObjectURL(await exportJobs(format));
  const link = document.createElement('a');
  link.href = url;
  link.download = `jobs.${format}`;
  link.click();
  URL.revokeObjectURL(url);
}

function nothingIn(plan: Imported): boolean {
  return plan.created.length + plan.updated.length + plan.deleted.length === 0;
}
