import type { ReactNode } from 'react';
import type { components } from '../api/schema';
import { useI18n } from '../i18n';
import { Glyph } from './icons';

type Text = components['schemas']['Warning'];

/** What may surprise about a job or a schedule. */
export function Warnings({ warnings, children }: { warnings: readonly Text[]; children?: ReactNode }) {
  const { language } = useI18n();
  return (
    <ul className="outlook-warnings">
      {warnings.map((warning) => (
        <Warning key={warning.code + warning.message} text={language === 'en' ? warning.message : warning.message_zh} />
      ))}
      {children}
    </ul>
  );
}

/** One line of them. */
export function Warning({ text }: { text: string }) {
  return (
    <li>
      <Glyph name="warn" width="14" height="14" />
      <span>{text}</span>
    </li>
  );
}
