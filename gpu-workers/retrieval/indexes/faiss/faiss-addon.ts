import { createRequire } from "node:module";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import { SETUP_DIR } from "@/lib/paths.mjs";

/** Results of a search, [queries, k]: best first, row -1 where there is none. Of L2 indexes the score is negated. */
export interface SearchResult {
  rows: Float64Array<ArrayBuffer>;
  scores: Float32Array<ArrayBuffer>;
}

export type Metric = "inner-product" | "l2";

/** A file of FAISS's IndexFlat, memory-mapped as it is: row i is vector i. */
export interface FlatFile {
  readonly count: number;
  readonly dim: number;
  readonly metric: Metric;
  /** Exact; a query's scores do not depend on what it is searched together with, equal scores are ranked by row. */
  search(queries: Float32Array, k: number): SearchResult;
  vectors(start: number, count: number): Float32Array<ArrayBuffer>;
}

/** Any index of FAISS. */
export interface VectorIndex {
  readonly count: number;
  readonly dim: number;
  readonly isTrained: boolean;
  readonly metric: Metric;
  /** Throws soon after the first number of `stop`, which another thread may set, is no longer 0. */
  train(vectors: Float32Array, stop: Int32Array): void;
  add(vectors: Float32Array): void;
  search(queries: Float32Array, k: number): SearchResult;
  /** Writes the file and waits until it is on the disk. */
  write(path: string): void;
  /** FAISS's ParameterSpace: "nprobe", "efSearch", ... Throws for one that the index does not have. */
  setParameter(name: string, value: number): void;
  /** The first label of a search's results that is no row, or stands for two vectors; null where labels are rows. */
  findForeignLabel(): string | null;
}

/** faiss-node's addon with our extension (the folder addon). Synchronous: for a worker thread. */
export interface FaissAddon {
  /** `preload` reads the whole file at once: for one that fits into memory. */
  FlatFile: new (path: string, preload: boolean) => FlatFile;
  /** By factory string (scored by inner product), or from a file; `mapped` leaves inverted lists on the disk. */
  VectorIndex: (new (dim: number, factory: string) => VectorIndex) &
    (new (path: string, mapped: boolean) => VectorIndex);
}

const ADDON = join(SETUP_DIR, "faiss", "faiss.node");
let addon: FaissAddon | null = null;

/** The addon; a missing or broken one gets an error that says how to mend it. */
export function loadFaissAddon(): FaissAddon {
  try {
    return (addon ??= createRequire(import.meta.url)(ADDON) as FaissAddon);
  } catch (cause) {
    throw new AppError(
      "retriever-unavailable",
      `the FAISS addon does not load (${String(cause)}); run \`npm start\` to build it, \`npm run doctor\` to see what is missing`,
      { cause },
    );
  }
}
