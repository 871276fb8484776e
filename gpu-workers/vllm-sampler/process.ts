import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { AppError } from "@/contracts/errors";
import { BASE, VllmClient } from "./client";

export interface VllmOptions {
  /** Folder of the base model. */
  model: string;
  /** Rank of the adapters that will be loaded. */
  rank: number;
  /** Share of the GPU's memory that it takes for itself. */
  memoryShare: number;
  signal: AbortSignal;
  /** Called once when it ends without having been stopped; the message holds the end of its output. */
  onDeath?: (error: AppError) => void;
  onLog?: (line: string) => void;
  /** Program and first arguments in place of `vllm`; S3_VLLM names it otherwise. */
  command?: readonly string[];
  /** Loading a model and compiling its kernels takes minutes. */
  startMilliseconds?: number;
}

/** Ranks that vLLM has kernels for. */
const RANKS = [8, 16, 32, 64, 128, 256, 320, 512];
const GUARD = fileURLToPath(new URL("guard.mjs", import.meta.url));
/** The last lines that it wrote, for the message of its death. */
const TAIL_LINES = 40;

/** Command line of the server, apart from the program. */
export function serverArguments({ model, rank, memoryShare }: Pick<VllmOptions, "model" | "rank" | "memoryShare">, port: number): string[] {
  const largest = RANKS.find((size) => size >= rank);
  if (largest === undefined) throw new AppError("unsupported", `vLLM serves adapters of at most rank ${RANKS.at(-1)}: lower searcher.adapter.rank from ${rank}, or set searcher.sampler to engine.`);
  const flags: Record<string, string | number> = {
    "--host": "127.0.0.1",
    "--port": port,
    "--served-model-name": BASE,
    "--max-lora-rank": largest,
    // The present weights and those before, whose last samples may still be under way.
    "--max-loras": 2,
    "--gpu-memory-utilization": memoryShare,
    // Log-probabilities at the sampling temperature, which is what the ratio compares.
    "--logprobs-mode": "processed_logprobs",
    // The model folder's own sampling defaults are not the policy.
    "--generation-config": "vllm",
  };
  return ["serve", model, "--enable-lora", ...Object.entries(flags).flatMap(([flag, value]) => [flag, String(value)])];
}

/** vLLM's OpenAI-compatible server as a process of the worker: started, watched, stopped. It ends when this process dies. */
export class VllmProcess {
  private stopping = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    readonly client: VllmClient,
    private readonly ended: Promise<void>,
  ) {}

  /** Starts the server and waits until it is healthy. Throws `sampler-unavailable` with its last output where it is not. */
  static async start(options: VllmOptions): Promise<VllmProcess> {
    const port = await freePort();
    const secret = randomBytes(32).toString("hex");
    const command = options.command ?? (process.env.S3_VLLM ?? "vllm").split(" ");
    const child = spawn(process.execPath, [GUARD, ...command, ...serverArguments(options, port)], {
      env: { ...process.env, VLLM_API_KEY: secret, VLLM_ALLOW_RUNTIME_LORA_UPDATING: "True" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const tail: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        tail.push(line);
        if (tail.length > TAIL_LINES) tail.shift();
        options.onLog?.(line);
      });
    const state: { failure: AppError | null; server: VllmProcess | null } = { failure: null, server: null };
    const ended = new Promise<void>((done) =>
      child.once("close", (code, signal) => {
        const hint = code === 127 ? " vLLM is not installed on this worker: install it in a Python environment of its own and name its program by S3_VLLM, or set searcher.sampler to engine." : "";
        state.failure = new AppError("sampler-unavailable", [`vLLM ${signal ? `was ended by ${signal}` : `ended with code ${code}`}.${hint}`, ...tail].join("\n"));
        if (state.server && !state.server.stopping) options.onDeath?.(state.failure);
        done();
      }),
    );
    const url = `http://127.0.0.1:${port}`;
    const server = new VllmProcess(child, url, new VllmClient({ url, secret }), ended);
    const deadline = Date.now() + (options.startMilliseconds ?? 1_200_000);
    try {
      while (!(await server.client.healthy(AbortSignal.any([options.signal, AbortSignal.timeout(5_000)])))) {
        options.signal.throwIfAborted();
        if (state.failure) throw state.failure;
        if (Date.now() > deadline) throw new AppError("sampler-unavailable", ["vLLM did not become ready in time.", ...tail].join("\n"));
        await sleep(250);
      }
    } catch (error) {
      await server.stop();
      throw error;
    }
    state.server = server;
    return server;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Ends the server and everything that it started. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.child.stdin?.end();
    await this.ended;
  }
}

/** A port that is free now. vLLM does not say which one it took, so it is told. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
