import { type MessagePort, type Transferable, Worker, workerData } from "node:worker_threads";
import { AppError, toWireError, wireErrorSchema } from "@/contracts/errors";
import { forbidTelemetry } from "@/lib/telemetry.mjs";
import { z } from "zod";

/**
 * Request and response over a worker thread. ONNX Runtime's and FAISS's Node bindings compute synchronously, so they
 * live in threads of their own and the event loop stays free.
 */

/** Operations of a thread: name -> request and response. Both must be structured-cloneable. */
export type Operations = Record<string, { request: unknown; response: unknown }>;

type RequestFrame = { id: number; operation: string; request: unknown };

const responseFrameSchema = z.object({
  id: z.int(),
  response: z.unknown(),
  error: wireErrorSchema.optional(),
});

type Pending = { resolve: (value: unknown) => void; reject: (error: Error) => void };

/** The caller's end of a thread. Every call fails with `retriever-unavailable` once the thread is gone. */
export class ThreadClient<O extends Operations> {
  private readonly worker: Worker;
  private readonly pending = new Map<number, Pending>();
  private nextId = 0;
  private gone: AppError | null = null;
  private readonly stopping = new Int32Array(new SharedArrayBuffer(4));
  private readonly ended: Promise<void>;

  /** @param module URL of the thread's TypeScript module; @param name what errors call it; @param data what `threadData` gives there. */
  constructor(
    module: URL,
    private readonly name: string,
    data: unknown,
  ) {
    forbidTelemetry();
    this.worker = new Worker(new URL("./thread-entry.mjs", import.meta.url), {
      name,
      workerData: { module: module.href, data, stopping: this.stopping },
      execArgv: [],
    });
    this.worker.on("message", (frame: unknown) => this.receive(frame));
    this.worker.on("error", (cause) =>
      this.fail(
        new AppError(
          "retriever-unavailable",
          `the ${name} stopped: ${toWireError(cause).message}`,
          { cause },
        ),
      ),
    );
    this.ended = new Promise((resolve) => this.worker.once("exit", () => resolve()));
    this.worker.on("exit", (code) =>
      this.fail(new AppError("retriever-unavailable", `the ${name} ended (exit code ${code})`)),
    );
  }

  /** Sends one request; `transfer` hands buffers over instead of copying them. */
  call<K extends keyof O & string>(
    operation: K,
    request: O[K]["request"],
    transfer: Transferable[] = [],
  ): Promise<O[K]["response"]> {
    if (this.gone) return Promise.reject(this.gone);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      try {
        this.worker.postMessage({ id, operation, request } satisfies RequestFrame, transfer);
      } catch (error) {
        this.pending.delete(id);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /**
   * Ends the thread; calls that are under way fail at once. The thread itself ends after the native call it is in:
   * ONNX Runtime's addon ends the whole process when its thread is ended within one.
   */
  async terminate(): Promise<void> {
    this.fail(new AppError("retriever-unavailable", `the ${this.name} was closed`));
    Atomics.store(this.stopping, 0, 1);
    this.worker.postMessage(null);
    await this.ended;
  }

  /** Ends the thread as soon as the native call it is in returns: only where its addon bears that, as FAISS's does. */
  async kill(): Promise<void> {
    Atomics.store(this.stopping, 0, 1); // long native calls look at it
    await this.worker.terminate();
  }

  /** Whether it ended, asked to or not: every call fails from now on. */
  get isGone(): boolean {
    return this.gone !== null;
  }

  private receive(frame: unknown): void {
    const { id, response, error } = responseFrameSchema.parse(frame);
    const call = this.pending.get(id);
    if (!call) return;
    this.pending.delete(id);
    if (error) call.reject(new AppError(error.code, error.message));
    else call.resolve(response);
  }

  private fail(error: AppError): void {
    this.gone ??= error;
    for (const call of this.pending.values()) call.reject(this.gone);
    this.pending.clear();
  }
}

/**
 * A thread that comes back: where it ended unasked, what was under way fails with `retriever-unavailable`, and the next
 * call starts another, which first opens what the former had open.
 */
export class RestartingThread<O extends Operations, F extends keyof O & string> {
  private current: Promise<{ thread: ThreadClient<O>; opened: O[F]["response"] }> | null = null;
  private closed: AppError | null = null;

  /** @param start a new thread; @param first the call that each begins with, and its request. */
  constructor(
    private readonly start: () => ThreadClient<O>,
    private readonly first: { operation: F; request: O[F]["request"] },
  ) {}

  /** Starts it where it is not up. @returns what its first call answered; @throws what that threw. */
  async open(): Promise<O[F]["response"]> {
    return (await this.ensureRunning()).opened;
  }

  async call<K extends keyof O & string>(
    operation: K,
    request: O[K]["request"],
  ): Promise<O[K]["response"]> {
    return (await this.ensureRunning()).thread.call(operation, request);
  }

  /** As `ThreadClient.terminate`; it stays closed. */
  async terminate(): Promise<void> {
    this.closed = new AppError("retriever-unavailable", "the thread was closed");
    const up = await this.current?.catch(() => null);
    await up?.thread.terminate();
  }

  private async ensureRunning(): Promise<{ thread: ThreadClient<O>; opened: O[F]["response"] }> {
    for (;;) {
      if (this.closed) throw this.closed;
      const current = (this.current ??= this.begin());
      const up = await current;
      if (!up.thread.isGone || this.closed) return up;
      if (this.current === current) this.current = null; // of several that find it gone, the first starts another
    }
  }

  /** A start that fails is tried again by the next call. */
  private async begin(): Promise<{ thread: ThreadClient<O>; opened: O[F]["response"] }> {
    const thread = this.start();
    try {
      return { thread, opened: await thread.call(this.first.operation, this.first.request) };
    } catch (error) {
      this.current = null;
      await thread.terminate();
      throw error;
    }
  }
}

/** In a thread: the data it was started with. */
export function getThreadData<T>(): T {
  return (workerData as { data: T }).data;
}

/** In a thread: its first number is 1 once the thread was asked to end. For native calls that can look at it themselves. */
export function getStopFlag(): Int32Array {
  return (workerData as { stopping: Int32Array }).stopping;
}

/** In a thread: whether it was asked to end. Long work looks between its native calls. */
export function isStopping(): boolean {
  return Atomics.load(getStopFlag(), 0) === 1;
}

/** What a handler answers; `transfer` hands buffers over instead of copying them. */
type Answer<R> = { response: R; transfer?: Transferable[] };

export type Handlers<O extends Operations> = {
  [K in keyof O]: (
    request: O[K]["request"],
  ) => Answer<O[K]["response"]> | Promise<Answer<O[K]["response"]>>;
};

/** The thread's end: answers requests one after the other, in the order of arrival. */
export function serveThread<O extends Operations>(port: MessagePort, handlers: Handlers<O>): void {
  let last = Promise.resolve();
  const answer = async ({ id, operation, request }: RequestFrame): Promise<void> => {
    try {
      const handler = handlers[operation as keyof O];
      if (!handler) throw new AppError("internal", `the thread has no operation ${operation}`);
      const { response, transfer } = await handler(request);
      port.postMessage({ id, response }, transfer ?? []);
    } catch (error) {
      port.postMessage({ id, response: null, error: toWireError(error) });
    }
  };
  port.on("message", (frame: RequestFrame | null) => {
    last = last.then(() => (frame === null || isStopping() ? process.exit(0) : answer(frame)));
  });
}
