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

export interface VllmOptions {
  signal: AbortSignal;
  /** Called once when it ends without having been stopped; the message holds the end of its output. */
  onUnexpectedExit?: (error: AppError) => void;
  onLog?: (line: string) => void;
  /** Program and first arguments in place of the worker's vLLM. */
  command?: readonly string[];
  /** A large model is loaded for minutes, and downloaded for longer. */
  startMs?: number;
}

const GUARD = fileURLToPath(new URL("./guard.mjs", import.meta.url));
/** The last lines that it wrote, for the message of its death. */
const TAIL_LINES = 40;
/** The guard's word of the group that it has started. */
const startedSchema = z.object({ group: z.int().positive() });

/** vLLM's OpenAI-compatible server as a process of the worker: started, watched, stopped. It ends when this process dies. */
export class VllmProcess {
  private stopping = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    readonly secret: string,
    private readonly code: VllmLaunch["errorCode"],
    private readonly otherwise: string,
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

  /** Resolves when it has ended, with why. */
  private readonly ended: Promise<AppError>;
  private groupId: number | null = null;

  /** Starts the server and waits until it is healthy. Throws the purpose's error, with the server's last output, where it is not. */
  static async start(
    { errorCode: code, args, env, alternative: otherwise }: VllmLaunch,
    {
      signal,
      onUnexpectedExit: onDeath,
      onLog,
      command = [getVllmProgram()],
      startMs = 3_600_000,
    }: VllmOptions,
  ): Promise<VllmProcess> {
    const port = await findFreePort();
    const secret = randomBytes(32).toString("hex");
    const child = spawn(
      process.execPath,
      [GUARD, ...command, ...args, "--host", "127.0.0.1", "--port", String(port)],
      {
        env: { ...process.env, ...env, VLLM_API_KEY: secret, PYTHONUNBUFFERED: "1" },
        stdio: ["pipe", "pipe", "pipe", "ipc"],
      },
    );
    const tail: string[] = [];
    const server = new VllmProcess(
      child,
      `http://127.0.0.1:${port}`,
      secret,
      code,
      otherwise,
      tail,
    );
    child.on("message", (message) => (server.groupId = startedSchema.parse(message).group));
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on("line", (raw) => {
        const line = raw.replaceAll(secret, "[key]");
        tail.push(line);
        if (tail.length > TAIL_LINES) tail.shift();
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
      if (!server.stopping) onDeath?.(error);
    });
    return server;
  }

  /** The process group of vLLM and what it started; null before it runs. */
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

  private buildError(what: string, notFound = false): AppError {
    const hint = notFound
      ? ` It is not installed on this worker: install it in a Python environment of its own and name its program in S3_VLLM, or ${this.otherwise}.`
      : "";
    return new AppError(this.code, [`vLLM ${what}.${hint}`, ...this.tail].join("\n"));
  }

  /** Ends the server and everything that it started: politely, and after a while without mercy. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.child.stdin?.end();
    await this.ended;
  }
}
