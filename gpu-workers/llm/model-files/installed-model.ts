/** model-files/: models as folders on the worker: where they are, their hash, their tokenizer. */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { EngineBody } from "@/contracts/engine/dialect";
import { AppError } from "@/contracts/errors";
import type { Thinking } from "@/contracts/run-config/model";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import { parseModelShape } from "@/core/memory/model-shape";
import { getModelDir } from "@/lib/paths.mjs";
import type { EngineClient, EngineModel } from "@/gpu-workers/llm/engine/client";
import { markMessage } from "@/core/texts/mark-message";
import { hashModelFolder } from "./model-hash";
import { loadTokenizer, type Tokenizer } from "./tokenizer";

/**
 * Folder of a model that is installed on this worker.
 * @throws AppError "not-found" where there is none of this name
 */
export function findInstalledModel(name: string): string {
  const directory = getModelDir(name);
  if (!existsSync(directory))
    throw new AppError(
      "not-found",
      `Model "${name}" is not installed on this worker (looked in its models folder). Install it there or choose another model.`,
    );
  return directory;
}

/** The shape of a model in a folder; null where the engine's own layers do not compute it. */
export async function readModelShape(directory: string): Promise<ModelShape | null> {
  try {
    return parseModelShape(JSON.parse(await readFile(join(directory, "config.json"), "utf8")));
  } catch {
    return null; // a broken folder: the run that wants it says so
  }
}

/**
 * What decides, besides an adapter, what a model of the engine writes: the content of its folder and the numerics of
 * the engine; where transformers computes its layers, also those of transformers. Part of cache keys.
 *
 * @param info what the engine said of the model when it was created
 */
export async function computeModelFingerprint(
  engine: EngineClient,
  directory: string,
  { library, service }: Pick<EngineModel["info"], "library"> & Partial<EngineModel["info"]>,
  signal: AbortSignal,
): Promise<string> {
  const [{ fingerprint }, base] = await Promise.all([
    engine.getCapabilities({ signal }),
    hashModelFolder(directory),
  ]);
  return `${base}:${fingerprint}${library ? `:${library}` : ""}${service ? `:${service}` : ""}`;
}

/** A model of the engine on an installed folder, with the folder's tokenizer. */
interface LoadedModel {
  model: EngineModel;
  tokenizer: Tokenizer;
  /** As `computeModelFingerprint` says. */
  fingerprint: string;
}

/**
 * Creates a model on an installed folder in the engine.
 *
 * @param thinking whether its chat template is told to have it think
 */
export async function loadEngineModel(
  engine: EngineClient,
  id: string,
  body: EngineBody<"create_model">,
  thinking: Thinking | undefined,
  signal: AbortSignal,
): Promise<LoadedModel> {
  const [model, tokenizer] = await Promise.all([
    engine.createModel(id, body, { signal }),
    loadTokenizer(body.base, thinking),
  ]);
  const fingerprint = await computeModelFingerprint(engine, body.base, model.info, signal);
  return { model, tokenizer, fingerprint };
}

/** What a page says of a model whose layers the engine does not compute itself; else nothing. */
export const describeLibrary = ({
  library,
  adaptedMaps = null,
  service = null,
}: Pick<EngineModel["info"], "library"> & Partial<EngineModel["info"]>): string =>
  service
    ? `, ${markMessage`trained as ${service}`}`
    : library
      ? `, ${markMessage`its layers by ${library.replace(/ numerics.*$/, "")} (several times slower than the engine's own)`}${adaptedMaps ? `, ${markMessage`low-rank factors on its maps ${adaptedMaps.join(", ")}`}` : ""}`
      : "";
