/**
 * JSON as text, never as values: numbers of any size survive, and so do the
 * order of members, duplicates and escapes.
 */

const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/y;

/** The tokens of a JSON text; null when something in it is no token. */
function tokens(text: string): string[] | null {
  const list: string[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++;
    if (at === text.length) return list;
    token.lastIndex = at;
    const match = token.exec(text);
    if (!match) return null;
    list.push(match[0]);
    at = token.lastIndex;
  }
}

/** Indents a JSON text by two; null when it is not JSON. Tokens stay as they were written. */
export function indentJSON(text: string): string | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const list = tokens(text);
  if (!list) return null;
  let out = '';
  let depth = 0;
  for (const [i, part] of list.entries()) {
    const empty = isEmpty(list, i);
    if ((part === '}' || part === ']') && !empty) out += line(--depth);
    out += part;
    if ((part === '{' || part === '[') && !empty) out += line(++depth);
    else if (part === ',') out += line(depth);
    else if (part === ':') out += ' ';
  }
  return out;
}

/** Whether the bracket at i belongs to an empty object or list. */
function isEmpty(list: readonly string[], i: number): boolean {
  const part = list[i];
  if (part === '{' || part === '[') return list[i + 1] === (part === '{' ? '}' : ']');
  if (part === '}' || part === ']') return list[i - 1] === (part === '}' ? '{' : '[');
  return false;
}

function line(depth: number): string {
  return `\n${'  '.repeat(depth)}`;
}
