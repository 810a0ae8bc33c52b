import { editing } from './en/editing';
import { pages } from './en/pages';

/** English, by key. `{name}` is filled in; `one|other` is chosen by the parameter n. */
export const en = { ...pages, ...editing };
