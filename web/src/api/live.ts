import { useSyncExternalStore } from 'react';
import { basePath } from './client';
import type { components } from './schema';

/** `live`: events arrive. `connecting`: not yet, or not any more. */
export type LiveStatus = 'connecting' | 'live';

export type RunChange = components['schemas']['RunChange'];
export type JobChange = components['schemas']['JobChange'];

/** A change that the server told of; `many`: more than is told one by one, or some were lost. */
export type LiveEvent = { type: 'run'; run: RunChange } | { type: 'job'; job: JobChange } | { type: 'many' };

type Message = { kind: 'event'; event: LiveEvent } | { kind: 'status'; status: LiveStatus } | { kind: 'hello' };

const name = `schedule-server:events:${basePath}`;
const retryAfter = 1000;

/**
 * The stream of changes. A browser opens few connections to one host, and a
 * stream holds one for good: one tab, which holds a lock, opens it for all and
 * passes on what comes. Where there are no locks (a plain http address in the
 * intranet) every tab that is seen has a stream of its own.
 */
class Live {
  private status: LiveStatus = 'connecting';
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private channel: BroadcastChannel | null = null;
  private readonly watchers = new Set<() => void>();
  private readonly takers = new Set<(event: LiveEvent) => void>();

  start(): void {
    if ('locks' in navigator && 'BroadcastChannel' in globalThis) this.elect();
    else this.whileVisible();
  }

  readonly getStatus = (): LiveStatus => this.status;

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Calls take with every event until the returned function is called. */
  onEvent(take: (event: LiveEvent) => void): () => void {
    this.takers.add(take);
    return () => this.takers.delete(take);
  }

  /** Tries anew at once: somebody logged in. */
  reopen(): void {
    if (!this.source && this.timer === undefined) return;
    this.close();
    this.open();
  }

  private elect(): void {
    const channel = new BroadcastChannel(name);
    this.channel = channel;
    channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
      if (data.kind === 'hello') {
        if (this.source) channel.postMessage({ kind: 'status', status: this.status } satisfies Message);
      } else if (!this.source) {
        if (data.kind === 'event') this.give(data.event);
        else this.become(data.status);
      }
    });
    channel.postMessage({ kind: 'hello' } satisfies Message);
    void navigator.locks.request(name, () => {
      this.open();
      // Held until the tab goes away; then the next one in the queue leads.
      return new Promise<never>(() => {});
    });
  }

  private whileVisible(): void {
    const follow = (): void => (document.hidden ? this.close() : this.open());
    document.addEventListener('visibilitychange', follow);
    follow();
  }

  private open(): void {
    if (this.source) return;
    const source = new EventSource(`${basePath}/api/v1/events`);
    this.source = source;
    source.addEventListener('open', () => this.tell('live'));
    source.addEventListener('error', () => {
      this.tell('connecting');
      // An answer that is no stream ends it for good: try anew.
      if (source.readyState === EventSource.CLOSED) {
        this.close();
        this.timer = setTimeout(() => this.open(), retryAfter);
      }
    });
    for (const type of ['run', 'job', 'many', 'reset'] as const) {
      source.addEventListener(type, ({ data }: MessageEvent<string>) => {
        const event = readEvent(type, data);
        if (!event) return;
        this.give(event);
        this.channel?.postMessage({ kind: 'event', event } satisfies Message);
      });
    }
  }

  private close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.source?.close();
    this.source = null;
  }

  private tell(status: LiveStatus): void {
    this.become(status);
    this.channel?.postMessage({ kind: 'status', status } satisfies Message);
  }

  private become(status: LiveStatus): void {
    if (this.status === status) return;
    this.status = status;
    for (const watcher of this.watchers) watcher();
  }

  private give(event: LiveEvent): void {
    for (const take of this.takers) take(event);
  }
}

/** Reads the data of an event; null when it is not what we know. */
export function readEvent(type: 'run' | 'job' | 'many' | 'reset', data: string): LiveEvent | null {
  if (type === 'many' || type === 'reset') return { type: 'many' };
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value !== 'object' || value === null || !('id' in value)) return null;
    // The server's own words, as its document has them.
    return type === 'run' ? { type, run: value as RunChange } : { type, job: value as JobChange };
  } catch {
    return null;
  }
}

export const live = new Live();

export function useLiveStatus(): LiveStatus {
  return useSyncExternalStore(live.watch, live.getStatus);
}
