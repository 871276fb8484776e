import { dirname, join } from "node:path";
import { CORPUS_PRESETS, type CorpusPreset } from "@/core/presets/corpus-presets";
import { AppError } from "@/contracts/errors";
import { ATLAS_DIR, DATA_DIR } from "@/lib/paths.mjs";
import type { IndexConfig } from "@/contracts/run-config/index-config";
import { getCorpusPath } from "@/gpu-workers/corpora/installed-corpora";
import { PUBLISHED_INDEX_FILE } from "@/gpu-workers/corpora/import/fetch-source";
import { findEncoder } from "@/gpu-workers/retrieval/encoders/encoder-settings";
import { adoptIndex, IndexExistsError } from "./adopt-index";

export interface PublishedOptions {
  dataDir?: string;
  /** Encoder that made the index; by default the one that the preset names. */
  encoder?: string;
}

type Published = Pick<IndexConfig, "corpus" | "source" | "retriever" | "buildIndex">;
type Log = (level: "info" | "warn", message: string) => void;

/** The published index that a run fetches; null where it fetches none. */
function findPublishedIndex({ source }: Published): CorpusPreset["index"] {
  return source.kind === "preset" && source.withIndex ? CORPUS_PRESETS[source.preset].index : null;
}

/** Before it is fetched: warns where the encoder that its queries need is not here. */
export async function warnIfEncoderMissing(
  config: Published,
  log: Log,
  { encoder }: Pick<PublishedOptions, "encoder"> = {},
): Promise<void> {
  const index = findPublishedIndex(config);
  if (index === null) return;
  await findEncoder(encoder ?? index.encoder, "fp32").catch((error: unknown) => {
    if (!(error instanceof AppError)) throw error;
    log(
      "warn",
      `The published index that is fetched now cannot be used before its encoder is here: ${error.message}`,
    );
  });
}

/**
 * After an import with its published index: adopts the index. Where that cannot be done, the log says why and with which
 * command it is done later.
 *
 * @throws AppError where the run itself would need the index: building it anew would encode every passage for days
 */
export async function adoptPublishedIndex(
  config: Published,
  log: Log,
  options: PublishedOptions = {},
): Promise<void> {
  const index = findPublishedIndex(config);
  if (index === null) return;
  const { corpus, retriever, buildIndex } = config;
  const { dataDir = DATA_DIR, encoder = index.encoder } = options;
  const path = getCorpusPath(corpus, { atlasDir: ATLAS_DIR, dataDir });
  const file = join(dirname(path), PUBLISHED_INDEX_FILE);
  try {
    const { count, dim } = await adoptIndex({
      files: [file],
      corpusPath: path,
      encoder,
      variant: "fp32",
      factory: "Flat",
      indexDir: join(dataDir, "indexes"),
    });
    log("info", `the published index is in use: ${count} vectors of length ${dim} by ${encoder}`);
  } catch (error) {
    if (error instanceof IndexExistsError) return;
    if (!(error instanceof AppError)) throw error;
    const message = `The published index is not in use: ${error.message}. Once that is mended, resume this run, or: npm run s3 -- index adopt ${file} --corpus ${corpus} --encoder ${encoder}`;
    if (buildIndex && "encoder" in retriever && retriever.encoder === encoder)
      throw new AppError(error.code, message, { cause: error });
    log("warn", message);
  }
}
