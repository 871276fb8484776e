import { AppError, parseOrThrow, toWireError, type ErrorCode } from "@/contracts/errors";
import { retry, waitInTurn } from "@/lib/retry";
import { reportItemSchema, type ReportItem } from "@/contracts/worker-protocol/reports";

export interface ReportQueueOptions {
  /** Delivers one numbered batch; resolves once the server has stored it (or had it already). */
  send(sequence: number, items: ReportItem[]): Promise<void>;
  /** The queue gave up: the lease is lost, or the server refuses what we say. */
  onFailed(error: AppError): void;
  /** Items wait this long for company, in milliseconds. */
  lingerMs?: number;
  /** A batch holds at most this many items and about this many bytes of JSON. */
  maxItems?: number;
  maxBytes?: number;
  /** `push` waits while more bytes than this are queued. */
  highWaterBytes?: number;
  /** A batch that the server cannot store now is sent again after these pauses, then the queue fails. */
  retryPausesMs?: readonly number[];
}

/** Trouble of the server that may pass; everything else about a report is final. */
const TRANSIENT_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["internal", "storage-full"]);

/** Tries at a report at which the server has a defect: what is no deadlock then will not pass. */
const DEFECT_TRIES = 4;

interface Entry {
  item: ReportItem;
  bytes: number;
  /** By performance.now(). */
  queuedAt: number;
}

/**
 * Reports of one attempt, in order and exactly once: batches are numbered from 1, one is on its way at a time, and a
 * batch keeps its number and its items however often it is sent.
 */
export class ReportQueue {
  private readonly entries: Entry[] = [];
  private bytes = 0;
  private queued = 0;
  private stored = 0;
  private sequence = 0;
  private isSending = false;
  private urgent = false;
  private wake: (() => void) | null = null;
  private failure: AppError | null = null;
  private readonly waiters: { ready(): boolean; resolve(): void; reject(error: AppError): void }[] =
    [];
  private readonly limits: Required<Omit<ReportQueueOptions, "send" | "onFailed">>;

  constructor(private readonly options: ReportQueueOptions) {
    this.limits = {
      lingerMs: options.lingerMs ?? 100,
      maxItems: options.maxItems ?? 200,
      maxBytes: options.maxBytes ?? 4 * 2 ** 20,
      highWaterBytes: options.highWaterBytes ?? 32 * 2 ** 20,
      retryPausesMs: options.retryPausesMs ?? [500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000],
    };
  }

  /**
   * Queues an item at once and resolves when there is room for the next.
   * @throws AppError `invalid-input` for an item that is not well formed (nothing is queued), or why the queue failed.
   */
  async push(item: ReportItem): Promise<void> {
    this.add(item);
    await this.waitFor(() => this.bytes <= this.limits.highWaterBytes);
  }

  /** As `push`, for callers that cannot wait. */
  add(item: ReportItem): void {
    if (this.failure) throw this.failure;
    const checked = parseOrThrow(reportItemSchema, item, "Report");
    const bytes = JSON.stringify(checked).length;
    this.entries.push({ item: checked, bytes, queuedAt: performance.now() });
    this.bytes += bytes;
    this.queued++;
    if (this.entries.length >= this.limits.maxItems || this.bytes >= this.limits.maxBytes)
      this.wake?.();
    if (!this.isSending) void this.sendBatches();
  }

  /** Resolves when everything queued so far is stored. */
  async flush(): Promise<void> {
    const target = this.queued;
    this.urgent = true;
    this.wake?.();
    await this.waitFor(() => this.stored >= target);
  }

  /** Drops what is queued; all calls from now on throw `error`. */
  fail(error: AppError): void {
    if (this.failure) return;
    this.failure = error;
    this.entries.length = 0;
    this.wake?.();
    for (const waiter of this.waiters.splice(0)) waiter.reject(error);
  }

  private async waitFor(ready: () => boolean): Promise<void> {
    if (this.failure) throw this.failure;
    if (ready()) return;
    await new Promise<void>((resolve, reject) => this.waiters.push({ ready, resolve, reject }));
  }

  private async sendBatches(): Promise<void> {
    this.isSending = true;
    try {
      while (this.entries.length > 0 && !this.failure) {
        await this.waitForMoreItems();
        const batch = this.takeBatch();
        if (batch.length === 0) break;
        await this.deliver(
          ++this.sequence,
          batch.map((entry) => entry.item),
        );
        this.stored += batch.length;
        for (const entry of batch) this.bytes -= entry.bytes;
        for (let i = this.waiters.length - 1; i >= 0; i--)
          if (this.waiters[i]?.ready()) this.waiters.splice(i, 1)[0]?.resolve();
      }
      this.urgent = false;
    } catch (error) {
      const reason =
        error instanceof AppError
          ? error
          : new AppError("internal", toWireError(error).message, { cause: error });
      this.fail(reason);
      this.options.onFailed(reason);
    } finally {
      this.isSending = false;
    }
  }

  private async waitForMoreItems(): Promise<void> {
    if (
      this.urgent ||
      this.entries.length >= this.limits.maxItems ||
      this.bytes >= this.limits.maxBytes
    )
      return;
    const waited = performance.now() - this.entries[0]!.queuedAt;
    if (waited < this.limits.lingerMs) await this.waitOrWake(this.limits.lingerMs - waited);
  }

  private waitOrWake(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.wake = done;
    });
  }

  /** At least one item, however large it is. */
  private takeBatch(): Entry[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.entries) {
      if (
        count > 0 &&
        (count >= this.limits.maxItems || bytes + entry.bytes > this.limits.maxBytes)
      )
        break;
      bytes += entry.bytes;
      count++;
    }
    return this.entries.splice(0, count);
  }

  /** New items do not cut a wait short: the server is in trouble. */
  private deliver(sequence: number, items: ReportItem[]): Promise<void> {
    const inTurn = waitInTurn(this.limits.retryPausesMs);
    return retry(() => this.options.send(sequence, items), {
      backoff: (failures, error) =>
        toWireError(error).code === "internal" && failures >= DEFECT_TRIES
          ? null
          : inTurn(failures, error),
      shouldRetry: (error) =>
        !this.failure && error instanceof AppError && TRANSIENT_CODES.has(error.code),
    });
  }
}
