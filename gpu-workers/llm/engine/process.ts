import { spawn, type ChildProcess, type ChildProcessByStdio } from "node:child_process";
import { randomBytes } from "node:crypto";
import { delimiter, resolve } from "node:path";
import type { Readable } from "node:stream";
import { createInterface } from "node:readline";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { PYTHON, ROOT, TINKER_DIR } from "@/lib/paths.mjs";
import { parseJsonOrNull } from "@/lib/json";
import { EngineClient, type EngineEndpoint } from "./client";

const readySchema = z.object({ port: z.int().positive(), pid: z.int().positive() });

/** A service that trains the models with an adapter in the engine's place. */
export interface TinkerService {
  /** Address of its API. */
  url: string;
  /** Its key; undefined: it asks for none. */
  key: string | undefined;
  /** Its names of base models, by the name of the installed folder: those that it does not itself offer under that name. */
  bases: Readonly<Record<string, string>>;
}

/** How the engine process is started and watched. */
export interface EngineOptions {
  /** Default: what the machine has. */
  device?: "cpu" | "cuda" | "mps";
  dtype?: "float32" | "bfloat16" | "float16";
  /** GPUs that work together by Ray, at most; on a CPU processes. Default 1, with `rayAddress` all of the cluster. */
  devices?: number;
  /** Of a Ray cluster that exists; without it several devices start one of this machine alone. */
  rayAddress?: string;
  /** Ranks on as few machines as hold them (default), or on as many as there are. */
  rayStrategy?: "pack" | "spread";
  /** Default: the engine trains by itself. */
  tinker?: TinkerService;
  /** Torch threads; default every physical core. */
  threads?: number;
  /** Bound of each activation cache. */
  cacheBytes?: number;
  /** Called once when the process ends without `stop`; the message holds the end of its error output. */
  onUnexpectedExit?: (error: AppError) => void;
  /** Called with every line that the process writes to its error output. */
  onLog?: (line: string) => void;
  startMilliseconds?: number;
  /** A process that lives but does not answer for so long is killed. Default 90 s. */
  hangMilliseconds?: number;
}

/**
 * Makes glibc keep freed memory instead of returning it after every large matrix: page faults were a tenth of a step.
 * With other allocators these variables have no effect.
 */
const ALLOCATOR = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_MAX_: "0",
  MALLOC_TRIM_THRESHOLD_: String(2 ** 36),
  MALLOC_TOP_PAD_: String(2 ** 26),
};

const HANG_MS = 90_000;

const hasRanks = ({ devices = 1, rayAddress }: EngineOptions): boolean =>
  devices > 1 || rayAddress !== undefined;

/** Ranks come up one after another's torch, on machines that may be busy. */
const chooseStartLimit = (options: EngineOptions): number =>
  hasRanks(options) ? 900_000 : 120_000;

/** Lines of error output that are kept for the message of an unexpected end. */
const TAIL_LINES = 40;

