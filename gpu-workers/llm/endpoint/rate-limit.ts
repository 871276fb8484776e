import { createHash } from "node:crypto";
import { AppError } from "@/contracts/errors";
import { onAbort } from "@/lib/on-abort";

/** The error of a request whose signal was aborted. */
export const buildCancelledError = (): AppError =>
  new AppError("cancelled", "The request to the model server was cancelled.");

/** Limits of one client; null: none. */
export interface RateLimits {
  concurrency: number;
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
}

/** Permission to send one request, released when it has ended. */
export interface Permit {
  /** @param tokens that the request really used; 0 where it failed */
  release(tokens: number): void;
}

interface StartedRequest {
  at: number;
  tokens: number;
  /** Whether it started within the last window. */
  counts: boolean;
}

interface WaitingRequest {
  tokens: number;
  limits: RateLimits;
  admit(): void;
}

/**
 * Limits the requests to an endpoint: how many run at once, and requests and tokens in any window of a minute. They are
 * admitted in their order. A request larger than the whole token budget is sent alone. Clients with different limits
 * share one instance: the strictest limit among the requests that wait or run holds for all.
 */
export class RateLimit {
  private active = 0;
  private readonly queue: WaitingRequest[] = [];
  private readonly started: StartedRequest[] = [];
  /** Sum of the tokens of `started`. */
  private spent = 0;
  /** Number of requests that wait or run, by their limits. */
  private readonly holders = new Map<RateLimits, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly windowMs = 60_000) {}

  /**
   * Waits until a request of about this many tokens may be sent.
   * @throws AppError "cancelled" once the signal is aborted
   */
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
    let released = false;
    return {
      release: (used) => {
        if (released) return;
        released = true;
        if (entry.counts) this.spent += used - entry.tokens;
        entry.tokens = used;
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

  /** Admits waiting requests in their order. One that waits for the minute's budget holds back those behind it. */
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
    let strictest = Infinity;
    for (const limits of this.holders.keys())
      strictest = Math.min(strictest, limits[limit] ?? Infinity);
    return strictest;
  }

  /** Milliseconds until the minute's budget has room; 0: there is room now. */
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

/** The rate limit that all clients in this process share for one server's origin and one key. */
export function getSharedRateLimit(endpoint: string, apiKey: string | undefined): RateLimit {
  const account = createHash("sha256")
    .update(JSON.stringify([new URL(endpoint).origin, apiKey ?? null]))
    .digest("hex");
  let limit = sharedLimits.get(account);
  if (!limit) sharedLimits.set(account, (limit = new RateLimit()));
  return limit;
}
