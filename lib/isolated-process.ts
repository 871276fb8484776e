import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onAbort } from "./on-abort";
import { ROOT } from "./paths.mjs";

/**
 * Work on foreign bytes in a process of its own, with limits of time and resident memory: a file that makes a reader
 * loop, or inflates in buffers that no heap limit counts, ends that process and nothing else. The process knows none
 * of the secrets of this one's environment.
 */

/** What a program's default export is: from a request to answers, one after the other. */
export type IsolatedWork<Request, Answer> = (request: Request) => AsyncIterable<Answer>;

export interface IsolatedLimits {
  /** Resident memory of the process, its runtime included. */
  memoryBytes: number;
  /** It must answer, go on or end within this time. */
  silenceMs: number;
}

/** Why work ended: the code of an AppError, and words for people. */
export interface IsolatedFailure {
  code: string;
  message: string;
}

export interface IsolatedOptions<Request> {
  /** The module whose default export does the work. */
  program: URL;
  request: Request;
  /** What is being read, for people; asked when it has failed. */
  getSubject: () => string;
  limits: IsolatedLimits;
  /** lib knows no errors of the product's. */
  toError: (failure: IsolatedFailure) => Error;
  signal?: AbortSignal;
}

/** Frames from the process; to it go the request, then one for each answer that may follow. */
export type IsolatedFrame<Answer> = { answer: Answer } | { failure: IsolatedFailure } | "done";

/** A process ends itself by the first where its memory is too much; V8 ends it by the second where its heap is full. */
const MEMORY_SIGNALS: readonly (string | null)[] = ["SIGKILL", "SIGABRT"];
const KEPT_STDERR = 4_000;
/** Of the environment, what finding programs, folders and the clock needs. */
const PASSED_VARIABLES =
  /^(NODE_ENV|PATH|HOME|USERPROFILE|TMPDIR|TMP|TEMP|SystemRoot|LANG|LC_.*|TZ|S3_(ROOT|SETUP_DIR|DATA_DIR|VENV))$/;

/**
 * Answers of the work, in constant memory: the process waits where they are not taken. Ends the process in any case.
 *
 * @throws by `toError`: what the work threw, or "invalid-input" where a limit was passed or the process died
 */
export async function* runIsolated<Request, Answer>(
  options: IsolatedOptions<Request>,
): AsyncGenerator<Answer> {
  options.signal?.throwIfAborted();
  const frames = new FrameQueue<Answer>(options);
  try {
    for (;;) {
      const frame = await frames.take();
      if (frame === "done") return;
      if ("failure" in frame) throw options.toError(frame.failure);
      yield frame.answer;
    }
  } finally {
    frames.close();
  }
}

/** The only answer of work that gives one. @throws as `runIsolated` does */
export async function askIsolated<Request, Answer>(
  options: IsolatedOptions<Request>,
): Promise<Answer> {
  for await (const answer of runIsolated<Request, Answer>(options)) return answer;
  throw options.toError({ code: "internal", message: `${options.getSubject()}: no answer came.` });
}

/** Frames of one process. It may be one answer ahead of who takes them. */
class FrameQueue<Answer> {
  private readonly child: ChildProcess;
  private readonly waiting: IsolatedFrame<Answer>[] = [];
  private wake: () => void = () => undefined;
  private timer: NodeJS.Timeout | undefined;
  private stderr = "";
  /** Answers that the process may still send. */
  private owed = 0;
  private readonly forgetAbort: (() => void) | undefined;

  constructor(private readonly options: IsolatedOptions<unknown>) {
    const { program, request, limits, signal } = options;
    this.child = fork(
      fileURLToPath(new URL("./isolated-program.ts", import.meta.url)),
      [program.href, String(limits.memoryBytes), String(process.pid)],
      {
        cwd: ROOT,
        env: Object.fromEntries(
          Object.entries(process.env).filter(([name]) => PASSED_VARIABLES.test(name)),
        ) as NodeJS.ProcessEnv,
        execArgv: [
          "--import",
          "tsx",
          `--max-old-space-size=${Math.ceil(limits.memoryBytes / 2 ** 20)}`,
        ],
        serialization: "advanced",
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      },
    );
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-KEPT_STDERR);
    });
    this.child.on("message", (frame) => this.receive(frame as IsolatedFrame<Answer>));
    this.child.on("error", (cause) => this.fail(`could not be started (${cause.message})`));
    // `close`, not `exit`: what was sent and said before the end has arrived.
    this.child.on("close", (code, endSignal) => this.fail(this.describeEnd(code, endSignal)));
    this.forgetAbort = signal && onAbort(signal, () => this.wake());
    this.send(request);
    this.allow();
  }

  /** The next frame. @throws the reason of the signal */
  async take(): Promise<IsolatedFrame<Answer>> {
    for (;;) {
      this.options.signal?.throwIfAborted();
      const frame = this.waiting.shift();
      if (frame !== undefined) {
        if (frame !== "done" && "answer" in frame) this.allow();
        return frame;
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.forgetAbort?.();
    this.child.kill("SIGKILL");
  }

  private receive(frame: IsolatedFrame<Answer>): void {
    this.owed -= 1;
    this.waiting.push(frame);
    this.watchSilence();
    this.wake();
  }

  private allow(): void {
    this.owed += 1;
    this.send({});
    this.watchSilence();
  }

  private send(frame: unknown): void {
    // A process that has gone says so by `close`.
    if (this.child.connected) this.child.send(frame as object, () => undefined);
  }

  /** Only who owes an answer can be silent. */
  private watchSilence(): void {
    clearTimeout(this.timer);
    if (this.owed <= 0) return;
    const { silenceMs } = this.options.limits;
    this.timer = setTimeout(() => {
      this.fail(`nothing came of it for ${formatSeconds(silenceMs)}, so reading was ended`);
      this.child.kill("SIGKILL");
    }, silenceMs);
  }

  private fail(reason: string): void {
    clearTimeout(this.timer);
    const message = `${this.options.getSubject()} cannot be read: ${reason}.`;
    this.waiting.push({ failure: { code: "invalid-input", message } });
    this.wake();
  }

  private describeEnd(code: number | null, endSignal: NodeJS.Signals | null): string {
    const memory = `${(this.options.limits.memoryBytes / 2 ** 30).toFixed(1)} GiB`;
    if (MEMORY_SIGNALS.includes(endSignal))
      return `reading it needs more than ${memory} of memory, so it was ended`;
    const said = this.stderr.trim().split("\n").at(-1) ?? "";
    return `its reader ended with ${endSignal ?? `exit code ${code}`}${said && `: ${said}`}`;
  }
}

const formatSeconds = (ms: number): string => `${ms >= 1000 ? Math.round(ms / 1000) : ms / 1000} s`;
