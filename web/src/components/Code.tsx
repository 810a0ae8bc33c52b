import { useEffect, useState } from 'react';
import { useI18n } from '../i18n';

interface Token {
  kind: string;
  text: string;
}

/** Longer texts are shown without colours. */
const longest = 50_000;

/** A text as it is, never as HTML; JSON and scripts in colours once these are loaded. */
export function Code({ text, highlight = false, label }: { text: string; highlight?: boolean; label?: string }) {
  const { t } = useI18n();
  const tokens = useTokens(text, highlight && text.length <= longest);
  return (
    // A region that scrolls can be reached by the keyboard.
    <pre className="code" tabIndex={0} role="region" aria-label={label ?? t('code.label')}>
      <code>
        {tokens
          ? tokens.map((token, i) => (
              <span key={i} className={`sh-${token.kind}`}>
                {token.text}
              </span>
            ))
          : text}
      </code>
    </pre>
  );
}

function useTokens(text: string, wanted: boolean): Token[] | null {
  const [made, setMade] = useState<{ text: string; tokens: Token[] } | null>(null);
  useEffect(() => {
    if (!wanted) return;
    let current = true;
    void Promise.all([import('sugar-high/core'), import('sugar-high/lang/json')]).then(([{ tokenize, SugarHigh }, json]) => {
      if (!current) return;
      const tokens = tokenize(text, json).map(([kind, part]) => ({ kind: SugarHigh.TokenTypes[kind] ?? 'identifier', text: part }));
      // What is shown is what came, to the letter, or it is shown without colours.
      if (tokens.map((token) => token.text).join('') === text) setMade({ text, tokens });
    });
    return () => {
      current = false;
    };
  }, [text, wanted]);
  return wanted && made?.text === text ? made.tokens : null;
}
