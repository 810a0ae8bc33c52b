import { useCallback, useEffect, useMemo, useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { Job } from '../../api/client';
import { ApiError } from '../../api/errors';
import { createJob, replaceJob } from '../../api/jobs';
import { queries } from '../../api/queries';
import { useBarred } from '../../api/scope';
import { Button } from '../../components/Button';
import { Confirm } from '../../components/Confirm';
import { Alert } from '../../components/Notice';
import { Page } from '../../components/Page';
import { toast } from '../../components/Toasts';
import { useI18n } from '../../i18n';
import { errorText } from '../../i18n/words';
import { releaseGuard, useGuard } from '../../lib/guard';
import { jobPath } from '../../lib/navigate';
import { modKey, useKeys } from '../../lib/useKeys';
import { type Draft, sameHeaders, toInput } from './draft';
import { type Faults, faultsOf, focusFirstFault } from './faults';
import { IfItFails } from './IfItFails';
import { PasteBox } from './PasteBox';
import { Outlook } from './Outlook';
import { What } from './What';
import { When } from './When';

interface Props {
  initial: Draft;
  /** The job that is changed; absent for a new one. */
  saved?: Job;
}

/** Writes a job: what to call, when, and what to do if it fails. */
export function Editor({ initial, saved }: Props) {
  const { t } = useI18n();
  const barred = useBarred()('write');
  const [, navigate] = useLocation();
  const [draft, setDraft] = useState(initial);
  const [start] = useState(() => JSON.stringify(toInput(initial)));
  const [refused, setRefused] = useState<unknown>(null);
  const [previewFaults, setPreviewFaults] = useState<Faults>({});
  const [busy, setBusy] = useState(false);
  const [leave, setLeave] = useState<(() => void) | null>(null);
  const unsaved = useMemo(() => JSON.stringify(toInput(draft)) !== start, [draft, start]);
  useGuard(
    unsaved,
    useCallback((go: () => void) => setLeave(() => go), []),
  );
  useEffect(() => {
    if (refused !== null) focusFirstFault();
  }, [refused]);
  const change = useCallback((to: Partial<Draft>) => {
    setRefused(null);
    setDraft((now) => ({ ...now, ...to }));
  }, []);

  const save = async (): Promise<void> => {
    if (busy || barred) return;
    if (sameHeaders(draft.headers).size > 0) return focusFirstFault();
    setBusy(true);
    setRefused(null);
    try {
      const input = toInput(draft);
      const job = saved ? await replaceJob(saved.id, input, saved.version) : await createJob(input);
      releaseGuard();
      queries.setQueryData(['job', job.id], job);
      toast('ok', t(saved ? 'editor.saved' : 'editor.created', { name: job.name || job.id }));
      navigate(jobPath(job.id));
    } catch (error) {
      setRefused(error);
      setBusy(false);
    }
  };
  const back = saved ? jobPath(saved.id) : '/jobs';
  useKeys({ 'mod+enter': () => void save(), escape: () => navigate(back) });

  const faults = { ...previewFaults, ...faultsOf(refused, t) };
  const title = saved ? t('editor.edit', { name: saved.name || saved.id }) : t('jobs.new');
  return (
    <Page
      title={title}
      name={title}
      above={<Link to={back}>{saved ? saved.name || saved.id : t('nav.jobs')}</Link>}
      actions={
        <>
          <Button onClick={() => navigate(back)}>{t('action.cancel')}</Button>
          <Button kind="primary" hint={`${modKey}↵`} needs="write" disabled={busy} onClick={() => void save()}>
            {t(saved ? 'action.save' : 'editor.create')}
          </Button>
        </>
      }
    >
      {barred && <Alert>{barred}</Alert>}
      {refused !== null && <Refusal error={refused} />}
      <form
        className="editor"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <div className="editor-form">
          {!saved && <PasteBox empty={initial} onDraft={setDraft} />}
          <What draft={draft} onChange={change} faults={faults} fixedId={saved !== undefined} />
          <When schedule={draft.schedule} onChange={(schedule) => change({ schedule })} faults={faults} />
          <IfItFails draft={draft} onChange={change} faults={faults} />
          <button type="submit" className="hidden" tabIndex={-1} aria-hidden="true" />
        </div>
        <Outlook draft={draft} onFaults={setPreviewFaults} />
      </form>
      {leave && (
        <Confirm
          title={t('editor.leaveTitle')}
          action={t('editor.leave')}
          danger
          onClose={() => setLeave(null)}
          onConfirm={async () => {
            releaseGuard();
            leave();
          }}
        >
          {t('editor.leaveText')}
        </Confirm>
      )}
    </Page>
  );
}

function Refusal({ error }: { error: unknown }) {
  const { t } = useI18n();
  const outdated = error instanceof ApiError && error.code === 'precondition_failed';
  return <Alert>{outdated ? t('editor.outdated') : errorText(error, t)}</Alert>;
}
