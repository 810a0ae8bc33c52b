import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Failure, Skeleton } from '../../components/Notice';
import { useI18n } from '../../i18n';

interface Props {
  title: string;
  /** Where all of it is. */
  more: string;
  error: unknown;
  loading: boolean;
  empty: ReactNode | null;
  children: ReactNode;
}

/** One of the lists of the Now page. */
export function Panel({ title, more, error, loading, empty, children }: Props) {
  const { t } = useI18n();
  return (
    <section className="panel card" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <Link to={more}>{t('now.all')}</Link>
      </header>
      {loading ? <Skeleton lines={5} /> : error ? <Failure error={error} /> : (empty ?? <ul className="panel-list">{children}</ul>)}
    </section>
  );
}
