import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { LORA_TARGETS } from "@/contracts/engine/dialect";
import { AppError, parseOrThrow } from "@/contracts/errors";

const adapterConfigSchema = z.object({
  peft_type: z.literal("LORA"),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
});

/** A folder that holds a whole model (Hugging Face) or an adapter (PEFT). */
export type ModelFolder =
  | { kind: "hf"; path: string }
  | { kind: "peft"; path: string; adapter: z.infer<typeof adapterConfigSchema> };

/**
 * Finds the model in a folder: the folder itself, or the last global_step_N below it, as verl lays its checkpoints out
 * (verl_checkpoints/<experiment>[/actor]/global_step_N).
 *
 * @throws AppError "not-found" where there is no folder, "unsupported" or "invalid-input" with what the folder lacks
 */
export async function findModelFolder(folder: string): Promise<ModelFolder> {
  const names = await readdir(folder).catch(() => null);
  if (names === null) throw new AppError("not-found", `There is no folder ${folder}.`);
  if (names.includes("adapter_config.json"))
    return {
      kind: "peft",
      path: folder,
      adapter: parseOrThrow(
        adapterConfigSchema,
        JSON.parse(await readFile(join(folder, "adapter_config.json"), "utf8")) as unknown,
        "adapter_config.json",
      ),
    };
  if (names.includes("config.json")) {
    if (!names.some((name) => name.endsWith(".safetensors")))
      throw new AppError(
        "unsupported",
        `${folder} has no *.safetensors: save the model with safe_serialization, then import it.`,
      );
    if (!names.includes("tokenizer.json"))
      throw new AppError(
        "invalid-input",
        `${folder} has no tokenizer.json: copy it from the model that was trained.`,
      );
    return { kind: "hf", path: folder };
  }
  if (names.includes("actor")) return findModelFolder(join(folder, "actor"));
  const step = names
    .flatMap((name) => /^global_step_(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a)[0];
  if (step !== undefined) return findModelFolder(join(folder, `global_step_${step}`));
  throw new AppError(
    "invalid-input",
    `${folder} is no model: it holds neither config.json nor adapter_config.json nor global_step_N.`,
  );
}

/**
 * Reads which layers a PEFT adapter changes from the names in its safetensors header: the lowest layer and the
 * projections.
 *
 * @throws AppError "invalid-input" where there is no adapter, or it changes no layer that the engine knows
 */
export async function readAdaptedLayers(
  folder: string,
): Promise<{ firstLayer: number; targets: (typeof LORA_TARGETS)[number][] }> {
  const bytes = await readFile(join(folder, "adapter_model.safetensors")).catch(() => {
    throw new AppError("invalid-input", `${folder} has no adapter_model.safetensors.`);
  });
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString("utf8");
  const adapted = Object.keys(JSON.parse(header) as object).flatMap((name) => {
    const [, layer, target] = /\.layers\.(\d+)\.\w+\.(\w+)\.lora_/.exec(name) ?? [];
    return layer === undefined ? [] : [{ layer: Number(layer), target }];
  });
  const targets = LORA_TARGETS.filter((name) => adapted.some(({ target }) => target === name));
  if (targets.length === 0)
    throw new AppError(
      "invalid-input",
      `The adapter in ${folder} changes no layer that is known here (${LORA_TARGETS.join(", ")}).`,
    );
  return { firstLayer: Math.min(...adapted.map(({ layer }) => layer)), targets };
}
