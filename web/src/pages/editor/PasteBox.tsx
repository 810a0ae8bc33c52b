import { useState } from 'react';
import { api, unwrap } from '../../api/client';
import { Glyph } from '../../components/icons';
import { useI18n } from '../../i18n';
import { errorText } from '../../i18n/words';
import { type Draft, draftOf } from './draft';

interface Props {
  /** What a pasted text is laid over. */
  empty: Draft;
  onDraft: (draft: Draft) => void;
}

interface Said {
  tone: 'ok' | 'fail';
  lines: string[];
}

/** Takes a cURL command or a line of a crontab, as they are. What the server makes of it fills the form. */
export function PasteBox({ empty, onDraft }: Props) {
  const { t } = useI18n();
  const [text, setText] = useState('');
  const [said, setSaid] = useState<Said | null>(null);

  const read = async (pasted: string): Promise<void> => {
    if (pasted.trim() === '') return setSaid(null);
    try {
      const answer = await unwrap(api.POST('/api/v1/jobs/parse', { body: { text: pasted, time_zone: empty.schedule.timeZone } }));
      const [first, ...more] = answer.drafts;
      const skipped = answer.skipped.map((s) => t('paste.skipped', { line: s.line, reason: s.reason }));
      if (!first) return setSaid({ tone: 'fail', lines: skipped.length > 0 ? skipped : [t('paste.nothing')] });
      onDraft(draftOf(first.job, empty));
      const many = more.length > 0 ? [t('paste.first', { n: answer.drafts.length })] : [];
      setSaid({ tone: 'ok', lines: [t(answer.kind === 'command' ? 'paste.command' : 'paste.crontab'), ...many, ...first.warnings, ...skipped] });
    } catch (error) {
      setSaid({ tone: 'fail', lines: [errorText(error, t)] });
    }
  };
  return (
    <div className="paste">
      <label htmlFor="paste" className="hidden">
        {t('paste.label')}
      </label>
      <textarea
        id="paste"
        className="mono"
        rows={2}
        spellCheck={false}
        placeholder={t('paste.placeholder')}
        aria-describedby={said ? 'paste-said' : undefined}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onPaste={(event) => {
          event.preventDefault();
          const pasted = event.clipboardData.getData('text');
          setText(pasted);
          void read(pasted);
        }}
        onBlur={() => said === null && void read(text)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          void read(text);
        }}
      />
      {said && (
        <ul id="paste-said" role="status" className={`paste-said tone-${said.tone}`}>
          {said.lines.map((line, i) => (
            <li key={line}>
              <Glyph name={said.tone === 'fail' ? 'cross' : i === 0 ? 'check' : 'warn'} width="14" height="14" />
              {line}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
