import { AppError } from "@/contracts/errors";
import { describeFetchError } from "@/lib/errors";
import { doubleWait, retry } from "@/lib/retry";

/** How often and how long a server is asked. */
export interface RequestRetryPolicy {
  /** A request that has no answer after this long has failed. */
  requestMs: number;
  /** Wait before the second request; it doubles for each further one and is drawn from its upper half. */
  backoffMs: number;
  /** Requests in all, the first included. */
  attempts: number;
}
export const REQUEST_RETRY: RequestRetryPolicy = { requestMs: 60_000, backoffMs: 500, attempts: 6 };

/** Longest wait, whatever the server asks for. */
const MAX_WAIT_MS = 30_000;

/** A failure that may pass by itself: no connection, a time-out, 429, 5xx. */
export class TransientFailure extends AppError {
  constructor(
    message: string,
    options: { cause?: unknown } = {},
    /** How long the server asked to wait (Retry-After); null where it did not say. */
    readonly retryAfterMs: number | null = null,
  ) {
    super("retriever-unavailable", message, options);
  }
}

/**
 * Sends a request until it is answered: a transient failure is tried again with backoff and jitter (many clients of one
 * server must not return at the same moment), not before the server asked for. Any other error is thrown at once.
 *
 * @param serverName what the error calls the server
 * @param send sends one request; its signal is aborted when the time of the request is up or the search is cancelled
 * @throws AppError `retriever-unavailable` after the last attempt, `cancelled` once the signal is aborted
 */
export async function withRequestRetry<T>(
  serverName: string,
  policy: RequestRetryPolicy,
  signal: AbortSignal | undefined,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const wait = doubleWait(policy.backoffMs);
  return retry(
    async () => {
      const limit = AbortSignal.timeout(policy.requestMs);
      try {
        return await send(signal ? AbortSignal.any([limit, signal]) : limit);
      } catch (error) {
        if (!limit.aborted) throw error;
        throw new TransientFailure(`no answer within ${policy.requestMs / 1000} s`, {
          cause: error,
        });
      }
    },
    {
      attempts: policy.attempts,
      signal,
      buildAbortError: () => new AppError("cancelled", "the search was cancelled"),
      shouldRetry: (error) => error instanceof TransientFailure,
      backoff: (failures, error) => {
        const { retryAfterMs } = error as TransientFailure;
        return Math.min(MAX_WAIT_MS, Math.max(wait(failures, error)!, retryAfterMs ?? 0));
      },
      buildGiveUpError: (error, attempts) =>
        new AppError(
          "retriever-unavailable",
          `${serverName} failed ${attempts} times: ${(error as Error).message}`,
          { cause: error },
        ),
    },
  );
}

/** Whether a failure with this HTTP status may pass by itself. */
export const isTransientStatus = (status: number): boolean =>
  status >= 500 || status === 429 || status === 408;

/**
 * Fetches a whole answer. Redirections are not followed: one could lead to services that only this machine reaches.
 * @throws TransientFailure where there is none
 */
export async function fetchText(
  address: URL,
  signal: AbortSignal,
  init: RequestInit,
): Promise<{ status: number; headers: Headers; text: string }> {
  try {
    const response = await fetch(address, { ...init, signal, redirect: "manual" });
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch (cause) {
    throw new TransientFailure(describeFetchError(cause), { cause });
  }
}
