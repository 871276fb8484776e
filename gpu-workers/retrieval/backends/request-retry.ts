import { AppError } from "@/contracts/errors";
import { doubleWait, retry } from "@/lib/retry";

/** How patiently a server is asked. */
export interface RequestRetryPolicy {
  /** A request that has no answer after this long has failed. */
  requestMs: number;
  /** Wait before the first repetition; doubled before each further one, and drawn from its upper half. */
  backoffMs: number;
  /** Requests in all before the search fails. */
  attempts: number;
}
export const REQUEST_RETRY: RequestRetryPolicy = { requestMs: 60_000, backoffMs: 500, attempts: 6 };

/** No pause is longer, whatever the server asks for. */
const MAX_PAUSE_MS = 30_000;

/** A failure that may pass by itself: no connection, a time-out, 429, 5xx. */
export class TransientFailure extends AppError {
  constructor(
    message: string,
    options: { cause?: unknown } = {},
    /** How long the server asked to be left alone. */
    readonly retryAfterMs: number | null = null,
  ) {
    super("retriever-unavailable", message, options);
  }
}

/**
 * Asks until an answer comes: failures that may pass are tried again with backoff and jitter (many clients of one
 * server must not come back in the same moment), at least as late as the server asked for. Any other error is thrown
 * at once.
 *
 * @param who what the error calls the server.
 * @param once one request; its signal also ends it when its time is up.
 * @throws AppError `retriever-unavailable` after the last attempt, `cancelled` once the signal is aborted
 */
export async function withRequestRetry<T>(
  who: string,
  times: RequestRetryPolicy,
  signal: AbortSignal | undefined,
  once: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const wait = doubleWait(times.backoffMs);
  return retry(
    async () => {
      const limit = AbortSignal.timeout(times.requestMs);
      try {
        return await once(signal ? AbortSignal.any([limit, signal]) : limit);
      } catch (error) {
        if (!limit.aborted) throw error;
        throw new TransientFailure(`no answer within ${times.requestMs / 1000} s`, {
          cause: error,
        });
      }
    },
    {
      attempts: times.attempts,
      signal,
      buildAbortError: () => new AppError("cancelled", "the search was cancelled"),
      shouldRetry: (error) => error instanceof TransientFailure,
      backoff: (failures, error) => {
        const { retryAfterMs } = error as TransientFailure;
        return Math.min(MAX_PAUSE_MS, Math.max(wait(failures, error)!, retryAfterMs ?? 0));
      },
      buildGiveUpError: (error, attempts) =>
        new AppError(
          "retriever-unavailable",
          `${who} failed ${attempts} times: ${(error as Error).message}`,
          { cause: error },
        ),
    },
  );
}

/** Status codes that may pass by themselves. */
export const isTransientStatus = (status: number): boolean =>
  status >= 500 || status === 429 || status === 408;

/** The innermost reason of a failed connection: "fetch failed" says nothing. */
export function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return describeCause(error.cause);
  if (error instanceof AggregateError && error.errors[0] instanceof Error)
    return describeCause(error.errors[0]);
  return error.message || error.name;
}

/**
 * The API key that a configuration names by its environment variable; undefined where it names none. A key is never
 * part of an error or a log.
 *
 * @throws AppError `unauthorized` where the variable is not set on this worker
 */
export function readApiKey(
  variable: string | null,
  environment: NodeJS.ProcessEnv = process.env,
): string | undefined {
  if (variable === null) return undefined;
  const value = environment[variable]?.trim();
  if (!value)
    throw new AppError(
      "unauthorized",
      `the environment variable ${variable}, which should hold the API key, is not set on this worker; set it where the worker is started`,
    );
  return value;
}
