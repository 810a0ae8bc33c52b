import { type ReactNode, useState } from 'react';
import { useI18n } from '../i18n';
import { Button } from './Button';
import { Glyph } from './icons';

const shownFor = 1500;

function useCopy(text: string): [boolean, () => void] {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    writeClipboard(text).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), shownFor);
      },
      () => setCopied(false),
    );
  };
  return [copied, copy];
}

/** Where the page came by plain http, browsers have no clipboard but the selection's. */
async function writeClipboard(text: string): Promise<void> {
  if (globalThis.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('the browser refused to copy');
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const { t } = useI18n();
  const [copied, copy] = useCopy(text);
  return (
    <Button icon={copied ? 'check' : 'copy'} onClick={copy}>
      {copied ? t('action.copied') : label}
    </Button>
  );
}

/** A text with a small button that copies it. */
export function CopyText({ text, children }: { text: string; children: ReactNode }) {
  const { t } = useI18n();
  const [copied, copy] = useCopy(text);
  return (
    <span className="copy">
      {children}
      <button type="button" className="icon-button small" aria-label={t('action.copyText', { text })} title={t('action.copy')} onClick={copy}>
        <Glyph name={copied ? 'check' : 'copy'} width="13" height="13" />
      </button>
    </span>
  );
}
