import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { discardIndex, ensureIndex, hasIndex } from "@/gpu-workers/retrieval/indexes/index-store";
import { RestartingThread, ThreadClient } from "@/gpu-workers/runtime/thread";
import { type Analysis, ANALYSES, ANALYSIS } from "./analyser";
import { BLOCK_LIMITS, type BlockLimits } from "./index-block";
import { type Bm25Manifest, MANIFEST, STAMP_BYTES, bm25ManifestSchema } from "./index-format";
import type { RankedRow } from "@/gpu-workers/retrieval/indexes/ranked-row";
import type { ParsedQuery } from "./parse-query";
import { type Bm25Constants, Bm25Searcher, type Ranking } from "./bm25-searcher";
import type { Bm25Operations } from "./bm25-thread";
import { PostingsFile } from "./postings-file";
import { chunk } from "@/lib/chunk";
import { markMessage } from "@/core/texts/mark-message";

/** The documents an index is built of. */
export interface IndexedTexts {
  /** Hash of the contents: another corpus is another index. */
  hash: string;
  size: number;
  /** Texts in order, from a row on. */
  scan(from: number): AsyncIterable<string>;
}

export interface Bm25BuildProgress {
  phase: "waiting" | "adding" | "saving" | "loading";
  done: number;
  total: number;
  detail: string;
}

export interface OpenBm25Options {
  /** Where indexes are kept. */
  root: string;
  signal?: AbortSignal;
  onProgress?: (progress: Bm25BuildProgress) => void;
  /** By default the newest. */
  analysis?: Analysis;
  limits?: BlockLimits;
  /** Postings up to this size are kept in memory as a whole. */
  memoryBytes?: number;
}

/** Documents that are read and handed to the thread at once. */
const SLICE = 512;

/** Queries the thread takes at once: small enough that another caller's come soon. */
const SEARCH_SLICE = 64;

/**
 * A single query with at most so many postings is searched at once by the caller: that takes about a millisecond, and
 * the way to the thread and back as long as a small search.
 */
const DIRECT_POSTINGS = 400_000;

/** Name of the BM25 index of a corpus: its folder, and part of every cache key. The constants are no part of it. */
export function computeBm25Key(corpusHash: string, analysis = ANALYSIS): string {
  return createHash("sha256")
    .update(JSON.stringify(["bm25", 1, analysis, corpusHash]))
    .digest("hex")
    .slice(0, 32);
}

/** The analysis of the newest index of a corpus that is there; the newest of all where there is none. */
export async function findBm25Analysis(root: string, corpusHash: string): Promise<Analysis> {
  for (const analysis of ANALYSES)
    if (await hasIndex(root, computeBm25Key(corpusHash, analysis))) return analysis;
  return ANALYSIS;
}

/** A BM25 index: row i is document i of its corpus. The constants are given with each search. */
export class Bm25Index {
  private constructor(
    private readonly thread: RestartingThread<Bm25Operations, "open">,
    readonly manifest: Bm25Manifest,
    /** Bytes of the index in memory. */
    readonly bytes: number,
    /** The same memory, read by the caller; null where it is not all there, or the index was closed. */
    private direct: { file: PostingsFile; searcher: Bm25Searcher } | null,
  ) {}

