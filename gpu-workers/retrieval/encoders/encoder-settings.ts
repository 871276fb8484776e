import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { getModelDir } from "@/lib/paths.mjs";
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
  // Absent where they are as usual: fingerprints of encoders without them stay what they were.
  /** False: the mean leaves out the tokens of the prefix. */
  includePrompt: z.literal(false).optional(),
  /** Texts are put into lower case before the tokenizer reads them. */
  lowerCase: z.literal(true).optional(),
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
  directory = getModelDir(name),
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
  if ((await getFileSize(tokenizerPath)) === null)
    throw createNotInstalledError(name, tokenizerPath);
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
    `the ${variant} weights of encoder ${name} are missing: none of ${files.join(", ")} is in ${directory}; \`ORT_DISABLE_TELEMETRY=1 .venv/bin/python scripts/setup/export_encoder.py FOLDER model.onnx\` makes fp32 weights from a folder of transformers, scripts/setup/quantise_encoder.py int8 from those`,
  );
}

function createNotInstalledError(name: string, path: string): AppError {
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
  include_prompt: z.boolean().nullish(),
});
const transformersConfigSchema = z.looseObject({
  model_type: z.string().nullish(),
  prompts: z.record(z.string(), z.string()).nullish(),
  default_prompt_name: z.string().nullish(),
  similarity_fn_name: z.string().nullish(),
  truncate_dim: z.int().nullish(),
});
const sentenceConfigSchema = z.looseObject({
  max_seq_length: z.int().positive().nullish(),
  do_lower_case: z.boolean().nullish(),
});
const tokenizerConfigSchema = z.looseObject({ model_max_length: z.number().positive().nullish() });
const modelConfigSchema = z.looseObject({ max_position_embeddings: z.int().positive().nullish() });

/** Files that may hold a network's length, in the order in which sentence-transformers looks for them. */
export const SENTENCE_CONFIG_FILES = [
  "bert",
  "roberta",
  "distilbert",
  "camembert",
  "albert",
  "xlm-roberta",
  "xlnet",
].map((kind) => `sentence_${kind}_config.json`);

type ReadFile = <T extends z.ZodType>(file: string, schema: T) => Promise<z.output<T> | null>;

/** Reads the settings of a model folder. @throws AppError as `findEncoder` */
export async function readEncoderSettings(
  name: string,
  directory: string,
): Promise<EncoderSettings> {
  const read: ReadFile = (file, schema) => readJsonFile(join(directory, file), schema);
  const [list, config, tokenizer, model] = await Promise.all([
    read("modules.json", modulesSchema),
    read("config_sentence_transformers.json", transformersConfigSchema),
    read("tokenizer_config.json", tokenizerConfigSchema),
    read("config.json", modelConfigSchema),
  ]);
  const sentences = SENTENCE_CONFIG_FILES.map((file) => read(file, sentenceConfigSchema));
  const sentence = (await Promise.all(sentences)).find((found) => found !== null);
  if (config?.model_type && config.model_type !== "SentenceTransformer")
    throw createUnsupportedError(
      name,
      `is a ${config.model_type}`,
      "use one that gives a vector a text",
    );
  if (config?.truncate_dim != null)
    throw createUnsupportedError(
      name,
      `cuts its vectors to ${config.truncate_dim} numbers`,
      "use it whole",
    );
  const own = await readModules(name, list ?? [], read);
  if (sentence?.do_lower_case) own.lowerCase = true;
  const known = ENCODER_PRESETS[name]?.facts;
  const similarity = config?.similarity_fn_name ?? null;
  if (similarity !== null && similarity !== "cosine" && similarity !== "dot")
    throw createUnsupportedError(name, `compares by ${similarity}`, "use one of cosine or dot");
  // Where no similarity is named, sentence-transformers uses the cosine; a preset takes precedence.
  if (similarity === "cosine" || (list && similarity === null && !known)) own.normalise = true;
  else if (list && similarity === "dot") own.normalise ??= false;
  Object.assign(own, readPrompts(name, config));
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

/** @throws AppError `unsupported` for any chain but network, pooling and, maybe, normalisation */
async function readModules(
  name: string,
  list: z.output<typeof modulesSchema>,
  read: ReadFile,
): Promise<Partial<EncoderSettings>> {
  const own: Partial<EncoderSettings> = {};
  let chain = "";
  for (const { type, path } of list) {
    const kind = type.startsWith("sentence_transformers.") ? (type.split(".").at(-1) ?? "") : type;
    if (!["Transformer", "Pooling", "Normalize"].includes(kind))
      throw createUnsupportedError(
        name,
        `has a ${kind} layer after its network`,
        "use one with pooling and normalisation only",
      );
    chain += `${kind} `;
    if (kind === "Normalize") own.normalise = true;
    if (kind !== "Pooling") continue;
    const config = await read(join(path, "config.json"), poolingConfigSchema);
    if (config) own.pooling = readPooling(name, config);
    if (config?.include_prompt === false) own.includePrompt = false;
  }
  if (!/^(Transformer )?(Pooling )?(Normalize )?$/.test(chain))
    throw createUnsupportedError(
      name,
      `chains ${chain.trim()}`,
      "use one that pools once, then scales",
    );
  return own;
}

/** As sentence-transformers' `encode_query` and `encode_document` choose them. @throws AppError `invalid-input` */
function readPrompts(
  name: string,
  config: z.output<typeof transformersConfigSchema> | null,
): Partial<EncoderSettings> {
  const prompts = config?.prompts ?? {};
  const fallback = config?.default_prompt_name;
  if (fallback != null && prompts[fallback] === undefined)
    throw new AppError(
      "invalid-input",
      `the encoder ${name} names the default prompt ${fallback}, which its config_sentence_transformers.json does not hold`,
    );
  const usual = fallback == null ? undefined : prompts[fallback];
  const query = prompts.query ?? usual;
  const passage = prompts.document ?? prompts.passage ?? prompts.corpus ?? usual;
  return { ...(query && { queryPrefix: query }), ...(passage && { passagePrefix: passage }) };
}

const createUnsupportedError = (name: string, what: string, advice: string): AppError =>
  new AppError("unsupported", `the encoder ${name} ${what}, which is not built here; ${advice}`);

/** Our names of sentence-transformers' pooling modes; the other modes are not implemented. */
const POOLING_MODES: Readonly<Record<string, EncoderSettings["pooling"]>> = {
  cls: "cls",
  mean: "mean",
  lasttoken: "last",
};

/**
 * Reads the pooling mode: `pooling_mode` names one or several; older files have a flag each, e.g.
 * `pooling_mode_mean_tokens`.
 */
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
  throw createUnsupportedError(
    name,
    `pools by ${modes.join(" and ")}${modes.length > 1 ? ", put side by side" : ""}`,
    `use one that pools by a single of ${Object.keys(POOLING_MODES).join(", ")}`,
  );
}

async function hashWeights(modelPath: string): Promise<string> {
  const sums: string[] = [];
  for (const path of await listWeightFiles(modelPath)) sums.push(await hashFile(path));
  return sums.join("");
}
