import type { Job } from '../api/client';

/** A stretch of the list, as the API answers it. */
export interface JobPage {
  jobs: Job[];
  total: number;
  next_cursor: string | null;
}

/** Reads the stretch behind a cursor; with `recent` each job has its last runs. */
export type ReadJobs = (cursor: string | null, limit: number, recent: boolean) => Promise<JobPage>;

export interface JobListState {
  /** Jobs that match; null before the first answer. */
  total: number | null;
  /** What is loaded, from the top. */
  rows: readonly Job[];
  error: unknown;
}

interface Part {
  cursor: string | null;
  next: string | null;
  limit: number;
  recent: boolean;
  rows: readonly Job[];
}

const near = 100;
const far = 500;
/** How long changes by events are gathered, in ms. */
const moment = 200;

/**
 * A long list of jobs of which only what is looked at is loaded. The API's
 * cursors lead forward only: a jump to the far end reads large parts without
 * the runs, and the runs of those parts once they are looked at.
 */
export class JobList {
  private parts: Part[] = [];
  private state: JobListState = { total: null, rows: [], error: null };
  private readonly read: ReadJobs;
  private readonly listeners = new Set<() => void>();
  private from = 0;
  private to = 0;
  private stale = false;
  private busy = false;
  private planned = false;

  constructor(read: ReadJobs) {
    this.read = read;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getState = (): JobListState => this.state;

  /** Says which rows are looked at, and loads what is missing of them. */
  show(from: number, to: number): void {
    this.from = from;
    this.to = to;
    void this.pump();
  }

  /** Reads what is looked at anew. */
  refresh(): void {
    this.stale = true;
    void this.pump();
  }

  /** Changes one job by what is known of it; false when it is not among those loaded. */
  patch(id: string, change: (job: Job) => Job): boolean {
    const i = this.parts.findIndex((part) => part.rows.some((job) => job.id === id));
    const part = this.parts[i];
    if (!part) return false;
    this.parts = this.parts.with(i, { ...part, rows: part.rows.map((job) => (job.id === id ? change(job) : job)) });
    this.publishSoon();
    return true;
  }

  /** Events come in bursts; the list is made anew once for all of a moment. */
  private publishSoon(): void {
    if (this.planned) return;
    this.planned = true;
    setTimeout(() => {
      this.planned = false;
      this.publish({});
    }, moment);
  }

  private publish(change: Partial<JobListState>): void {
    this.state = { ...this.state, rows: this.parts.flatMap((part) => part.rows), ...change };
    for (const listener of this.listeners) listener();
  }

  private async pump(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      for (let step = this.nextStep(); step; step = this.nextStep()) await step();
      if (this.state.error !== null) this.publish({ error: null });
    } catch (error) {
      this.publish({ error });
    } finally {
      this.busy = false;
    }
  }

  private nextStep(): (() => Promise<void>) | null {
    if (this.parts.length === 0) return () => this.append();
    if (this.stale) {
      this.stale = false;
      return () => this.reload(this.visible());
    }
    if (this.to > this.loaded() && this.parts.at(-1)?.next != null) return () => this.append();
    const bare = this.visible().filter((part) => !part.recent);
    return bare.length > 0 ? () => this.reload(bare.slice(0, 1)) : null;
  }

  private loaded(): number {
    return this.parts.reduce((n, part) => n + part.rows.length, 0);
  }

  private async append(): Promise<void> {
    const distance = this.to - this.loaded();
    const recent = distance <= near;
    const part = { cursor: this.parts.at(-1)?.next ?? null, limit: recent ? near : far, recent };
    const page = await this.read(part.cursor, part.limit, recent);
    this.parts = [...this.parts, { ...part, next: page.next_cursor, rows: page.jobs }];
    this.publish({ total: page.total });
  }

  private visible(): Part[] {
    let start = 0;
    return this.parts.filter((part) => {
      const end = start + part.rows.length;
      const seen = end >= this.from && start <= this.to;
      start = end;
      return seen;
    });
  }

  private async reload(parts: readonly Part[]): Promise<void> {
    for (const old of parts) {
      const page = await this.read(old.cursor, old.limit, true);
      const i = this.parts.findIndex((part) => part.cursor === old.cursor);
      const fresh = { ...old, recent: true, next: page.next_cursor, rows: page.jobs };
      // When the part ends elsewhere now, what follows would overlap or leave a gap.
      const rest = page.next_cursor === old.next ? this.parts.slice(i + 1) : [];
      this.parts = [...this.parts.slice(0, i), fresh, ...rest];
      this.publish({ total: page.total });
      if (rest.length === 0) return;
    }
  }
}