  /**
   * Opens the index of a corpus. Where there is none it is built first, by one process at a time, in blocks: a build
   * that was killed or cancelled goes on after its last complete block. A damaged index is said so and built again.
   */
  static async ensure(corpus: IndexedTexts, options: OpenBm25Options): Promise<Bm25Index> {
    const { root, signal, onProgress, analysis = ANALYSIS } = options;
    const key = computeBm25Key(corpus.hash, analysis);
    const open = async (): Promise<Bm25Index> => {
      const directory = await ensureIndex(
        root,
        key,
        (folder) => buildIndex(folder, corpus, options),
        {
          signal,
          onWaiting: () =>
            onProgress?.({
              phase: "waiting",
              done: 0,
              total: 0,
              detail: markMessage`another process is building this index`,
            }),
        },
      );
      onProgress?.({ phase: "loading", done: 0, total: 1, detail: markMessage`loading the index` });
      return Bm25Index.load(directory, corpus.hash, { ...options, analysis });
    };
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof AppError && error.code === "invalid-input")) throw error;
      onProgress?.({
        phase: "loading",
        done: 0,
        total: 1,
        detail: `${markMessage`building again`}: ${error.message}`,
      });
      await discardIndex(root, key);
      return open();
    }
  }

  /**
   * Loads a saved index. Throws `conflict` where it belongs to another corpus or analysis, `invalid-input` where its
   * files are damaged or missing.
   */
  static async load(
    directory: string,
    corpusHash: string,
    { analysis = ANALYSIS, memoryBytes }: Pick<OpenBm25Options, "analysis" | "memoryBytes"> = {},
  ): Promise<Bm25Index> {
    const manifest = await readManifest(directory);
    if (manifest.corpusHash !== corpusHash) {
      throw new AppError(
        "conflict",
        `the index in ${directory} belongs to another corpus (content ${manifest.corpusHash.slice(0, 12)}, wanted ${corpusHash.slice(0, 12)}); build an index of this one`,
      );
    }
    if (manifest.analysis !== analysis)
      throw new AppError(
        "conflict",
        `the index in ${directory} was made with another analysis (${manifest.analysis}, wanted ${analysis}); build it again`,
      );
    const thread = new RestartingThread(startBm25Thread, {
      operation: "open",
      request: { directory, manifest, memoryBytes },
    });
    const { bytes, memory } = await thread.open();
    const file = memory && PostingsFile.attach(memory);
    const direct = file && { file, searcher: new Bm25Searcher(file) };
    return new Bm25Index(thread, manifest, bytes, direct);
  }

  get size(): number {
    return this.manifest.documents;
  }

  /**
   * For each query the k best rows, highest score first, equal scores by row; only documents that have one of its terms
   * or, with a formula, that may satisfy it (phrases are the caller's to verify). Throws `cancelled`.
   */
  async search(
    queries: readonly ParsedQuery[],
    k: number,
    constants: Bm25Constants,
    signal?: AbortSignal,
  ): Promise<RankedRow[][]> {
    const [first] = queries;
    if (this.direct && first && queries.length === 1 && this.isSmall(first, this.direct.file)) {
      if (signal?.aborted) throw new AppError("cancelled", "the search was cancelled");
      return [toRankedRows(this.direct.searcher.search(first.terms, k, constants))];
    }
    const results: RankedRow[][] = [];
    for (const part of chunk(queries, SEARCH_SLICE)) {
      if (signal?.aborted) throw new AppError("cancelled", "the search was cancelled");
      const rankings = await this.thread.call("search", {
        queries: part,
        k,
        constants,
      });
      results.push(...rankings.map(toRankedRows));
    }
    return results;
  }

  async close(): Promise<void> {
    this.direct = null;
    await this.thread.terminate();
  }

  private isSmall({ terms, formula }: ParsedQuery, file: PostingsFile): boolean {
    if (formula !== null) return false;
    let postings = 0;
    for (const term of terms.keys()) postings += file.countDocuments(term);
    return postings <= DIRECT_POSTINGS;
  }
}

const toRankedRows = ({ rows, scores }: Ranking): RankedRow[] =>
  Array.from(rows, (row, i) => ({ row, score: scores[i] ?? 0 }));

/** Fills the folder of an index; blocks that a builder before has left there are taken up. */
async function buildIndex(
  directory: string,
  corpus: IndexedTexts,
  { signal, onProgress, analysis = ANALYSIS, limits = BLOCK_LIMITS }: OpenBm25Options,
): Promise<void> {
  const blocks = join(directory, "blocks");
  await mkdir(blocks, { recursive: true });
  const thread = startBm25Thread();
  try {
    const stop = (): void => {
      if (signal?.aborted)
        throw new AppError("cancelled", "building the index was cancelled; what is done is kept");
    };
    const { documents } = await thread.call("build", { folder: blocks, limits, analysis });
    const report = (done: number): void =>
      onProgress?.({
        phase: "adding",
        done,
        total: corpus.size,
        detail: markMessage`indexing documents`,
      });
    report(documents);
    let adding: Promise<unknown> = Promise.resolve();
    let texts: string[] = [];
    let done = documents;
    const add = async (): Promise<void> => {
      await adding; // the next are read while these are added
      stop();
      report(done);
      done += texts.length;
      adding = thread.call("add", { texts });
      adding.catch(() => undefined); // awaited before the next
      texts = [];
    };
    for await (const text of corpus.scan(documents)) {
      texts.push(text);
      if (texts.length === SLICE) await add();
    }
    await add();
    await adding;
    stop();
    onProgress?.({
      phase: "saving",
      done: 0,
      total: 1,
      detail: markMessage`merging the parts of the index`,
    });
    const stamp = randomBytes(STAMP_BYTES);
    await thread.call("merge", { directory, stamp });
    let counts = await thread.call("mergeStep", null);
    for (; !counts; counts = await thread.call("mergeStep", null)) stop();
    const manifest: Bm25Manifest = {
      version: 1,
      kind: "bm25",
      analysis,
      corpusHash: corpus.hash,
      stamp: stamp.toString("hex"),
      ...counts,
    };
    await writeFile(join(directory, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
      flush: true,
    });
    await rm(blocks, { recursive: true, force: true });
  } finally {
    await thread.terminate();
  }
}

async function readManifest(directory: string): Promise<Bm25Manifest> {
  let text: string;
  try {
    text = await readFile(join(directory, MANIFEST), "utf8");
  } catch (cause) {
    throw new AppError(
      "invalid-input",
      `the index in ${directory} is damaged: it has no manifest`,
      { cause },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError(
      "invalid-input",
      `the index in ${directory} is damaged: its manifest is not JSON`,
      { cause },
    );
  }
  return parseOrThrow(bm25ManifestSchema, value, `the index manifest in ${directory}`);
}

function startBm25Thread(): ThreadClient<Bm25Operations> {
  return new ThreadClient<Bm25Operations>(
    new URL("./bm25-thread.ts", import.meta.url),
    "BM25 thread",
    null,
  );
}
