import { cancelled, pauseFor } from "./pause";

interface Limits {
  concurrency: number;
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
}

/** Given back when a request has ended. */
export interface Permit {
  /** @param tokens what the request really took; 0 where it failed */
  leave(tokens: number): void;
}

/**
 * Bounds what is asked of an endpoint: requests at once, and requests and tokens in any window of a minute. First come,
 * first served. A request larger than the whole budget goes alone.
 */
export class RateLimit {
  private active = 0;
  private readonly queue: (() => void)[] = [];
  private readonly started: { at: number; tokens: number }[] = [];
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly limits: Limits,
    private readonly windowMs = 60_000,
  ) {}

  /** Waits until a request of about this many tokens may be sent. Throws `cancelled` once the signal is aborted. */
  async enter(tokens: number, signal: AbortSignal): Promise<Permit> {
    await this.slot(signal);
    const entry = { at: 0, tokens };
    try {
      // One after the other: whoever waits for the minute's budget holds back those behind.
      const before = this.turn;
      let done = (): void => undefined;
      this.turn = new Promise((resolve) => (done = resolve));
      try {
        await before;
        for (let wait = this.waitFor(tokens); wait > 0; wait = this.waitFor(tokens)) await pauseFor(wait, signal);
        if (signal.aborted) throw cancelled();
        entry.at = performance.now();
        this.started.push(entry);
      } finally {
        done();
      }
    } catch (error) {
      this.release();
      throw error;
    }
    let left = false;
    return {
      leave: (taken) => {
        if (left) return;
        left = true;
        entry.tokens = taken;
        this.release();
      },
    };
  }

  private async slot(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled();
    if (this.active < this.limits.concurrency) {
      this.active += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = (): void => {
        this.queue.splice(this.queue.indexOf(enter), 1);
        reject(cancelled());
      };
      this.queue.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** The slot goes to whoever waits longest, without becoming free in between. */
  private release(): void {
    const next = this.queue.shift();
    if (next) next();
    else this.active -= 1;
  }

  /** Milliseconds until the minute's budget has room; 0: now. */
  private waitFor(tokens: number): number {
    const { requestsPerMinute, tokensPerMinute } = this.limits;
    const now = performance.now();
    while (this.started.length > 0 && this.started[0]!.at <= now - this.windowMs) this.started.shift();
    const sum = this.started.reduce((total, entry) => total + entry.tokens, 0);
    const full = (requestsPerMinute !== null && this.started.length >= requestsPerMinute) || (tokensPerMinute !== null && this.started.length > 0 && sum + tokens > tokensPerMinute);
    return full ? Math.max(1, Math.ceil(this.started[0]!.at + this.windowMs - now)) : 0;
  }
}
