import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { VllmConfig } from "@/contracts/config/model";
import { AppError } from "@/contracts/errors";
import { modelDir } from "@/contracts/paths";
import type { ModelBackend } from "./model-service";

const run = promisify(execFile);

/** Before it, `vllm serve` has not all that is asked of it here (`continue_final_message`). */
const OLDEST: readonly [number, number] = [0, 7];

/** Where vLLM is found: S3_VLLM, or `vllm` on the worker's path. */
const executable = (): string => process.env.S3_VLLM ?? "vllm";

/** Version of the vLLM that is installed here, or null where there is none. It imports torch first: seconds. */
export async function vllmVersion(): Promise<string | null> {
  try {
    const { stdout } = await run(executable(), ["--version"], { timeout: 120_000 });
    return /\d+\.\d+[\w.+-]*/.exec(stdout)?.[0] ?? null;
  } catch {
    return null;
  }
}

/** @throws AppError "unsupported" with what to do, where vLLM or the GPUs it is to have are not there */
export async function requireVllm(config: VllmConfig, gpus: number): Promise<string> {
  const version = await vllmVersion();
  if (version === null) throw new AppError("unsupported", `vLLM is not installed on this worker (looked for ${executable()}). Install it in an environment of its own and name its program in S3_VLLM, or choose the server \`engine\`.`);
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) throw new AppError("unsupported", `vLLM ${version} is too old: ${OLDEST.join(".")} or later is needed.`);
  if (gpus < config.tensorParallelSize) throw new AppError("unsupported", `The model is to be spread over ${config.tensorParallelSize} GPUs (server.tensorParallelSize), and this worker has ${gpus}.`);
  return version;
}

/** The command line of `vllm serve`; its key is in the environment, where no list of processes shows it. */
export function vllmArguments(model: string, { tensorParallelSize, gpuMemoryUtilization, maxModelLen }: VllmConfig, port: number): string[] {
  const installed = modelDir(model);
  return [
    "serve",
    existsSync(installed) ? installed : model,
    ...["--served-model-name", model],
    ...["--host", "127.0.0.1", "--port", String(port)],
    ...["--tensor-parallel-size", String(tensorParallelSize)],
    ...["--gpu-memory-utilization", String(gpuMemoryUtilization)],
    ...(maxModelLen === null ? [] : ["--max-model-len", String(maxModelLen)]),
  ];
}

/** Runs a program and ends it when the end of the pipe on its input says that this process is gone. */
const LEASH = `exec 3<&0
"$@" </dev/null 3<&- & child=$!
{ cat <&3 >/dev/null 2>&1; kill -TERM $child; } >/dev/null 2>&1 & leash=$!
trap 'kill -TERM $child' TERM
wait $child; code=$?
kill -0 $child 2>/dev/null && { wait $child; code=$?; }
kill $leash 2>/dev/null
exit $code`;

const TAIL_LINES = 40;

export interface VllmOptions {
  /** Called once when it ends without having been stopped. */
  onDeath?(reason: string): void;
  onLog?(line: string): void;
  onDetail?(detail: string): void;
  /** A large model is loaded for minutes, and downloaded for longer. */
  startMs?: number;
  stopMs?: number;
}

/** `vllm serve` as a process group of its own: started, watched, stopped; it ends when this process dies. */
export class VllmProcess {
  private stopping = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly backend: ModelBackend,
    private readonly ended: Promise<string>,
    private readonly stopMs: number,
  ) {}

  /** Starts it and waits until it answers. Throws `generator-unavailable` with its last output where it does not. */
  static async start(model: string, config: VllmConfig, signal: AbortSignal, options: VllmOptions = {}): Promise<VllmProcess> {
    const port = await freePort();
    const secret = randomBytes(32).toString("hex");
    const child = spawn("/bin/sh", ["-c", LEASH, "sh", executable(), ...vllmArguments(model, config, port)], {
      env: { ...process.env, VLLM_API_KEY: secret, PYTHONUNBUFFERED: "1" },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    const tail: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (raw) => {
        const line = raw.replaceAll(secret, "[key]");
        tail.push(line);
        if (tail.length > TAIL_LINES) tail.shift();
        options.onLog?.(line);
        options.onDetail?.(line.slice(0, 200));
      });
    }
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      child.once("exit", (code, killed) => setImmediate(() => resolve([killed ? `was ended by ${killed}` : `ended with code ${code}`, ...tail].join("\n"))));
    });
    const server = new VllmProcess(child, { url: `http://127.0.0.1:${port}`, secret, model }, ended, options.stopMs ?? 20_000);
    try {
      await server.untilReady(AbortSignal.any([signal, AbortSignal.timeout(options.startMs ?? 3_600_000)]));
    } catch (error) {
      await server.stop();
      signal.throwIfAborted();
      throw error;
    }
    void ended.then((reason) => {
      if (!server.stopping) options.onDeath?.(`vLLM ${reason}`);
    });
    return server;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  private async untilReady(signal: AbortSignal): Promise<void> {
    let death: string | null = null;
    void this.ended.then((reason) => (death = reason));
    for (;;) {
      if (death !== null) throw new AppError("generator-unavailable", `vLLM ${death as string}`);
      if (signal.aborted) throw new AppError("generator-unavailable", "vLLM did not become ready in time.");
      const healthy = await fetch(`${this.backend.url}/health`, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) }).then((response) => response.ok, () => false);
      if (healthy) return;
      await sleep(250);
    }
  }

  /** Ends the process: politely, and after a while its whole group without mercy. */
  async stop(): Promise<void> {
    this.stopping = true;
    const { child } = this;
    if (child.pid === undefined) return;
    child.kill("SIGTERM");
    const limit = setTimeout(() => this.killGroup(), this.stopMs);
    await this.ended;
    clearTimeout(limit);
    this.killGroup();
  }

  /** What its workers left behind, too. */
  private killGroup(): void {
    try {
      process.kill(-this.child.pid!, "SIGKILL");
    } catch {
      // Nothing of it is left.
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
