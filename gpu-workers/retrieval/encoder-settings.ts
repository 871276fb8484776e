import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { modelDir } from "@/contracts/paths";

/**
 * What an encoder needs besides its weights. A model folder may bring its own as `encoder.json`; of the encoders below
 * we know them. Everything here changes vectors, so all of it is part of the fingerprint.
 */
export const encoderSettings = z.strictObject({
  pooling: z.enum(["mean", "cls"]),
  /** Scale vectors to length 1, so that the inner product is the cosine. */
  normalise: z.boolean(),
  /** Longer texts are cut, special tokens included. */
  maxTokens: z.int().min(8).max(32_768),
  queryPrefix: z.string(),
  passagePrefix: z.string(),
  /** ONNX file of each variant. */
  variants: z.record(z.string(), z.string().regex(/^[\w.-]+$/)),
});
export type EncoderSettings = z.infer<typeof encoderSettings>;

/** Settings by model name, from each model's card on its hub. */
const KNOWN_ENCODERS: Readonly<Record<string, EncoderSettings>> = {
  // sentence-transformers/all-MiniLM-L6-v2
  minilm: {
    pooling: "mean",
    normalise: true,
    maxTokens: 256,
    queryPrefix: "",
    passagePrefix: "",
    variants: { fp32: "model.onnx", int8: "model-int8.onnx" },
  },
};

/** An encoder found on disk. */
export interface EncoderFiles {
  name: string;
  variant: string;
  settings: EncoderSettings;
  modelPath: string;
  tokenizerPath: string;
  tokenizerConfigPath: string;
  /** Sha256 over weights, tokenizer and settings: equal fingerprints give equal vectors. */
  fingerprint: string;
}

/**
 * Finds an encoder by the name of its model folder (or its path) and its variant.
 * Throws `not-found` with what is missing, `invalid-input` for a malformed encoder.json.
 */
export async function findEncoder(name: string, variant: string, directory = modelDir(name)): Promise<EncoderFiles> {
  if (!(await isFile(join(directory, "tokenizer.json")))) {
    throw new AppError("not-found", `the encoder ${name} is not installed: ${join(directory, "tokenizer.json")} is missing; \`npm start\` installs the default encoder`);
  }
  const settings = await readSettings(name, directory);
  const file = settings.variants[variant];
  if (file === undefined) {
    throw new AppError("not-found", `the encoder ${name} has no variant ${variant}; it has ${Object.keys(settings.variants).join(", ")}`);
  }
  const modelPath = join(directory, file);
  if (!(await isFile(modelPath))) throw new AppError("not-found", `the ${variant} weights of encoder ${name} are missing: ${modelPath}`);
  const tokenizerPath = join(directory, "tokenizer.json");
  const { variants: _, ...settingsThatCount } = settings;
  const fingerprint = createHash("sha256")
    .update(await sha256File(modelPath))
    .update(await sha256File(tokenizerPath))
    .update(JSON.stringify(settingsThatCount))
    .digest("hex");
  return { name, variant, settings, modelPath, tokenizerPath, tokenizerConfigPath: join(directory, "tokenizer_config.json"), fingerprint };
}

async function readSettings(name: string, directory: string): Promise<EncoderSettings> {
  const path = join(directory, "encoder.json");
  if (await isFile(path)) {
    let value: unknown;
    try {
      value = JSON.parse(await readFile(path, "utf8"));
    } catch (cause) {
      throw new AppError("invalid-input", `${path} is not JSON`, { cause });
    }
    return parseOrThrow(encoderSettings, value, path);
  }
  const known = KNOWN_ENCODERS[name];
  if (known) return known;
  throw new AppError("not-found", `the settings of encoder ${name} are not known: describe them in ${path}`);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}

async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
