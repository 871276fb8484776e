import { parentPort } from "node:worker_threads";
import { AppError } from "@/contracts/errors";
import { serveThread } from "@/gpu-workers/runtime/thread";
import type { Analysis } from "./analyser";
import { BlockBuilder, type BlockLimits, findCompleteBlocks } from "./index-block";
import { findCandidates } from "./boolean-candidates";
import type { Bm25Counts, Bm25Manifest } from "./index-format";
import { BlockMerger } from "./block-merger";
import { type IndexMemory, PostingsFile } from "./postings-file";
import type { Formula } from "./parse-query";
import { type Bm25Constants, Bm25Searcher, type Ranking } from "./bm25-searcher";

/** A query as the index takes it (parse-query.ts). */
export interface IndexQuery {
  terms: Map<string, number>;
  formula: Formula | null;
}

/** A BM25 index in a thread of its own: building and searching compute, and the event loop must stay free. */
export type Bm25Operations = {
  /** Starts or takes up a build whose blocks are kept in `folder`; answers how many documents they hold already. */
  build: {
    request: { folder: string; limits: BlockLimits; analysis: Analysis };
    response: { documents: number };
  };
  /** The texts of the next documents. */
  add: { request: { texts: string[] }; response: null };
  /** Starts to merge all blocks into an index in `directory`. */
  merge: { request: { directory: string; stamp: Uint8Array }; response: null };
  /** Goes on merging; null while there is more to do. */
  mergeStep: { request: null; response: Bm25Counts | null };
  open: {
    request: { directory: string; manifest: Bm25Manifest; memoryBytes?: number };
    /** `memory`: for the caller to search too (`PostingsFile.attach`). */
    response: { bytes: number; memory: IndexMemory | null };
  };
  search: {
    request: { queries: IndexQuery[]; k: number; constants: Bm25Constants };
    response: Ranking[];
  };
};

let build: (Bm25Operations["build"]["request"] & { block: BlockBuilder; next: number }) | null =
  null;
let merge: BlockMerger | null = null;
let opened: { file: PostingsFile; searcher: Bm25Searcher } | null = null;

function requireStarted<T>(value: T | null, what: string): T {
  if (value === null) throw new AppError("internal", `the BM25 thread has no ${what}`);
  return value;
}

function writeBlock(): void {
  const current = requireStarted(build, "build");
  if (current.block.rows === 0) return;
  current.block.write(current.folder);
  current.block = new BlockBuilder(current.next, current.limits, current.analysis);
}

function addTexts(texts: readonly string[]): void {
  const current = requireStarted(build, "build");
  for (const text of texts) {
    current.block.add(text);
    current.next += 1;
    if (current.block.full) writeBlock();
  }
}

function searchIndex({ terms, formula }: IndexQuery, k: number, constants: Bm25Constants): Ranking {
  const { file, searcher } = requireStarted(opened, "index");
  if (!formula) return searcher.search(terms, k, constants);
  const allowed = findCandidates(formula, file);
  return appendRowsWithoutTerms(
    searcher.search(terms, k, constants, allowed),
    allowed,
    Math.min(k, file.lengths.length),
  );
}

/** Adds documents that satisfy the formula without having a term that counts (`NOT x`): score 0, by row. */
function appendRowsWithoutTerms(ranking: Ranking, allowed: Uint32Array, k: number): Ranking {
  if (ranking.rows.length >= k) return ranking;
  const rows = [...ranking.rows];
  const found = new Set(rows);
  allowed.forEach((bits, w) => {
    for (let rest = bits; rest !== 0 && rows.length < k; rest &= rest - 1) {
      const row = w * 32 + 31 - Math.clz32(rest & -rest);
      if (!found.has(row)) rows.push(row);
    }
  });
  const scores = new Float64Array(rows.length);
  scores.set(ranking.scores);
  return { rows: Uint32Array.from(rows), scores };
}

if (parentPort) {
  serveThread<Bm25Operations>(parentPort, {
    build: (request) => {
      const { rows } = findCompleteBlocks(request.folder);
      const block = new BlockBuilder(rows, request.limits, request.analysis);
      build = { ...request, block, next: rows };
      return { response: { documents: rows } };
    },
    add: ({ texts }) => {
      addTexts(texts);
      return { response: null };
    },
    merge: ({ directory, stamp }) => {
      writeBlock();
      const { folder } = requireStarted(build, "build");
      build = null; // its memory is needed now
      merge = new BlockMerger(findCompleteBlocks(folder).paths, directory, stamp);
      return { response: null };
    },
    mergeStep: () => {
      const counts = requireStarted(merge, "merge").mergeNextTerms();
      if (counts) merge = null;
      return { response: counts };
    },
    open: ({ directory, manifest, memoryBytes }) => {
      const file = PostingsFile.open(directory, manifest, memoryBytes);
      opened = { file, searcher: new Bm25Searcher(file) };
      return { response: { bytes: file.bytes, memory: file.memory } };
    },
    search: ({ queries, k, constants }) => {
      const rankings = queries.map((query) => searchIndex(query, k, constants));
      return {
        response: rankings,
        transfer: rankings.flatMap(({ rows, scores }) => [rows.buffer, scores.buffer]),
      };
    },
  });
}
