/** One field at fault, as the API names it. */
export interface Fault {
  field: string;
  code: string;
  message: string;
}

/** Why a call to the API failed. `status` 0 with the code `unreachable`: there was no answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly faults: readonly Fault[];

  constructor(status: number, code: string, detail: string, faults: readonly Fault[], options?: ErrorOptions) {
    super(detail || code, options);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.faults = faults;
  }
}

/** Makes an ApiError of whatever a server, or a proxy before it, answered. */
export function toApiError(status: number, body: unknown): ApiError {
  if (!isObject(body)) return new ApiError(status, `status_${status}`, '', []);
  const code = typeof body.code === 'string' ? body.code : `status_${status}`;
  const detail = typeof body.detail === 'string' ? body.detail : '';
  const list = Array.isArray(body.errors) ? body.errors : [];
  const faults = list.filter(isObject).map((e) => ({ field: String(e.field ?? ''), code: String(e.code ?? ''), message: String(e.message ?? '') }));
  return new ApiError(status, code, detail, faults);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Whether another try may help: no answer, or a server that says so. */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 502);
}
