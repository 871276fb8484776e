import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { getVllmProgram } from "./installation";
import type { VllmLaunch } from "./launch-options";
import { findFreePort } from "@/lib/free-port.mjs";
import { retry, waitFor } from "@/lib/retry";
import { NO_TELEMETRY } from "@/lib/telemetry.mjs";

/** How the server is started and watched. */
export interface VllmOptions {
  signal: AbortSignal;
  /** Called once when the process ends without `stop`; the message holds the end of its output. */
  onUnexpectedExit?: (error: AppError) => void;
  onLog?: (line: string) => void;
  /** Program and first arguments in place of the worker's vLLM. */
  command?: readonly string[];
  /** Longest wait until it is healthy. Loading a large model takes minutes, downloading it longer. */
  startMs?: number;
}

const GUARD = fileURLToPath(new URL("./guard.mjs", import.meta.url));
/** Lines of output that are kept for the message of an unexpected end. */
const TAIL_LINES = 40;
/** How Python names an error. vLLM's processes pass it on, so the first one is the cause, and the last lines are its echo. */
const ERROR_LINE = /\b\w*(Error|Exception|Interrupt)\b: ./;
/** The guard's message with the process group that it has started. */
const startedSchema = z.object({ group: z.int().positive() });

/** Starts, watches and stops vLLM's OpenAI-compatible server. It ends by itself when this process ends. */
export class VllmProcess {
  private stopping = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    readonly secret: string,
    private readonly launch: VllmLaunch,
    private readonly tail: string[],
  ) {
    this.ended = new Promise((done) => {
      child.once("error", (error) =>
        done(this.buildError(`could not be started: ${error.message}`)),
      );
      child.once("close", (code, signal) =>
        done(
          this.buildError(
            signal ? `was ended by ${signal}` : `ended with code ${code}`,
            code === 127,
          ),
        ),
      );
    });
  }

  /** Resolves with the reason when it has ended. */
  private readonly ended: Promise<AppError>;
  private groupId: number | null = null;
  private firstError: string | null = null;

  /**
   * Starts the server and waits until it is healthy.
   * @throws AppError with the launch's error code and the end of the server's output where it does not become healthy
   */
  static async start(
    launch: VllmLaunch,
    {
      signal,
      onUnexpectedExit,
      onLog,
      command = [getVllmProgram()],
      startMs = 3_600_000,
    }: VllmOptions,
  ): Promise<VllmProcess> {
    const port = await findFreePort();
    const secret = randomBytes(32).toString("hex");
    const child = spawn(
      process.execPath,
      [GUARD, ...command, ...launch.args, "--host", "127.0.0.1", "--port", String(port)],
      {
        env: {
          ...NO_TELEMETRY,
          ...process.env,
          ...launch.env,
          VLLM_API_KEY: secret,
          PYTHONUNBUFFERED: "1",
        },
        stdio: ["pipe", "pipe", "pipe", "ipc"],
      },
    );
    const tail: string[] = [];
    const server = new VllmProcess(child, `http://127.0.0.1:${port}`, secret, launch, tail);
    child.on("message", (message) => (server.groupId = startedSchema.parse(message).group));
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on("line", (raw) => {
        const line = raw.replaceAll(secret, "[key]");
        tail.push(line);
        if (tail.length > TAIL_LINES) tail.shift();
        if (ERROR_LINE.test(line)) server.firstError ??= line;
        onLog?.(line);
      });
    }
    try {
      await server.waitUntilHealthy(signal, startMs);
    } catch (error) {
      await server.stop();
      throw error;
    }
    void server.ended.then((error) => {
      if (!server.stopping) onUnexpectedExit?.(error);
    });
    return server;
  }

  /** Process group of vLLM and of everything that it started; null before it runs. */
  get group(): number | null {
    return this.groupId;
  }

  private async waitUntilHealthy(signal: AbortSignal, startMs: number): Promise<void> {
    const check = async (): Promise<void> => {
      const healthy = fetch(`${this.url}/health`, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
      }).then(
        (response) => response.ok,
        () => false,
      );
      const state = await Promise.race([healthy, this.ended]);
      if (state === false) throw new Error("not healthy yet");
      if (state !== true) throw state;
    };
    await retry(check, {
      budgetMs: startMs,
      backoff: waitFor(250),
      signal,
      shouldRetry: (error) => !(error instanceof AppError),
      buildGiveUpError: () => this.buildError("did not become ready in time"),
    });
  }

  private buildError(event: string, notFound = false): AppError {
    const hint = notFound
      ? ` It is not installed on this worker: install it in a Python environment of its own and name its program in S3_VLLM, or ${this.launch.alternative}.`
      : "";
    const cause = this.firstError;
    const isCut = cause !== null && !this.tail.includes(cause);
    const lines = [`vLLM ${event}.${hint}`, ...(isCut ? [cause, "..."] : []), ...this.tail];
    return new AppError(this.launch.errorCode, lines.join("\n"));
  }

  /** Ends the server and everything that it started (the guard does, when its input closes), and waits for it. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.child.stdin?.end();
    await this.ended;
  }
}
