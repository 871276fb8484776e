import { freemem } from "node:os";
import { stat } from "node:fs/promises";
import { parentPort } from "node:worker_threads";
import { AppError, toWireError } from "@/contracts/errors";
import { getMemoryLimit } from "@/gpu-workers/runtime/machine";
import {
  type FlatFile,
  type SearchResult,
  type Metric,
  type VectorIndex,
  loadFaissAddon,
} from "./faiss-addon";
import { serveThread, getStopFlag } from "@/gpu-workers/runtime/thread";

/** An index in a thread of its own: the addon is synchronous. */
export type IndexOperations = {
  /**
   * Opens an index file: `flat` ones are mapped, others read, or mapped too where they exceed their share of memory (by
   * default what this process may use). One that was made elsewhere is refused where its labels are not the rows.
   */
  load: {
    request: {
      path: string;
      flat: boolean;
      parameters: Record<string, number>;
      madeElsewhere?: boolean;
      memoryBytes?: number;
    };
    response: { count: number; dim: number; metric: Metric; mapped: boolean };
  };
  /** Whether FAISS knows the kind of index: asked before hours of encoding. */
  check: { request: { dim: number; factory: string }; response: null };
  /** Makes an index of any kind from the vectors of a flat file: `train`, then `fill` slice by slice, then `write`. */
  train: {
    request: { source: string; factory: string; sample: number };
    response: { count: number };
  };
  fill: { request: { start: number; count: number }; response: { count: number } };
  write: { request: { path: string }; response: { bytes: number } };
  /** The k best rows for each query: rows and scores [queries, k], row -1 where there is none. */
  search: { request: { queries: Float32Array; k: number }; response: SearchResult };
};

/** A file that takes more of the memory is left on the disk and read where it is searched. */
const MAPPED_MEMORY_SHARE = 0.4;

let index: FlatFile | VectorIndex | null = null;
let source: FlatFile | null = null;

function requireIndex(): FlatFile | VectorIndex {
  if (!index) throw new AppError("internal", "the index thread holds no index");
  return index;
}

function requireTrainableIndex(): VectorIndex {
  const open = requireIndex();
  if (!("train" in open)) throw new AppError("internal", "the index thread builds no index");
  return open;
}

async function loadIndex({
  path,
  flat,
  parameters,
  madeElsewhere = false,
  memoryBytes = getMemoryLimit(),
}: IndexOperations["load"]["request"]): Promise<IndexOperations["load"]["response"]> {
  const { FlatFile, VectorIndex } = loadFaissAddon();
  const { size } = await stat(path);
  const mapped = flat || size > memoryBytes * MAPPED_MEMORY_SHARE;
  try {
    if (flat) {
      index = new FlatFile(path, size < Math.min(freemem(), memoryBytes) / 2); // in a container, too, freemem is the machine's
    } else {
      const opened = new VectorIndex(path, mapped);
      for (const [name, value] of Object.entries(parameters)) opened.setParameter(name, value);
      if (madeElsewhere) requireRowLabels(opened, path);
      index = opened;
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError(
      "invalid-input",
      `${path} is not a FAISS index that can be read: ${describeFaissError(cause)}`,
      { cause },
    );
  }
  return { count: index.count, dim: index.dim, metric: index.metric, mapped };
}

/** @throws AppError `unsupported`: with other labels a search would give other documents */
function requireRowLabels(opened: VectorIndex, path: string): void {
  const label = opened.findForeignLabel();
  if (label === null) return;
  throw new AppError(
    "unsupported",
    `${path} gives its vectors ids of its own (${label}, for example), which are not the rows 0 to ${opened.count - 1} of the corpus: other documents would be found. Build it with \`add\` in the order of the corpus, or with \`add_with_ids\` and the row numbers`,
  );
}

function createIndex(dim: number, factory: string): VectorIndex {
  const { VectorIndex } = loadFaissAddon();
  try {
    return new VectorIndex(dim, factory);
  } catch (cause) {
    throw new AppError(
      "invalid-input",
      `FAISS knows no index "${factory}" for vectors of length ${dim}: ${describeFaissError(cause)}`,
      { cause },
    );
  }
}

/** Learns from vectors spread evenly over the file; deterministic. */
function trainIndex(path: string, factory: string, sample: number): { count: number } {
  source = new (loadFaissAddon().FlatFile)(path, false);
  const built = createIndex(source.dim, factory);
  if (!built.isTrained) {
    const wanted = Math.min(sample, source.count);
    const vectors = new Float32Array(wanted * source.dim);
    for (let i = 0; i < wanted; i++)
      vectors.set(source.vectors(Math.floor((i * source.count) / wanted), 1), i * source.dim);
    try {
      built.train(vectors, getStopFlag());
    } catch (cause) {
      throw new AppError(
        "invalid-input",
        `the index "${factory}" cannot learn from ${wanted} passages: ${describeFaissError(cause)}; choose one with fewer lists, or \`Flat\``,
        { cause },
      );
    }
  }
  index = built;
  return { count: source.count };
}

async function writeIndex(path: string): Promise<{ bytes: number }> {
  try {
    requireTrainableIndex().write(path);
  } catch (cause) {
    const { message } = toWireError(cause);
    if (message.includes("No space left"))
      throw new AppError("storage-full", `the disk is full: ${path} could not be written`, {
        cause,
      });
    throw new AppError("internal", message, { cause });
  }
  return { bytes: (await stat(path)).size };
}

/** FAISS's messages begin with the place in its source. */
function describeFaissError(cause: unknown): string {
  return toWireError(cause)
    .message.replace(/^Error in .*?: (?=\S)/, "")
    .replace(/^.*\.cpp:\d+: /, "");
}

if (parentPort) {
  serveThread<IndexOperations>(parentPort, {
    load: async (request) => ({ response: await loadIndex(request) }),
    check: ({ dim, factory }) => {
      createIndex(dim, factory);
      return { response: null };
    },
    train: ({ source: path, factory, sample }) => ({
      response: trainIndex(path, factory, sample),
    }),
    fill: ({ start, count }) => {
      if (!source) throw new AppError("internal", "the index thread has no vectors");
      requireTrainableIndex().add(source.vectors(start, count));
      return { response: { count: requireTrainableIndex().count } };
    },
    write: async ({ path }) => ({ response: await writeIndex(path) }),
    search: ({ queries, k }) => {
      const found = requireIndex().search(queries, k);
      return { response: found, transfer: [found.rows.buffer, found.scores.buffer] };
    },
  });
}
