import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { VllmConfig } from "@/contracts/run-config/model";
import { AppError } from "@/contracts/errors";
import { countVllmDevices } from "@/contracts/worker-protocol/vllm-devices";

const run = promisify(execFile);

/** Earlier versions lack what is used here (`continue_final_message`). */
const MIN_VERSION: readonly [number, number] = [0, 7];

/** vLLM's program: S3_VLLM, or `vllm` on the worker's path. */
export const getVllmProgram = (): string => process.env.S3_VLLM ?? "vllm";

/** Version of the installed vLLM; null where there is none. Takes seconds, because vLLM imports torch first. */
export async function readVllmVersion(): Promise<string | null> {
  try {
    const { stdout } = await run(getVllmProgram(), ["--version"], { timeout: 120_000 });
    return /\d+\.\d+[\w.+-]*/.exec(stdout)?.[0] ?? null;
  } catch {
    return null;
  }
}

/**
 * Checks that a vLLM is there that is new enough.
 * @param alternative what the user can do instead
 * @returns the version
 * @throws AppError "unsupported" that says what to do
 */
export async function requireVllm(alternative: string): Promise<string> {
  const version = await readVllmVersion();
  if (version === null)
    throw new AppError(
      "unsupported",
      `vLLM is not installed on this worker (looked for ${getVllmProgram()}). Install it in an environment of its own and name its program in S3_VLLM, or ${alternative}.`,
    );
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  if (major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1]))
    throw new AppError(
      "unsupported",
      `vLLM ${version} is too old: ${MIN_VERSION.join(".")} or later is needed.`,
    );
  return version;
}

/**
 * Checks that there are enough GPUs to serve a model.
 * @throws AppError "unsupported" where there are not
 */
export function requireServingDevices(
  { tensorParallelSize }: VllmConfig,
  version: string,
  gpus: number,
): void {
  if (countVllmDevices(version, gpus) < tensorParallelSize)
    throw new AppError(
      "unsupported",
      `The model is to be spread over ${tensorParallelSize} GPUs (server.tensorParallelSize), and this worker has ${gpus}.`,
    );
}
