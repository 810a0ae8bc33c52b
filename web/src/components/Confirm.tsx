import { type ReactNode, useState } from 'react';
import { useI18n } from '../i18n';
import { errorText } from '../i18n/words';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { Alert } from './Notice';

interface Props {
  title: string;
  children?: ReactNode;
  /** What the button says that does it. */
  action: string;
  danger?: boolean;
  /** The dialog closes when it is done, and says why when it failed. */
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

/** Asks before something is done that cannot be taken back. */
export function Confirm({ title, children, action, danger = false, onConfirm, onClose }: Props) {
  const { t } = useI18n();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <div className="dialog-text">{children}</div>
        {error !== null && <Alert>{errorText(error, t)}</Alert>}
        <div className="dialog-actions">
          <Button onClick={onClose}>{t('action.cancel')}</Button>
          <Button type="submit" kind={danger ? 'danger' : 'primary'} disabled={busy} autoFocus>
            {action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
