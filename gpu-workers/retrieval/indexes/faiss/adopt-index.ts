import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import { type IndexIdentity, startFaissThread, writeIndexManifest } from "./dense-index";
import { Encoder } from "@/gpu-workers/retrieval/encoders/encoder";
import { hasIndex } from "@/gpu-workers/retrieval/indexes/index-store";
import { computeIndexKey } from "./dense-index";
import { findIndexFiles, joinIndexFiles } from "./index-parts";

/** The one file of several parts; not the name of an index that was built here, which is built again where it is damaged. */
const JOINED_FILE = "adopted.faiss";

export interface AdoptOptions {
  /** A FAISS index file, its parts in order (upstream publishes e5_Flat.index so), or the folder that holds them. */
  files: readonly string[];
  corpusPath: string;
  encoder: string;
  variant: string;
  /** Factory string of the file; row i is document i of the corpus. */
  factory: string;
  indexDir: string;
  onProgress?: (detail: string) => void;
}

/** The corpus has an index by this encoder already. */
export class IndexExistsError extends AppError {
  constructor(directory: string) {
    super(
      "conflict",
      `there is an index of this corpus by this encoder already: ${directory}; delete the folder to adopt another`,
    );
  }
}

/**
 * Takes an index that was made elsewhere as it is: checks that it has a vector for each document, of the encoder's
 * length, and writes a manifest that points to it. Several parts are first written into one file. Nothing can tell that
 * the vectors are of this encoder and these documents: that is the word of whoever adopts it.
 */
export async function adoptIndex({
  files,
  corpusPath,
  encoder: name,
  variant,
  factory,
  indexDir,
  onProgress,
}: AdoptOptions): Promise<{ directory: string; count: number; dim: number; mapped: boolean }> {
  const corpus = await CorpusFile.open(corpusPath, undefined, (done, total) =>
    onProgress?.(`reading the corpus: ${done} of ${total} bytes`),
  );
  const encoder = await Encoder.load(name, variant, { threads: 1 }).catch(
    async (error: unknown) => {
      await corpus.close();
      throw error;
    },
  );
  const thread = startFaissThread();
  try {
    const identity: IndexIdentity = {
      corpusHash: corpus.hash,
      encoderFingerprint: encoder.fingerprint,
      encoder: `${encoder.name} ${encoder.variant}`,
      factory,
    };
    const key = computeIndexKey(identity);
    if (await hasIndex(indexDir, key)) throw new IndexExistsError(join(indexDir, key));
    const parts = await findIndexFiles(files);
    const temporary = join(indexDir, `${key}.adopting`);
    const file = parts.length === 1 ? parts[0]! : join(temporary, JOINED_FILE);
    // What an interrupted adoption has joined is gone on with; of one file there is nothing to go on with.
    if (parts.length === 1) await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    try {
      if (parts.length > 1) await joinIndexFiles(parts, file, onProgress);
      const { count, dim, mapped } = await thread.call("load", {
        path: file,
        flat: factory === "Flat",
        parameters: {},
        madeElsewhere: true,
      });
      if (count !== corpus.size)
        throw new AppError(
          "conflict",
          `the index has ${count} vectors, the corpus ${corpus.size} documents: it belongs to another corpus`,
        );
      if (dim !== encoder.dim)
        throw new AppError(
          "conflict",
          `the index has vectors of length ${dim}, the encoder ${encoder.name} gives ${encoder.dim}: it was made by another encoder`,
        );
      await writeIndexManifest(temporary, {
        version: 2,
        ...identity,
        count,
        dim,
        file: parts.length === 1 ? file : JOINED_FILE,
        bytes: (await stat(file)).size,
      });
      await rename(temporary, join(indexDir, key));
      return { directory: join(indexDir, key), count, dim, mapped };
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  } finally {
    await Promise.all([thread.terminate(), encoder.close(), corpus.close()]);
  }
}
