import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { getFileSize } from "@/lib/files";
import { getModelDir } from "@/lib/paths.mjs";
import { readJsonFile } from "./json-file";
import { listWeightFiles } from "./weight-files";

/** Settings of a cross-encoder, from its own configuration. */
export interface RerankerSettings {
  /** Longest pair, special tokens included. */
  maxTokens: number;
  /** Function of the logit; both keep the order of passages. */
  activation: "none" | "sigmoid";
}

/** A reranker found on disk. */
export interface RerankerFiles {
  name: string;
  settings: RerankerSettings;
  modelPath: string;
  tokenizerPath: string;
  tokenizerConfigPath: string;
  /** Equal fingerprints give equal scores. */
  fingerprint: string;
}

/** Presets by name: the model on its hub whose ONNX export belongs into the folder of that name. */
const RERANKERS: Readonly<Record<string, string>> = {
  "ms-marco-MiniLM-L-6-v2": "cross-encoder/ms-marco-MiniLM-L-6-v2",
  "bge-reranker-base": "BAAI/bge-reranker-base",
  "MedCPT-Cross-Encoder": "ncbi/MedCPT-Cross-Encoder",
};

/** The keys that are read of config.json and tokenizer_config.json. */
const modelConfigSchema = z.object({
  model_type: z.string().default(""),
  max_position_embeddings: z.int().positive().default(512),
  pad_token_id: z.int().nullish(),
  sentence_transformers: z.object({ activation_fn: z.string().optional() }).optional(),
  sbert_ce_default_activation_function: z.string().optional(),
});
const tokenizerConfigSchema = z.object({ model_max_length: z.number().positive().nullish() });

/** Model types whose first position is the one after the padding token's id. */
const OFFSET_POSITIONS = new Set(["roberta", "xlm-roberta", "camembert", "xlm-roberta-xl"]);

/**
 * Finds a cross-encoder by a preset's name or a model folder: `model.onnx` (or `onnx/model.onnx`), `tokenizer.json`,
 * `config.json`, and `tokenizer_config.json` where there is one.
 *
 * @throws AppError `not-found` with what is missing, `invalid-input` for a malformed file
 */
export async function findReranker(
  name: string,
  directory = getModelDir(name),
): Promise<RerankerFiles> {
  const [modelPath] = await filterExistingFiles([
    join(directory, "model.onnx"),
    join(directory, "onnx", "model.onnx"),
  ]);
  const tokenizerPath = join(directory, "tokenizer.json");
  const tokenizerConfigPath = join(directory, "tokenizer_config.json");
  const configPath = join(directory, "config.json");
  const config = await readJsonFile(configPath, modelConfigSchema);
  const missing = [
    ...(modelPath === undefined ? [join(directory, "model.onnx")] : []),
    ...((await getFileSize(tokenizerPath)) === null ? [tokenizerPath] : []),
    ...(config === null ? [configPath] : []),
  ];
  if (modelPath === undefined || config === null || missing.length > 0) {
    const source = RERANKERS[name];
    throw new AppError(
      "not-found",
      `the reranker ${name} is not installed: ${missing.join(", ")} missing; put ${source === undefined ? "an ONNX export of a cross-encoder" : `the ONNX export of ${source}`} there`,
    );
  }
  const tokenizerConfig = await readJsonFile(tokenizerConfigPath, tokenizerConfigSchema);
  const positions =
    config.max_position_embeddings -
    (OFFSET_POSITIONS.has(config.model_type) ? (config.pad_token_id ?? 1) + 1 : 0);
  const activation =
    config.sentence_transformers?.activation_fn ??
    config.sbert_ce_default_activation_function ??
    "";
  const settings: RerankerSettings = {
    maxTokens: Math.min(tokenizerConfig?.model_max_length ?? Infinity, positions),
    activation: /sigmoid/i.test(activation) ? "sigmoid" : "none",
  };
  const hash = createHash("sha256");
  for (const path of [...(await listWeightFiles(modelPath)), tokenizerPath])
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  const fingerprint = hash.update(JSON.stringify(settings)).digest("hex");
  return { name, settings, modelPath, tokenizerPath, tokenizerConfigPath, fingerprint };
}

async function filterExistingFiles(paths: readonly string[]): Promise<string[]> {
  const sizes = await Promise.all(paths.map(getFileSize));
  return paths.filter((_, i) => sizes[i] !== null);
}
