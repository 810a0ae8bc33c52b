import { Component, type ReactNode } from 'react';
import { getSettings } from '../lib/settings';
import { translator } from '../i18n';
import { Button } from './Button';
import { Blank } from './Notice';

/** Stands in for a page that broke, so that the reader is not left with nothing. */
export class Boundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    const t = translator(getSettings().language);
    return (
      <div role="alert">
      <Blank icon="warn" title={t('error.page')}>
        <Button kind="primary" onClick={() => location.reload()}>
          {t('action.reload')}
        </Button>
      </Blank>
      </div>
    );
  }
}
