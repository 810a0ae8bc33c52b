import { ApiError, type Fault } from '../api/errors';
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
  const faults = error.faults.map((f) => `${f.field}: ${faultText(f, t)}`).join('; ');
  if (faults) return faults;
  return problemText(error.code, error.detail, t) || t('error.status', { status: error.status });
}

/** A refusal for people: by its code in the language of the page, else in the server's own words. */
export function problemText(code: string, detail: string, t: Translate): string {
  const key = `problem.${code}`;
  return isKey(key) ? t(key, { detail }) : detail;
}

/** What is wrong with a field, for people: the server speaks English, its codes have words in every language. */
export function faultText(fault: Pick<Fault, 'code' | 'message'>, t: Translate): string {
  const key = `fault.${fault.code}`;
  return isKey(key) ? t(key, { message: fault.message }) : fault.message;
}
