import { useQuery } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import type { Job } from '../../api/client';
import { jobQuery } from '../../api/queries';
import { Failure, Skeleton } from '../../components/Notice';
import { Page } from '../../components/Page';
import { useI18n } from '../../i18n';
import { now } from '../../lib/clock';
import { useIdInPath, useSearchText } from '../../lib/navigate';
import { draftOf, emptyDraft } from './draft';
import { Editor } from './Editor';

/** A new job, a copy of one, or a change of one. */
export default function EditorPage() {
  const [path] = useLocation();
  const idInPath = useIdInPath();
  const from = new URLSearchParams(useSearchText()).get('from') ?? '';
  const editing = path !== '/jobs/new';
  const source = editing ? idInPath : from;
  if (source === '') return <Fresh />;
  return <Loaded key={source} id={source} editing={editing} />;
}

function Fresh() {
  const { locale } = useI18n();
  return <Editor initial={emptyDraft(locale.timeZone, now())} />;
}

function Loaded({ id, editing }: { id: string; editing: boolean }) {
  const { t, locale } = useI18n();
  // Read once: what is being written must not change under the writer's hands.
  const { data, error, refetch } = useQuery({ ...jobQuery(id), queryKey: ['editor', id], staleTime: 0, gcTime: 0, refetchOnWindowFocus: false });
  if (!data) {
    return (
      <Page title={id} name={id}>
        {error ? <Failure error={error} onRetry={() => void refetch()} /> : <Skeleton lines={8} />}
      </Page>
    );
  }
  const draft = draftOf(data, emptyDraft(locale.timeZone, now()));
  return <Editor initial={editing ? draft : copyOf(draft, data, t('editor.copyOf', { name: data.name || data.id }))} saved={editing ? data : undefined} />;
}

/** A copy has no id of its own yet. An interval's phase goes with the job it came from. */
function copyOf(draft: ReturnType<typeof draftOf>, job: Job, name: string): ReturnType<typeof draftOf> {
  return { ...draft, id: '', name, base: { schedule: { ...job.schedule, anchor: undefined } } };
}
