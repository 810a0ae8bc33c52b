/** The request that a cURL command is made of. */
export interface CurlRequest {
  method: string;
  url: string;
  headers?: Record<string, string | null> | null;
  body?: string;
  body_encoding?: 'text' | 'base64' | '' | null;
  follow_redirects?: number | null;
  insecure_tls?: boolean | null;
}

/** Quotes a word for a POSIX shell. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The request as a cURL command, one option a line. */
export function toCurl(request: CurlRequest): string {
  const binary = request.body_encoding === 'base64';
  const body = request.body ?? '';
  const lines = [`curl ${shellQuote(request.url)}`];
  const implied = body === '' ? 'GET' : 'POST';
  if (request.method === 'HEAD') lines.push('--head');
  else if (request.method !== implied) lines.push(`-X ${request.method}`);
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    // cURL drops a header without a value unless it ends in a semicolon.
    lines.push(`-H ${shellQuote(value ? `${name}: ${value}` : `${name};`)}`);
  }
  if (body !== '') lines.push(binary ? '--data-binary @-' : `--data-raw ${shellQuote(body)}`);
  const hops = request.follow_redirects ?? 0;
  if (hops > 0) lines.push(`-L --max-redirs ${hops}`);
  if (request.insecure_tls) lines.push('-k');
  const command = lines.join(' \\\n  ');
  return binary && body !== '' ? `printf %s ${shellQuote(body)} | base64 -d | ${command}` : command;
}
