import { setMaxListeners } from "node:events";
import type { EpisodeRecord } from "@/contracts/records/episode";
import { AppError, toWireError, type ErrorCode } from "@/contracts/errors";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { QuestionFailure } from "@/contracts/worker-protocol/reports";

/** Errors that are no matter of a single question: they end the attempt. */
const FATAL_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "stale-attempt",
  "out-of-order",
  "cancelled",
  "unauthorized",
  "storage-full",
]);

export interface BatchResult {
  records: EpisodeRecord[];
  failures: QuestionFailure[];
}

/**
 * Answers a batch at once; where that fails, each of its questions alone and beside the others, so that one that cannot
 * be answered takes no other with it. A failure is kept with its reason; it is never an answer and never a score.
 */
export async function answerBatch(
  questions: readonly Question[],
  answer: (batch: readonly Question[], signal: AbortSignal) => Promise<EpisodeRecord[]>,
  signal: AbortSignal,
): Promise<BatchResult> {
  try {
    return { records: await answer(questions, signal), failures: [] };
  } catch (error) {
    throwIfFatal(error, signal);
    if (questions.length === 1)
      return { records: [], failures: [buildFailure(questions[0]!, error)] };
  }
  const alone = await Promise.allSettled(questions.map((question) => answer([question], signal)));
  const result: BatchResult = { records: [], failures: [] };
  for (const [i, outcome] of alone.entries()) {
    if (outcome.status === "fulfilled") result.records.push(...outcome.value);
    else {
      throwIfFatal(outcome.reason, signal);
      result.failures.push(buildFailure(questions[i]!, outcome.reason));
    }
  }
  return result;
}

function throwIfFatal(error: unknown, signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason;
  if (error instanceof AppError && FATAL_CODES.has(error.code)) throw error;
}

function buildFailure({ id }: Question, error: unknown): QuestionFailure {
  const { code, message } = toWireError(error);
  return { questionId: id, code, reason: message.slice(0, 10_000) };
}

/**
 * Works on `concurrency` items at a time, begun in order. The first that throws aborts the signal of those under way; once they
 * have ended, its error is thrown.
 */
export async function runConcurrently<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  setMaxListeners(0, both); // one for every call of a batch
  const rest = items.values();
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      if (both.aborted) return;
      await work(item, both);
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(concurrency, items.length) }, () =>
      worker().catch((error: unknown) => {
        errors.push(error);
        stop.abort(error);
      }),
    ),
  );
  signal.throwIfAborted();
  if (errors.length > 0) throw errors[0];
}

/** Counts failures that follow each other: a single one is listed, a row of them means that something is broken. */
export class FailureStreak {
  private length = 0;

  constructor(private readonly stopAfter: number) {}

  /** @throws AppError with the last reason once `stopAfter` questions in a row have failed */
  record(questions: readonly Question[], failures: readonly QuestionFailure[]): void {
    const failed = new Map(failures.map((failure) => [failure.questionId, failure]));
    for (const { id } of questions) {
      const failure = failed.get(id);
      this.length = failure ? this.length + 1 : 0;
      if (failure && this.length >= this.stopAfter) {
        throw new AppError(
          failure.code,
          `${this.length} questions in a row could not be answered; the last, ${id}: ${failure.reason}\nWhat was answered is stored. Mend the cause and resume the run: it goes on with the questions that are missing.`,
        );
      }
    }
  }
}
