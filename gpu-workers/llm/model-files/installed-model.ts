/** model-files/: models as folders on the worker: where they are, their hash, their tokenizer. */

import { existsSync } from "node:fs";
import { AppError } from "@/contracts/errors";
import { modelDir } from "@/lib/paths.mjs";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import { hashModelFolder } from "./model-hash";

/**
 * Folder of a model that is installed on this worker.
 * @throws AppError "not-found" where there is none of this name
 */
export function findInstalledModel(name: string): string {
  const directory = modelDir(name);
  if (!existsSync(directory))
    throw new AppError(
      "not-found",
      `Model "${name}" is not installed on this worker (looked in its models folder). Install it there or choose another model.`,
    );
  return directory;
}

/**
 * What decides, besides an adapter, what a model of the engine writes: the content of its folder and the numerics of
 * the engine. Part of cache keys.
 */
export async function computeModelFingerprint(
  engine: EngineClient,
  directory: string,
  signal: AbortSignal,
): Promise<string> {
  const [{ fingerprint }, base] = await Promise.all([
    engine.getCapabilities({ signal }),
    hashModelFolder(directory),
  ]);
  return `${base}:${fingerprint}`;
}
