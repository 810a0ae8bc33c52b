import { ApiError } from '../api/errors';
import { isKey, type Translate } from '.';

/** A reason of a run for people; the server's own word when it is a new one. */
export function reasonText(reason: string, t: Translate): string {
  if (reason === '') return '';
  const status = /^status_(\d+)$/.exec(reason)?.[1];
  if (status) return t('reason.status', { code: status });
  const key = `reason.${reason}`;
  return isKey(key) ? t(key) : reason.replaceAll('_', ' ');
}

/** Why a call failed, for people. */
export function errorText(error: unknown, t: Translate): string {
  if (!(error instanceof ApiError)) return t('error.page');
  if (error.status === 0) return t('error.unreachable');
  const faults = error.faults.map((f) => `${f.field}: ${f.message}`).join('; ');
  if (faults) return faults;
  if (error.status === 403) return error.detail || t('error.forbidden');
  return error.detail || t('error.status', { status: error.status });
}
