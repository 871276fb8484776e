import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { modelDir } from "@/lib/paths.mjs";
import { getFileSize } from "@/lib/files";
import { hashFile } from "@/lib/hash";
import { ENCODER_PRESETS } from "./encoder-presets";
import { readJsonFile } from "./json-file";
import { listWeightFiles } from "./weight-files";

/**
 * What an encoder needs besides its weights: read from its own folder (encoder.json, else the files of
 * sentence-transformers) and completed by its preset. All of it changes vectors, so all of it is part of the
 * fingerprint.
 */
export const encoderSettingsSchema = z.strictObject({
  pooling: z.enum(["mean", "cls", "last"]),
  /** Whether vectors are scaled to length 1, so that the inner product is the cosine. */
  normalise: z.boolean(),
  /** Longest text in tokens, special tokens included; longer ones are truncated. */
  maxTokens: z.int().min(8).max(32_768),
  queryPrefix: z.string(),
  passagePrefix: z.string(),
});
export type EncoderSettings = z.infer<typeof encoderSettingsSchema>;

/** One network with its tokenizer. An encoder has one for both kinds of text, or one for each (two towers). */
export interface TowerFiles {
  modelPath: string;
  tokenizerPath: string;
  tokenizerConfigPath: string;
  settings: EncoderSettings;
  /** Whether each text is encoded alone, because other texts in its batch would change its vector. */
  encodeAlone: boolean;
}

/** An encoder found on disk. */
export interface EncoderFiles {
  name: string;
  variant: string;
  query: TowerFiles;
  passage: TowerFiles;
  /** Sha256 over weights, tokenizers and settings: equal fingerprints give equal vectors. */
  fingerprint: string;
}

/**
 * int8 weights of scripts/setup/quantise_encoder.py, whose activations have fixed ranges. The int8 weights of hubs
 * compute one range for a whole batch.
 */
const OWN_INT8 = "model-int8.onnx";

/** Files that may hold the weights of a variant, in the order in which they are looked for. */
const VARIANT_FILES: Readonly<Record<string, readonly string[]>> = {
  fp32: ["model.onnx", "onnx/model.onnx"],
  int8: [OWN_INT8, "onnx/model_int8.onnx", "onnx/model_quantized.onnx", "model_quantized.onnx"],
};

/**
 * Finds an encoder by the name of its model folder, or its path, and its variant. A folder with the subfolders `query`
 * and `passage` holds two towers.
 *
 * @throws AppError `not-found` with what is missing, `invalid-input` for a malformed configuration, `unsupported` for
 *   one that this encoder does not implement
 */
export async function findEncoder(
  name: string,
  variant: string,
  directory = modelDir(name),
): Promise<EncoderFiles> {
  const title = basename(directory);
  const hasTowers =
    (await getFileSize(join(directory, "query", "tokenizer.json"))) !== null &&
    (await getFileSize(join(directory, "passage", "tokenizer.json"))) !== null;
  const [query, passage] = hasTowers
    ? await Promise.all([
        findTower(title, variant, join(directory, "query")),
        findTower(title, variant, join(directory, "passage")),
      ])
    : await findTower(title, variant, directory).then((tower) => [tower, tower] as const);
  const hash = createHash("sha256");
  for (const tower of hasTowers ? [query, passage] : [passage]) {
    hash
      .update(await hashWeights(tower.modelPath))
      .update(await hashFile(tower.tokenizerPath))
      .update(JSON.stringify(tower.settings));
  }
  return { name: title, variant, query, passage, fingerprint: hash.digest("hex") };
}

async function findTower(name: string, variant: string, directory: string): Promise<TowerFiles> {
  const tokenizerPath = join(directory, "tokenizer.json");
  if ((await getFileSize(tokenizerPath)) === null) throw notInstalledError(name, tokenizerPath);
  const settings = await readEncoderSettings(name, directory);
  const files = VARIANT_FILES[variant] ?? [];
  for (const file of files) {
    if ((await getFileSize(join(directory, file))) !== null)
      return {
        modelPath: join(directory, file),
        tokenizerPath,
        tokenizerConfigPath: join(directory, "tokenizer_config.json"),
        settings,
        encodeAlone: variant === "int8" && file !== OWN_INT8,
      };
  }
  if (files.length === 0)
    throw new AppError(
      "not-found",
      `the encoder ${name} has no variant ${variant}; there are ${Object.keys(VARIANT_FILES).join(", ")}`,
    );
  throw new AppError(
    "not-found",
    `the ${variant} weights of encoder ${name} are missing: none of ${files.join(", ")} is in ${directory}; \`.venv/bin/python scripts/setup/export_encoder.py FOLDER model.onnx\` makes fp32 weights from a folder of transformers, scripts/setup/quantise_encoder.py int8 from those`,
  );
}

function notInstalledError(name: string, path: string): AppError {
  const preset = ENCODER_PRESETS[name];
  const how =
    name === "minilm"
      ? "`npm start` installs the default encoder"
      : preset && preset.hub.length === 0
        ? `bring its ${preset.twoTowers ? "two towers as the folders `query` and `passage`, each" : "folder"} with tokenizer.json and model.onnx`
        : `fetch it with \`npm run s3 -- encoder fetch ${name}\`, or bring its folder with tokenizer.json and model.onnx`;
  return new AppError(
    "not-found",
    `the encoder ${name} is not installed: ${path} is missing; ${how}`,
  );
}

