/** The parts of a call as the API has them, in ms. The first byte and the total are from the start. */
export interface Phases {
  dns_ms: number;
  connect_ms: number;
  tls_ms: number;
  first_byte_ms: number;
  total_ms: number;
}

export const phaseNames = ['dns', 'connect', 'tls', 'wait', 'download'] as const;

export interface Phase {
  name: (typeof phaseNames)[number];
  /** From the start of the call, in ms. */
  start: number;
  ms: number;
}

/** The parts of a call one after the other; those that did not happen are left out. */
export function waterfall(p: Phases): Phase[] {
  const connected = p.dns_ms + p.connect_ms + p.tls_ms;
  const answered = p.first_byte_ms > 0 ? Math.max(connected, p.first_byte_ms) : 0;
  const total = Math.max(p.total_ms, connected, answered);
  const list: Phase[] = [
    { name: 'dns', start: 0, ms: p.dns_ms },
    { name: 'connect', start: p.dns_ms, ms: p.connect_ms },
    { name: 'tls', start: p.dns_ms + p.connect_ms, ms: p.tls_ms },
    { name: 'wait', start: connected, ms: (answered || total) - connected },
    { name: 'download', start: answered, ms: answered > 0 ? total - answered : 0 },
  ];
  return list.filter((phase) => phase.ms > 0);
}
