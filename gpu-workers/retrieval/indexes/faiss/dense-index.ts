import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import { readFileSize } from "@/lib/files";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { compareRankedRows, type RankedRow } from "@/gpu-workers/retrieval/indexes/ranked-row";
import type { IndexOperations } from "./faiss-thread";
import { RestartingThread, ThreadClient } from "@/gpu-workers/runtime/thread";

/** Written beside an index, so that it never meets another corpus or encoder. */
export const indexManifestSchema = z.strictObject({
  version: z.literal(2),
  /** FAISS factory string. */
  factory: z.string(),
  corpusHash: z.string(),
  encoderFingerprint: z.string(),
  /** For people: the encoder's name and variant. */
  encoder: z.string(),
  count: z.int().nonnegative(),
  dim: z.int().positive(),
  /** The index file: beside the manifest, or, of one that was adopted, wherever it lies. */
  file: z.string(),
  bytes: z.int().nonnegative(),
});
export type IndexManifest = z.infer<typeof indexManifestSchema>;

/** What an index must be of; the rest of the manifest follows from it. */
export type IndexIdentity = Pick<
  IndexManifest,
  "corpusHash" | "encoderFingerprint" | "encoder" | "factory"
>;

/** Identity of the index of a corpus by an encoder and a FAISS factory string. */
export function buildIndexIdentity(
  {
    corpus,
    encoder,
  }: {
    corpus: { hash: string };
    encoder: { name: string; variant: string; fingerprint: string };
  },
  factory: string,
): IndexIdentity {
  return {
    corpusHash: corpus.hash,
    encoderFingerprint: encoder.fingerprint,
    encoder: `${encoder.name} ${encoder.variant}`,
    factory,
  };
}

/** Key of a dense index: the name of its folder, and part of every cache key of its rankings. */
export function computeIndexKey({
  corpusHash,
  encoderFingerprint,
  factory,
}: IndexIdentity): string {
  return createHash("sha256")
    .update(JSON.stringify([factory, 2, corpusHash, encoderFingerprint]))
    .digest("hex")
    .slice(0, 32);
}

const MANIFEST = "manifest.json";
/** Name of the file of an index that was built here. */
export const INDEX_FILE = "vectors.faiss";

/** Search over vectors; row i is document i of the corpus. */
export class DenseIndex {
  private constructor(
    private readonly thread: RestartingThread<IndexOperations, "load">,
    readonly dim: number,
    /** Vectors that it holds. */
    readonly size: number,
  ) {}

  /**
   * Loads a saved index; `parameters` are those of core/memory/index-plan.ts. Throws `not-found` where there is none,
   * `conflict` where it belongs to another corpus or encoder, `invalid-input` where its files are damaged, `unsupported`
   * where its labels are not rows.
   */
  static async load(
    directory: string,
    expected: IndexIdentity,
    parameters: Record<string, number> = {},
  ): Promise<DenseIndex> {
    const manifest = await readIndexManifest(directory);
    if (manifest.corpusHash !== expected.corpusHash) {
      throw new AppError(
        "conflict",
        `the index in ${directory} belongs to another corpus (content ${manifest.corpusHash.slice(0, 12)}, wanted ${expected.corpusHash.slice(0, 12)}); build an index of this one`,
      );
    }
    if (manifest.encoderFingerprint !== expected.encoderFingerprint) {
      throw new AppError(
        "conflict",
        `the index in ${directory} was made by another encoder (${manifest.encoder}, wanted ${expected.encoder}); build an index with this one`,
      );
    }
    if (manifest.factory !== expected.factory)
      throw new AppError(
        "conflict",
        `the index in ${directory} is of the kind ${manifest.factory}, not ${expected.factory}`,
      );
    const path = resolve(directory, manifest.file);
    const bytes = await readFileSize(path);
    if (bytes !== manifest.bytes)
      throw createDamagedIndexError(
        directory,
        `its vector file has ${bytes} bytes instead of ${manifest.bytes}`,
      );
    const thread = new RestartingThread(startFaissThread, {
      operation: "load",
      request: {
        path,
        flat: manifest.factory === "Flat",
        parameters,
        madeElsewhere: manifest.file !== INDEX_FILE,
      },
    });
    const { count, dim } = await thread.open();
    if (count !== manifest.count || dim !== manifest.dim) {
      await thread.terminate();
      throw createDamagedIndexError(
        directory,
        `it holds ${count} vectors of length ${dim} instead of ${manifest.count} of ${manifest.dim}`,
      );
    }
    return new DenseIndex(thread, dim, count);
  }

  /**
   * The k best rows for each query (vectors row-major [n, dim]): highest score first, equal scores by row; fewer where
   * the index holds, or an approximate one finds, fewer.
   */
  async search(queries: Float32Array, k: number): Promise<RankedRow[][]> {
    const total = queries.length / this.dim;
    if (!Number.isInteger(total))
      throw new AppError(
        "internal",
        `${queries.length} numbers are no vectors of length ${this.dim}`,
      );
    const wanted = Math.min(k, this.size);
    if (wanted <= 0) return Array.from({ length: total }, () => []);
    const { rows, scores } = await this.thread.call("search", { queries, k: wanted });
    return Array.from({ length: total }, (_, q) => {
      const ranked: RankedRow[] = [];
      let inOrder = true; // as a flat index gives them: sorting thousands of such lists would take as long as a small search
      for (let i = q * wanted; i < (q + 1) * wanted; i++) {
        const row = rows[i] ?? -1;
        if (row < 0) continue;
        const hit = { row, score: scores[i] ?? 0 };
        inOrder &&= ranked.length === 0 || compareRankedRows(ranked[ranked.length - 1]!, hit) < 0;
        ranked.push(hit);
      }
      return inOrder ? ranked : ranked.sort(compareRankedRows);
    });
  }

  async close(): Promise<void> {
    await this.thread.terminate();
  }
}

/** Writes the manifest that makes an index file one: last, and waits until it is on the disk. */
export async function writeIndexManifest(
  directory: string,
  manifest: IndexManifest,
): Promise<void> {
  await writeFile(join(directory, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
    flush: true,
  });
}

/** @throws AppError `not-found`, or `invalid-input` where it is damaged. */
export async function readIndexManifest(directory: string): Promise<IndexManifest> {
  let text: string;
  try {
    text = await readFile(join(directory, MANIFEST), "utf8");
  } catch (cause) {
    throw new AppError("not-found", `there is no index in ${directory}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw createDamagedIndexError(directory, "its manifest is not JSON", cause);
  }
  return parseOrThrow(indexManifestSchema, value, `the index manifest in ${directory}`);
}

function createDamagedIndexError(directory: string, reason: string, cause?: unknown): AppError {
  return new AppError(
    "invalid-input",
    `the index in ${directory} is damaged: ${reason}; delete the folder to have it built again`,
    { cause },
  );
}

export function startFaissThread(): ThreadClient<IndexOperations> {
  return new ThreadClient<IndexOperations>(
    new URL("./faiss-thread.ts", import.meta.url),
    "index thread",
    null,
  );
}
