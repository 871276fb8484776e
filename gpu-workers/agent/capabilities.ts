import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { ModelRole } from "@/contracts/worker-protocol/attach";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import { parseModelShape } from "@/core/memory/model-shape";
import { readVllmVersion } from "@/gpu-workers/llm/vllm-server/installation";
import { readSoftware } from "./software";

type AttachCapabilities = WorkerRequest<"attach">["capabilities"];

/** What is installed here and what it would compute with. The engine has the last word on device and dtype. */
export async function findCapabilities(
  setupDir: string,
  corpora: string[],
  gpus: number,
  chosen: Partial<Pick<AttachCapabilities, "device" | "dtype" | "ranks">> = {},
): Promise<AttachCapabilities> {
  const device =
    gpus > 0 ? "cuda" : os.platform() === "darwin" && os.arch() === "arm64" ? "mps" : "cpu";
  const flags = device === "cpu" ? await readFile("/proc/cpuinfo", "utf8").catch(() => "") : "";
  return {
    ...(await findModels(setupDir)),
    corpora,
    device: chosen.device ?? device,
    dtype:
      chosen.dtype ??
      (device === "cuda" || /\b(avx512_bf16|amx_bf16)\b/.test(flags) ? "bfloat16" : "float32"),
    ranks: chosen.ranks,
    vllm: await readVllmVersion(),
    software: await readSoftware(),
  };
}

const modelConfigSchema = z.object({
  architectures: z.array(z.string()).nullish(),
  is_encoder_decoder: z.boolean().nullish(),
});

/** The models that are installed here, by name, what those are for that write no text, and the shapes that the engine computes. */
export async function findModels(setupDir: string): Promise<WorkerRequest<"models">> {
  const folder = join(setupDir, "models");
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const models = entries
    .filter(
      ({ name }) =>
        // A hidden folder is one that an import is still writing.
        !name.startsWith(".") && existsSync(join(folder, name, "config.json")),
    )
    .map(({ name }) => name)
    .sort();
  const read = await Promise.all(models.map((name) => readModel(join(folder, name))));
  const pick = <T>(values: readonly (T | null)[]): Record<string, T> =>
    Object.fromEntries(
      models.flatMap((name, at) => {
        const value = values[at] ?? null;
        return value === null ? [] : [[name, value]];
      }),
    );
  return {
    models,
    modelRoles: pick(read.map(({ role }) => role)),
    shapes: pick(read.map(({ shape }) => shape)),
  };
}

/** It is done again every few seconds, so each file is read once. */
async function readModel(
  folder: string,
): Promise<{ role: ModelRole | null; shape: ModelShape | null }> {
  try {
    const json: unknown = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    const role = findRole(modelConfigSchema.parse(json), await readdir(folder));
    return { role, shape: parseModelShape(json) };
  } catch {
    return { role: null, shape: null }; // a broken folder: the run that wants it says so
  }
}

/** What a model is for by its heads, of which the engine asks the same (load_library_config); null: it writes text. */
function findRole(
  { architectures, is_encoder_decoder: hasEncoder }: z.infer<typeof modelConfigSchema>,
  files: readonly string[],
): ModelRole | null {
  const has = (...heads: string[]): boolean =>
    architectures?.some((name) => heads.some((head) => name.endsWith(head))) ?? false;
  if (has("SequenceClassification")) return "reranker";
  // Sentence encoders are made of language models too; the engine reads no ONNX.
  const isOnnx = files.some((name) => name === "onnx" || name.endsWith(".onnx"));
  if (isOnnx && !files.some((name) => name.endsWith(".safetensors"))) return "encoder";
  if (has("TokenClassification")) return "critic";
  if (!architectures?.length) return null;
  return has("CausalLM", "LMHeadModel") && !hasEncoder ? null : "encoder";
}
