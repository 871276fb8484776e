import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import os from "node:os";
import { join } from "node:path";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import { readModelShape } from "@/gpu-workers/llm/model-files/installed-model";
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

/** The models that are installed here, by name, and the shapes of those whose architecture the engine computes. */
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
  const shapes = await Promise.all(
    models.map(async (name) => [name, await readModelShape(join(folder, name))] as const),
  );
  return {
    models,
    shapes: Object.fromEntries(
      shapes.filter((entry): entry is [string, ModelShape] => entry[1] !== null),
    ),
  };
}
