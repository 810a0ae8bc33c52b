import type { Messages } from '.';
import { editing } from './zh/editing';
import { pages } from './zh/pages';

/** Simplified Chinese, by key. */
export const zh: Messages = { ...pages, ...editing };