/** Starts, watches and stops the Python process of the engine. It ends by itself when this process ends. */
export class EngineProcess {
  private stopping = false;
  private hasHung = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly endpoint: EngineEndpoint,
    readonly client: EngineClient,
    private readonly ended: Promise<AppError>,
    private readonly stopMs: number,
  ) {}

  /**
   * Starts the process and waits until it is ready.
   * @throws AppError "engine-unavailable" with the end of its error output where it does not become ready
   */
  static async start(options: EngineOptions = {}): Promise<EngineProcess> {
    const secret = randomBytes(32).toString("hex");
    const child = spawnEngine(options, secret);
    const tail: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      options.onLog?.(line);
    });
    const buildExitError = (event: string): AppError =>
      new AppError("engine-unavailable", [`The engine process ${event}.`, ...tail].join("\n"));
    const ended = new Promise<AppError>((done) =>
      child.once("close", (code, signal) =>
        done(buildExitError(signal ? `was ended by ${signal}` : `ended with code ${code}`)),
      ),
    );
    const port = await Promise.race([
      waitForPort(child, options.startMilliseconds ?? chooseStartLimit(options), buildExitError),
      ended.then((error) => Promise.reject(error)),
    ]);
    const endpoint = { url: `http://127.0.0.1:${port}`, secret };
    const engine = new EngineProcess(
      child,
      endpoint,
      new EngineClient(endpoint),
      ended,
      hasRanks(options) ? 30_000 : 3_000,
    );
    engine.watchHealth(options.hangMilliseconds ?? HANG_MS);
    void ended.then((error) => {
      if (engine.stopping) return;
      options.onUnexpectedExit?.(
        engine.hasHung ? buildExitError("did not answer any more and was killed") : error,
      );
    });
    return engine;
  }

  /** Kills a process that lives but does not answer: nothing that waits for it would end. */
  private watchHealth(hangMs: number): void {
    const checks = 6;
    let missed = 0;
    const timer = setInterval(() => {
      void this.client.isHealthy().then((isHealthy) => {
        missed = isHealthy ? 0 : missed + 1;
        if (missed < checks || !this.isRunning) return;
        this.hasHung = true;
        this.child.kill("SIGKILL");
      });
    }, hangMs / checks).unref();
    void this.ended.then(() => clearInterval(timer));
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Ends the process: by SIGTERM, and by SIGKILL if it still runs after three seconds, of ranks after thirty. */
  async stop(): Promise<void> {
    this.stopping = true;
    if (!this.isRunning) return;
    this.child.kill("SIGTERM");
    const limit = setTimeout(() => this.child.kill("SIGKILL"), this.stopMs);
    await this.ended;
    clearTimeout(limit);
  }
}

function spawnEngine(
  options: EngineOptions,
  secret: string,
): ChildProcessByStdio<null, Readable, Readable> {
  const { tinker } = options;
  const flags: [string, string | number | undefined][] = [
    ["--device", options.device],
    ["--dtype", options.dtype],
    ["--devices", options.devices],
    ["--ray-address", options.rayAddress],
    ["--ray-strategy", options.rayStrategy],
    ["--threads", options.threads],
    ["--cache-bytes", options.cacheBytes],
    ["--tinker-url", tinker?.url],
    ...Object.entries(tinker?.bases ?? {}).map(([folder, name]): [string, string] => [
      "--tinker-base",
      `${folder}=${name}`,
    ]),
  ];
  const args = [
    "-m",
    "engine.main",
    "--port",
    "0",
    ...flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)])),
  ];
  return spawn(PYTHON, args, {
    cwd: resolve(ROOT, "gpu-workers"),
    env: {
      ...ALLOCATOR,
      // Numbers of GPUs as nvidia-smi has them, as in vLLM's servers beside it.
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      ...process.env,
      ...(tinker && { PYTHONPATH: buildSdkPath() }),
      // The worker's own variable goes where the worker was told that it may (default-services.ts), and nowhere else.
      TINKER_API_KEY: tinker?.key,
      S3_ENGINE_SECRET: secret,
      PYTHONUNBUFFERED: "1",
      PYTHONDONTWRITEBYTECODE: "1",
      TOKENIZERS_PARALLELISM: "false",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Where Python finds the SDK of Tinker services, besides what it finds anyway. */
const buildSdkPath = (): string =>
  [TINKER_DIR, process.env.PYTHONPATH].filter(Boolean).join(delimiter);

/** The port that the engine writes to its output when it is ready. Kills it where that takes too long. */
function waitForPort(
  child: ChildProcessByStdio<null, Readable, Readable>,
  limitMs: number,
  buildExitError: (event: string) => AppError,
): Promise<number> {
  return new Promise((accept, reject) => {
    const timer = setTimeout(() => {
      reject(buildExitError("did not become ready in time"));
      child.kill("SIGKILL");
    }, limitMs);
    child.once("close", () => clearTimeout(timer));
    child.once("error", (error) =>
      reject(
        new AppError(
          "engine-unavailable",
          `The engine could not be started with ${PYTHON}: ${error.message}`,
        ),
      ),
    );
    createInterface({ input: child.stdout }).on("line", (line) => {
      const parsed = readySchema.safeParse(parseJsonOrNull(line));
      if (!parsed.success) return;
      clearTimeout(timer);
      accept(parsed.data.port);
    });
  });
}
