/**
 * Does something soon after it was asked for, and again at most every so often
 * however often it is asked. Nothing is done while the page is hidden: it is
 * made up for when the page is seen again.
 */
export class Pace {
  private readonly every: number;
  private readonly act: () => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last = Number.NEGATIVE_INFINITY;
  private due = false;

  constructor(every: number, act: () => void) {
    this.every = every;
    this.act = act;
    document.addEventListener('visibilitychange', () => this.due && this.plan());
  }

  mark(): void {
    this.due = true;
    this.plan();
  }

  private plan(): void {
    if (this.timer !== undefined || document.hidden) return;
    const wait = Math.max(soon, this.last + this.every - performance.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (document.hidden) return;
      this.due = false;
      this.last = performance.now();
      this.act();
    }, wait);
  }
}

/** Events come in bursts: those of one burst are taken together. */
const soon = 80;
