import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import type { IndexOperations } from "./index-thread";
import { ThreadClient } from "./thread";

/** Written beside an index, so that it never meets another corpus or encoder. */
export const indexManifest = z.strictObject({
  version: z.literal(1),
  /** How the vectors are searched. Other kinds (IVF, HNSW, BM25) get their own literal. */
  kind: z.literal("flat-ip"),
  corpusHash: z.string(),
  encoderFingerprint: z.string(),
  /** For people: the encoder's name and variant. */
  encoder: z.string(),
  count: z.int().nonnegative(),
  dim: z.int().positive(),
  /** Size of the vector file. */
  bytes: z.int().nonnegative(),
});
export type IndexManifest = z.infer<typeof indexManifest>;

/** What an index must be of; the rest of the manifest follows from it. */
export type IndexIdentity = Pick<IndexManifest, "corpusHash" | "encoderFingerprint" | "encoder">;

export interface RankedRow {
  row: number;
  score: number;
}

const MANIFEST = "manifest.json";
const VECTORS = "vectors.faiss";

/** Exact inner-product search over vectors; row i is document i of the corpus. */
export class DenseIndex {
  private constructor(
    private readonly thread: ThreadClient<IndexOperations>,
    readonly dim: number,
    private count: number,
  ) {}

  static async create(dim: number): Promise<DenseIndex> {
    const thread = startThread();
    return withThread(thread, async () => {
      await thread.call("create", { dim });
      return new DenseIndex(thread, dim, 0);
    });
  }

  /**
   * Loads a saved index. Throws `not-found` where there is none, `conflict` where it belongs to another corpus or
   * encoder, `invalid-input` where its files are damaged.
   */
  static async load(directory: string, expected: IndexIdentity): Promise<DenseIndex> {
    const manifest = await readManifest(directory);
    if (manifest.corpusHash !== expected.corpusHash) {
      throw new AppError("conflict", `the index in ${directory} belongs to another corpus (content ${manifest.corpusHash.slice(0, 12)}, wanted ${expected.corpusHash.slice(0, 12)}); build an index of this one`);
    }
    if (manifest.encoderFingerprint !== expected.encoderFingerprint) {
      throw new AppError("conflict", `the index in ${directory} was made by another encoder (${manifest.encoder}, wanted ${expected.encoder}); build an index with this one`);
    }
    const path = join(directory, VECTORS);
    const bytes = await stat(path).then((entry) => entry.size, () => 0);
    if (bytes !== manifest.bytes) throw damaged(directory, `its vector file has ${bytes} bytes instead of ${manifest.bytes}`);
    const thread = startThread();
    return withThread(thread, async () => {
      const { count, dim } = await thread.call("load", { path });
      if (count !== manifest.count || dim !== manifest.dim) {
        throw damaged(directory, `it holds ${count} vectors of length ${dim} instead of ${manifest.count} of ${manifest.dim}`);
      }
      return new DenseIndex(thread, dim, count);
    });
  }

  get size(): number {
    return this.count;
  }

  /** Adds vectors, row-major [n, dim], after those already there. Takes the array over: it is empty afterwards. */
  async add(vectors: Float32Array): Promise<void> {
    if (vectors.length === 0) return;
    if (vectors.length % this.dim !== 0) throw new AppError("internal", `${vectors.length} numbers are no vectors of length ${this.dim}`);
    const { count } = await this.thread.call("add", { vectors }, vectors.buffer instanceof ArrayBuffer ? [vectors.buffer] : []);
    this.count = count;
  }

  /** Writes vectors, then the manifest, into an existing folder. Throws `storage-full` where the disk is. */
  async save(directory: string, identity: IndexIdentity): Promise<void> {
    const path = join(directory, VECTORS);
    const { bytes } = await this.thread.call("save", { path });
    const { corpusHash, encoderFingerprint, encoder } = identity;
    const manifest: IndexManifest = { version: 1, kind: "flat-ip", corpusHash, encoderFingerprint, encoder, count: this.count, dim: this.dim, bytes };
    await writeFile(join(directory, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
  }

  /**
   * The k best rows for each query (vectors row-major [n, dim]): highest score first, equal scores by row; fewer where
   * the index holds fewer.
   */
  async search(queries: Float32Array, k: number): Promise<RankedRow[][]> {
    const total = queries.length / this.dim;
    if (!Number.isInteger(total)) throw new AppError("internal", `${queries.length} numbers are no vectors of length ${this.dim}`);
    const wanted = Math.min(k, this.count);
    if (wanted <= 0) return Array.from({ length: total }, () => []);
    // FAISS takes any of the documents whose score equals the k-th; look further until none is left outside.
    let results = await this.searchOnce(queries, Math.min(wanted + 1, this.count));
    for (let reach = wanted + 1; reach < this.count && results.some((ranked) => tiedAtEnd(ranked, wanted)); ) {
      reach = Math.min(reach * 4, this.count);
      results = await this.searchOnce(queries, reach);
    }
    return results.map((ranked) => ranked.slice(0, wanted));
  }

  async close(): Promise<void> {
    await this.thread.terminate();
  }

  private async searchOnce(queries: Float32Array, k: number): Promise<RankedRow[][]> {
    const { rows, scores } = await this.thread.call("search", { queries, k });
    return Array.from({ length: queries.length / this.dim }, (_, q) => {
      const ranked: RankedRow[] = [];
      for (let i = q * k; i < (q + 1) * k; i++) ranked.push({ row: rows[i] ?? 0, score: scores[i] ?? 0 });
      return ranked.sort((a, b) => b.score - a.score || a.row - b.row);
    });
  }
}

/** True where the document after the k-th has the k-th's score, and so has the last one that was looked at. */
function tiedAtEnd(ranked: readonly RankedRow[], k: number): boolean {
  return ranked[k - 1]?.score === ranked.at(-1)?.score;
}

async function readManifest(directory: string): Promise<IndexManifest> {
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
    throw damaged(directory, "its manifest is not JSON", cause);
  }
  return parseOrThrow(indexManifest, value, `the index manifest in ${directory}`);
}

function damaged(directory: string, reason: string, cause?: unknown): AppError {
  return new AppError("invalid-input", `the index in ${directory} is damaged: ${reason}; delete the folder to have it built again`, { cause });
}

function startThread(): ThreadClient<IndexOperations> {
  return new ThreadClient<IndexOperations>(new URL("./index-thread.ts", import.meta.url), "index thread", null);
}

async function withThread<T>(thread: ThreadClient<IndexOperations>, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await thread.terminate();
    throw error;
  }
}