const looseSchema = z.looseObject({});
const modulesSchema = z.array(z.looseObject({ type: z.string(), path: z.string() }));
const poolingConfigSchema = z.looseObject({
  pooling_mode: z.union([z.string(), z.array(z.string())]).nullish(),
});
const transformersConfigSchema = z.looseObject({
  prompts: z.record(z.string(), z.string()).default({}),
  similarity_fn_name: z.string().nullish(),
});
const sentenceConfigSchema = z.looseObject({ max_seq_length: z.int().positive().nullish() });
const tokenizerConfigSchema = z.looseObject({ model_max_length: z.number().positive().nullish() });
const modelConfigSchema = z.looseObject({ max_position_embeddings: z.int().positive().nullish() });

/** Reads the settings of a model folder. @throws AppError as `findEncoder` */
export async function readEncoderSettings(
  name: string,
  directory: string,
): Promise<EncoderSettings> {
  const read = <T extends z.ZodType>(file: string, schema: T): Promise<z.output<T> | null> =>
    readJsonFile(join(directory, file), schema);
  const own: Partial<EncoderSettings> = {};
  const [list, prompts, sentence, tokenizer, model] = await Promise.all([
    read("modules.json", modulesSchema),
    read("config_sentence_transformers.json", transformersConfigSchema),
    read("sentence_bert_config.json", sentenceConfigSchema),
    read("tokenizer_config.json", tokenizerConfigSchema),
    read("config.json", modelConfigSchema),
  ]);
  for (const { type, path } of list ?? []) {
    const kind = type.split(".").at(-1);
    if (kind === "Normalize") own.normalise = true;
    else if (kind === "Pooling") {
      const config = await read(join(path, "config.json"), poolingConfigSchema);
      if (config) own.pooling = readPooling(name, config);
    } else if (kind !== "Transformer")
      throw new AppError(
        "unsupported",
        `the encoder ${name} has a ${kind} layer after its network, which is not built here; use an encoder with pooling and normalisation only`,
      );
  }
  const known = ENCODER_PRESETS[name]?.facts;
  const similarity = prompts?.similarity_fn_name ?? null;
  if (similarity !== null && similarity !== "cosine" && similarity !== "dot")
    throw new AppError(
      "unsupported",
      `the encoder ${name} compares by ${similarity}; cosine and dot are built here`,
    );
  // Where no similarity is named, sentence-transformers uses the cosine; a preset takes precedence.
  if (similarity === "cosine" || (list && similarity === null && !known)) own.normalise = true;
  else if (list && similarity === "dot") own.normalise ??= false;
  const passagePrompt = prompts?.prompts.passage ?? prompts?.prompts.document;
  if (prompts?.prompts.query !== undefined && prompts.prompts.query !== "")
    own.queryPrefix = prompts.prompts.query;
  if (passagePrompt !== undefined && passagePrompt !== "") own.passagePrefix = passagePrompt;
  const limit = sentence?.max_seq_length ?? tokenizer?.model_max_length;
  const positions = model?.max_position_embeddings ?? Infinity;
  if (limit != null && limit < 1e6) own.maxTokens = Math.min(limit, positions);

  // Setup installs only the network's own files of the default encoder; their maximum length is the network's.
  const base = {
    queryPrefix: "",
    passagePrefix: "",
    ...own,
    ...(known && !sentence ? { maxTokens: known.maxTokens } : {}),
  };
  const settings = {
    ...(known ?? {}),
    ...base,
    ...(known
      ? {
          queryPrefix: base.queryPrefix || known.queryPrefix,
          passagePrefix: base.passagePrefix || known.passagePrefix,
        }
      : {}),
    ...(await read("encoder.json", looseSchema)),
  };
  if (!("pooling" in settings) || !("maxTokens" in settings)) {
    throw new AppError(
      "not-found",
      `the settings of encoder ${name} are not known: bring sentence-transformers' files (modules.json, 1_Pooling/config.json, ...) in ${directory}, or describe them in encoder.json there`,
    );
  }
  return parseOrThrow(
    encoderSettingsSchema,
    settings,
    `the configuration of encoder ${name} in ${directory}`,
  );
}

/** Our names of sentence-transformers' pooling modes; the other modes are not implemented. */
const POOLING_MODES: Readonly<Record<string, EncoderSettings["pooling"]>> = {
  cls: "cls",
  mean: "mean",
  lasttoken: "last",
};

/** Reads the pooling mode: `pooling_mode` names one or several; older files have a flag each, e.g. `pooling_mode_mean_tokens`. */
function readPooling(
  name: string,
  config: z.infer<typeof poolingConfigSchema>,
): EncoderSettings["pooling"] {
  const flagged = Object.keys(config).filter(
    (key) => key.startsWith("pooling_mode_") && config[key] === true,
  );
  const named =
    config.pooling_mode == null
      ? flagged.map((key) => key.replace("pooling_mode_", "").replace(/_tokens?$/, ""))
      : [config.pooling_mode].flat();
  const modes = named.length === 0 ? ["mean"] : named; // as sentence-transformers reads it
  const pooling = modes.length === 1 ? POOLING_MODES[modes[0] ?? ""] : undefined;
  if (pooling) return pooling;
  throw new AppError(
    "unsupported",
    `the encoder ${name} pools by ${modes.join(" and ")}${modes.length > 1 ? ", put side by side" : ""}, which is not built here; use one that pools by a single of ${Object.keys(POOLING_MODES).join(", ")}`,
  );
}

async function hashWeights(modelPath: string): Promise<string> {
  const sums: string[] = [];
  for (const path of await listWeightFiles(modelPath)) sums.push(await hashFile(path));
  return sums.join("");
}
