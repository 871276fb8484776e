import { open } from "node:fs/promises";
import { createRequire } from "node:module";
import { parentPort } from "node:worker_threads";
import type { IndexFlatIP } from "faiss-node";
import { AppError } from "@/contracts/errors";
import { serveThread } from "./thread";

/** A FAISS index in a thread of its own: the addon is synchronous and takes plain arrays. */
export type IndexOperations = {
  /** An empty flat index whose score is the inner product. */
  create: { request: { dim: number }; response: null };
  /** Adds vectors, row-major [n, dim]; answers how many the index holds now. */
  add: { request: { vectors: Float32Array }; response: { count: number } };
  /** Writes the index and waits until it is on the disk. */
  save: { request: { path: string }; response: { bytes: number } };
  load: { request: { path: string }; response: { count: number; dim: number } };
  /** The k best rows for each query, k <= count: rows and scores [queries, k], unordered among equal scores. */
  search: { request: { queries: Float32Array; k: number }; response: { rows: Float64Array<ArrayBuffer>; scores: Float64Array<ArrayBuffer> } };
};

/**
 * FAISS takes another path (BLAS) from 20 queries on, whose rounding differs in the last bits. Slices below that keep
 * a query's scores the same whatever it is searched together with.
 */
const SEARCH_SLICE = 16;

let index: IndexFlatIP | null = null;

function current(): IndexFlatIP {
  if (!index) throw new AppError("internal", "the index thread holds no index");
  return index;
}

/** The class of the addon; a missing or broken addon gets an error that says how to mend it. */
function flatIndexClass(): typeof IndexFlatIP {
  try {
    return (createRequire(import.meta.url)("faiss-node") as typeof import("faiss-node")).IndexFlatIP;
  } catch (cause) {
    throw new AppError("retriever-unavailable", `the FAISS addon does not load (${String(cause)}); run \`npm start\` to build it, \`npm run doctor\` to see what is missing`, { cause });
  }
}

async function save(path: string): Promise<{ bytes: number }> {
  // Written by us, not by FAISS, whose addon ends the process when a write fails (a full disk).
  const bytes = current().toBuffer();
  const file = await open(path, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOSPC") throw new AppError("storage-full", `the disk is full: ${path} could not be written`, { cause });
    throw cause;
  } finally {
    await file.close();
  }
  return { bytes: bytes.length };
}

function search(queries: Float32Array, k: number): { rows: Float64Array<ArrayBuffer>; scores: Float64Array<ArrayBuffer> } {
  const faiss = current();
  const dim = faiss.getDimension();
  const count = queries.length / dim;
  const rows = new Float64Array(count * k);
  const scores = new Float64Array(count * k);
  for (let start = 0; start < count; start += SEARCH_SLICE) {
    const { labels, distances } = faiss.search(Array.from(queries.subarray(start * dim, (start + SEARCH_SLICE) * dim)), k);
    rows.set(labels, start * k);
    scores.set(distances, start * k);
  }
  return { rows, scores };
}

if (parentPort) {
  serveThread<IndexOperations>(parentPort, {
    create: async ({ dim }) => {
      index = new (flatIndexClass())(dim);
      return { response: null };
    },
    add: async ({ vectors }) => {
      current().add(Array.from(vectors));
      return { response: { count: current().ntotal() } };
    },
    save: async ({ path }) => ({ response: await save(path) }),
    load: async ({ path }) => {
      try {
        index = flatIndexClass().read(path);
      } catch (cause) {
        if (cause instanceof AppError) throw cause;
        throw new AppError("invalid-input", `${path} is not a FAISS index: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
      return { response: { count: index.ntotal(), dim: index.getDimension() } };
    },
    search: async ({ queries, k }) => {
      const found = search(queries, k);
      return { response: found, transfer: [found.rows.buffer, found.scores.buffer] };
    },
  });
}
