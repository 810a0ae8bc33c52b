import createClient from 'openapi-fetch';
import { learnServerTime } from '../lib/clock';
import { requireLogin } from './session';
import { ApiError, toApiError } from './errors';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type Job = Schemas['Job'];
export type JobInput = Schemas['JobInput'];
export type Schedule = Schemas['Schedule'];
export type Run = Schemas['Run'];
export type Attempt = Schemas['Attempt'];
export type Preview = Schemas['Preview'];
export type FieldError = Schemas['FieldError'];
export type Occurrence = Schemas['Occurrence'];

/** The path below which the server serves everything, without a slash at its end. */
export const basePath = new URL('.', document.baseURI).pathname.replace(/\/$/, '');

export const api = createClient<paths>({ baseUrl: basePath });

api.use({
  onResponse({ response, schemaPath }) {
    learnServerTime(response.headers.get('date'), Date.now());
    if (response.status === 401 && schemaPath !== '/api/v1/session') requireLogin();
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The body of a good answer; anything else is thrown as an ApiError. */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await reached(call);
  if (!response.ok) throw toApiError(response.status, error);
  return data as T;
}

/** The answer with its headers; thrown when it is not good. */
export async function answerOf<T>(call: Promise<Answer<T>>): Promise<{ data: T; response: Response }> {
  const { data, error, response } = await reached(call);
  if (!response.ok) throw toApiError(response.status, error);
  return { data: data as T, response };
}

async function reached<T>(call: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'unreachable', '', [], { cause });
  }
}
