import { createHash } from "node:crypto";
import { AppError } from "@/contracts/errors";
import { onAbort } from "@/lib/on-abort";

/** What a request is ended with whose signal was aborted. */
export const buildCancelledError = (): AppError =>
  new AppError("cancelled", "The request to the model server was cancelled.");

export interface RateLimits {
  concurrency: number;
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
}

/** Given back when a request has ended. */
export interface Permit {
  /** @param tokens what the request really took; 0 where it failed */
  release(tokens: number): void;
}

interface StartedRequest {
  at: number;
  tokens: number;
  /** Within the window still. */
  counts: boolean;
}

interface WaitingRequest {
  tokens: number;
  limits: RateLimits;
  admit(): void;
}

/**
 * Bounds what is asked of an endpoint: requests at once, and requests and tokens in any window of a minute. First come,
 * first served. A request larger than the whole budget goes alone. Clients with limits of their own share it: the least
 * of those whose requests wait or are under way holds for all.
 */
export class RateLimit {
  private active = 0;
  private readonly queue: WaitingRequest[] = [];
  private readonly started: StartedRequest[] = [];
  /** Tokens of `started`, in all. */
  private spent = 0;
  /** Requests that wait or are under way, by the limits that they came with. */
  private readonly holders = new Map<RateLimits, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly windowMs = 60_000) {}

  /** Waits until a request of about this many tokens may be sent. Throws `cancelled` once the signal is aborted. */
  acquire(tokens: number, limits: RateLimits, signal: AbortSignal): Promise<Permit> {
    if (signal.aborted) return Promise.reject(buildCancelledError());
    this.countHolder(limits, 1);
    return new Promise<Permit>((resolve, reject) => {
      const waiting: WaitingRequest = {
        tokens,
        limits,
        admit: () => {
          forget();
          resolve(this.admit(tokens, limits));
        },
      };
      const forget = onAbort(signal, () => {
        this.queue.splice(this.queue.indexOf(waiting), 1);
        this.countHolder(limits, -1);
        reject(buildCancelledError());
        this.admitWaiting();
      });
      this.queue.push(waiting);
      this.admitWaiting();
    });
  }

  private admit(tokens: number, limits: RateLimits): Permit {
    const entry: StartedRequest = { at: performance.now(), tokens, counts: true };
    this.active += 1;
    this.started.push(entry);
    this.spent += tokens;
    let left = false;
    return {
      release: (taken) => {
        if (left) return;
        left = true;
        if (entry.counts) this.spent += taken - entry.tokens;
        entry.tokens = taken;
        this.active -= 1;
        this.countHolder(limits, -1);
        this.admitWaiting();
      },
    };
  }

  private countHolder(limits: RateLimits, change: 1 | -1): void {
    const count = (this.holders.get(limits) ?? 0) + change;
    if (count === 0) this.holders.delete(limits);
    else this.holders.set(limits, count);
  }

  /** Lets in whoever may go, in order; whoever waits for the minute's budget holds back those behind. */
  private admitWaiting(): void {
    clearTimeout(this.timer);
    for (let next = this.queue[0]; next; next = this.queue[0]) {
      if (this.active >= this.findStrictest("concurrency")) return;
      const wait = this.computeWaitMs(next.tokens);
      if (wait > 0) {
        this.timer = setTimeout(() => this.admitWaiting(), wait);
        return;
      }
      this.queue.shift();
      next.admit();
    }
  }

  private findStrictest(limit: keyof RateLimits): number {
    let least = Infinity;
    for (const limits of this.holders.keys()) least = Math.min(least, limits[limit] ?? Infinity);
    return least;
  }

  /** Milliseconds until the minute's budget has room; 0: now. */
  private computeWaitMs(tokens: number): number {
    const now = performance.now();
    for (
      let first = this.started[0];
      first && first.at <= now - this.windowMs;
      first = this.started[0]
    ) {
      this.started.shift();
      this.spent -= first.tokens;
      first.counts = false;
    }
    const [first] = this.started;
    if (!first) return 0;
    const full =
      this.started.length >= this.findStrictest("requestsPerMinute") ||
      this.spent + tokens > this.findStrictest("tokensPerMinute");
    return full ? Math.max(1, Math.ceil(first.at + this.windowMs - now)) : 0;
  }
}

const sharedLimits = new Map<string, RateLimit>();

/** The limit that every client of one account in this process shares: one server's origin, asked with one key. */
export function getSharedRateLimit(endpoint: string, apiKey: string | undefined): RateLimit {
  const account = createHash("sha256")
    .update(JSON.stringify([new URL(endpoint).origin, apiKey ?? null]))
    .digest("hex");
  let limit = sharedLimits.get(account);
  if (!limit) sharedLimits.set(account, (limit = new RateLimit()));
  return limit;
}
