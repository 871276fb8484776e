import { spawn } from "node:child_process";

/** Database, server and agent; encoding the corpus and loading a model come later, with the first run. */
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;

export interface ProductProcess {
  /** What it printed: its address with the secret that lets a browser in. */
  address: string;
  stop(): Promise<void>;
}

/**
 * Starts the product as `npm start` does.
 *
 * @param env what the environment has besides this process's: PORT, S3_DATA_DIR and others
 * @throws Error with its output where it does not come up
 */
export async function startProductProcess(env: Record<string, string>): Promise<ProductProcess> {
  const child = spawn(process.execPath, ["scripts/start.mjs"], {
    env: { ...process.env, NODE_ENV: "production", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const address = await new Promise<string>((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new Error(`The product did not start: ${why}\n${output}`));
    const timer = setTimeout(
      () => fail(`nothing was ready after ${START_TIMEOUT_MS / 1000} s`),
      START_TIMEOUT_MS,
    );
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const ready = /S3 is ready: (\S+)/.exec(output);
      if (!ready?.[1]) return;
      clearTimeout(timer);
      resolve(ready[1]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", (code) => fail(`it ended with ${code}`));
  }).catch(async (error: unknown) => {
    child.kill("SIGINT");
    await exited;
    throw error;
  });
  return {
    address,
    async stop() {
      const force = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
      child.kill("SIGINT");
      await exited;
      clearTimeout(force);
    },
  };
}
