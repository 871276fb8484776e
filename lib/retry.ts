import pRetry from "p-retry";
import { onAbort } from "./on-abort";

/** Milliseconds to wait after so many failures (from 1), the last one being this; null: give up. */
export type Backoff = (failures: number, error: unknown) => number | null;

/** How an action is repeated that may succeed later. */
export interface RetryPolicy {
  /** Attempts in all, the first included; without a limit, `budgetMs` or the backoff should set one. */
  attempts?: number;
  /** No attempt begins later than this after the first one began. */
  budgetMs?: number;
  backoff: Backoff;
  /** Whether a failure may pass by itself; every other one is thrown at once. By default all may. */
  shouldRetry?: (error: unknown) => boolean;
  /** Told before each wait. */
  onRetry?: (error: unknown, failures: number) => void;
  /** The error that is thrown where all attempts failed; by default the last one's. */
  buildGiveUpError?: (error: unknown, attempts: number) => Error;
  signal?: AbortSignal;
  /** The error that is thrown once the signal is aborted; by default its reason. */
  buildAbortError?: () => Error;
}

/** The same wait each time. */
export const waitFor =
  (milliseconds: number): Backoff =>
  () =>
    milliseconds;

/** These waits in turn, then no further attempt. */
export const waitInTurn =
  (milliseconds: readonly number[]): Backoff =>
  (failures) =>
    milliseconds[failures - 1] ?? null;

/**
 * Waits that double up to a longest one. With jitter each is drawn from its upper half, so that many clients of one
 * server do not come back in the same moment.
 */
export const doubleWait =
  (firstMs: number, { longestMs = Infinity, jitter = true } = {}): Backoff =>
  (failures) => {
    const wait = Math.min(longestMs, firstMs * 2 ** (failures - 1));
    return jitter ? wait * (0.5 + Math.random() / 2) : wait;
  };

/** p-retry decides by the class of an error, we by the policy: it sees every failure as this one. */
class FailedAttempt extends Error {
  constructor(readonly reason: unknown) {
    super("the attempt failed");
  }
}

/**
 * Runs an action until it succeeds or the policy gives up.
 *
 * @param action is given the number of the attempt, from 1
 * @throws the action's error, what `buildGiveUpError` makes of it, or, once the signal is aborted, its reason or
 *   what `buildAbortError` gives
 */
export async function retry<T>(
  action: (attempt: number) => Promise<T>,
  policy: RetryPolicy,
): Promise<T> {
  const { attempts = Infinity, budgetMs = Infinity, backoff, signal } = policy;
  const { shouldRetry = () => true } = policy;
  const startedAt = performance.now();
  let made = 0;
  try {
    return await pRetry(
      async (attempt) => {
        signal?.throwIfAborted();
        made = attempt;
        return action(attempt).catch((error: unknown) => {
          throw new FailedAttempt(error);
        });
      },
      {
        retries: attempts - 1,
        minTimeout: 0,
        shouldRetry: async ({ error, attemptNumber }) => {
          if (signal?.aborted || !(error instanceof FailedAttempt) || !shouldRetry(error.reason))
            return false;
          const wait = backoff(attemptNumber, error.reason);
          if (wait === null || performance.now() - startedAt + wait > budgetMs) return false;
          policy.onRetry?.(error.reason, attemptNumber);
          await pause(wait, signal);
          return true;
        },
      },
    );
  } catch (error) {
    if (signal?.aborted) throw policy.buildAbortError?.() ?? signal.reason;
    if (!(error instanceof FailedAttempt)) throw error;
    const { reason } = error;
    throw policy.buildGiveUpError && shouldRetry(reason)
      ? policy.buildGiveUpError(reason, made)
      : reason;
  }
}

/** Waits until the time is over or the signal is aborted; many waits for one signal share its listener. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    let forget = (): void => undefined;
    const timer = setTimeout(() => {
      forget();
      resolve();
    }, milliseconds);
    if (signal)
      forget = onAbort(signal, () => {
        clearTimeout(timer);
        resolve();
      });
  });
}

/** Value of a Retry-After header in milliseconds, given in seconds or as a date; null where there is none. */
export function parseRetryAfter(header: string | null | undefined): number | null {
  if (!header) return null;
  const milliseconds = /^\d+(\.\d+)?$/.test(header.trim())
    ? Number(header) * 1000
    : Date.parse(header) - Date.now();
  return Number.isFinite(milliseconds) && milliseconds > 0 ? milliseconds : null;
}
