import type { ReactNode } from 'react';
import { useI18n } from '../i18n';
import { errorText } from '../i18n/words';
import { ApiError } from '../api/errors';
import { Button } from './Button';
import { Glyph, type IconName } from './icons';

/** Something went wrong with what was just asked for. */
export function Alert({ children }: { children: ReactNode }) {
  return (
    <p className="alert" role="alert">
      <Glyph name="warn" />
      <span>{children}</span>
    </p>
  );
}

/** In place of content that is not there: what it is, why, and what to do. */
export function Blank({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="blank">
      <Glyph name={icon} width="22" height="22" />
      <p className="blank-title">{title}</p>
      {children}
    </div>
  );
}

/** In place of content that could not be loaded. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useI18n();
  const forbidden = error instanceof ApiError && error.status === 403;
  const absent = error instanceof ApiError && error.status === 404;
  return (
    <div role="alert">
      <Blank icon={forbidden ? 'key' : 'warn'} title={forbidden ? t('error.forbiddenTitle') : absent ? t('error.notFoundTitle') : t('error.title')}>
        <p className="soft">{errorText(error, t)}</p>
        {onRetry && !forbidden && !absent && (
          <Button icon="retry" onClick={onRetry}>
            {t('action.retry')}
          </Button>
        )}
      </Blank>
    </div>
  );
}

/** Lines in place of text that is being loaded. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  const { t } = useI18n();
  return (
    <div className="skeleton" role="status" aria-label={t('state.loading')}>
      {Array.from({ length: lines }, (_, i) => (
        <span key={i} className={`bone bone-${i % 3}`} />
      ))}
    </div>
  );
}
