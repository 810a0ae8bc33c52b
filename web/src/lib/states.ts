import type { Job } from '../api/client';
import type { IconName } from '../components/icons';
import type { Key } from '../i18n';

export type Tone = 'ok' | 'fail' | 'warn' | 'run' | 'quiet';

/** How a state looks: always an icon, a word and a colour. */
export interface Look {
  tone: Tone;
  icon: IconName;
  word: Key;
}

const runLooks: Record<string, Look> = {
  waiting: { tone: 'quiet', icon: 'clock', word: 'state.waiting' },
  queued: { tone: 'run', icon: 'ring', word: 'state.queued' },
  running: { tone: 'run', icon: 'play', word: 'state.running' },
  retrying: { tone: 'warn', icon: 'retry', word: 'state.retrying' },
  succeeded: { tone: 'ok', icon: 'dot', word: 'state.succeeded' },
  failed: { tone: 'fail', icon: 'cross', word: 'state.failed' },
  skipped: { tone: 'warn', icon: 'skip', word: 'state.skipped' },
  missed: { tone: 'warn', icon: 'dash', word: 'state.missed' },
  canceled: { tone: 'quiet', icon: 'stop', word: 'state.canceled' },
};

export function runLook(state: string): Look {
  return runLooks[state] ?? { tone: 'quiet', icon: 'ring', word: 'state.queued' };
}

/** A job in one word: what its schedule does, or how its last run ended. */
export function jobLook(job: Pick<Job, 'status' | 'last_run'>): Look {
  if (job.status === 'paused') return { tone: 'quiet', icon: 'pause', word: 'job.paused' };
  if (job.last_run?.state === 'failed') return { tone: 'fail', icon: 'cross', word: 'job.failing' };
  if (job.status === 'completed') return { tone: 'quiet', icon: 'check', word: 'job.completed' };
  if (job.last_run === null) return { tone: 'quiet', icon: 'ring', word: 'job.new' };
  if (job.last_run.state === 'succeeded') return { tone: 'ok', icon: 'dot', word: 'job.ok' };
  return runLook(job.last_run.state);
}

/** Whether the run has not ended. */
export function isOpen(state: string): boolean {
  return state === 'waiting' || state === 'queued' || state === 'running' || state === 'retrying';
}
