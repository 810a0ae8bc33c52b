import { ApiError, type Fault } from '../../api/errors';
import type { Translate } from '../../i18n';
import { faultText } from '../../i18n/words';

/** What is wrong, by the field's path in the API. */
export type Faults = Readonly<Record<string, string>>;

export function faultsOf(error: unknown, t: Translate): Faults {
  return error instanceof ApiError ? byField(error.faults, t) : {};
}

/** The first fault of each field. */
export function byField(faults: readonly Fault[], t: Translate): Faults {
  const map: Record<string, string> = {};
  for (const fault of faults) map[fault.field] ??= faultText(fault, t);
  return map;
}

/** The faults of a group that are not shown at a field of their own. */
export function otherFaults(faults: Faults, group: string, shown: readonly string[]): string[] {
  return Object.entries(faults)
    .filter(([field]) => field.startsWith(`${group}.`) && !shown.includes(field))
    .map(([field, message]) => `${field}: ${message}`);
}

/** Leads to the first field that is at fault. */
export function focusFirstFault(): void {
  const first = document.querySelector<HTMLElement>('.editor [aria-invalid="true"]');
  first?.closest('details')?.setAttribute('open', '');
  first?.focus();
}
