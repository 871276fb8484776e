/**
 * Chooses the index of a corpus and estimates its cost. Pure, so that the form, the command line and the worker agree.
 * Sizes in bytes, times in seconds.
 */

import { markMessage } from "@/core/texts/mark-message";

export interface IndexSpec {
  /** A FAISS factory string, or "auto". */
  index: string;
  /** Passages. */
  count: number;
  /** Length of a vector. */
  dim: number;
  /** Memory of the worker. */
  memoryBytes: number;
  /** Passages encoded a second, where it is known. */
  passagesPerSecond?: number;
}

export interface IndexPlan {
  /** Never "auto". */
  factory: string;
  /** Why, for people. */
  reason: string;
  /** Size of the index file. */
  fileBytes: number;
  /** Memory that searching takes; a flat file stays on the disk and only uses what memory is free. */
  searchBytes: number;
  /** Memory that building takes in addition to the encoder. */
  buildBytes: number;
  /** Disk that building takes: the vectors are kept until the index is complete. */
  diskBytes: number;
  /** Vectors that the index learns from; 0: it learns nothing. */
  trainingVectors: number;
  /** Encoding all passages; null where the speed is not known. */
  encodeSeconds: number | null;
}

/** Share of the memory that `auto` gives to an index: the encoder, the engine and the page cache need the rest. */
const MEMORY_SHARE = 0.5;
/** Beyond this an exact search of one query takes longer than a second on a few cores. */
const FLAT_LIMIT = 5_000_000;
/** FAISS's k-means wants at least 39 vectors a centroid and uses at most 256. */
const VECTORS_PER_CENTROID = 64;
const MIN_VECTORS_PER_CENTROID = 39;

/** Chooses an index (`auto`) and estimates its cost. A given factory string is not checked: FAISS does when it builds the index. */
export function planIndex({
  index,
  count,
  dim,
  memoryBytes,
  passagesPerSecond,
}: IndexSpec): IndexPlan {
  const { factory, reason } =
    index === "auto"
      ? chooseIndex(count, dim, memoryBytes)
      : { factory: index, reason: markMessage`chosen by hand` };
  const flatBytes = count * dim * 4;
  const fileBytes =
    Math.ceil(count * computeBytesPerVector(factory, dim)) + countLearntBytes(factory, dim);
  const isFlat = factory === "Flat";
  const training = countTrainingVectors(factory, count);
  return {
    factory,
    reason,
    fileBytes,
    searchBytes: isFlat ? Math.min(fileBytes, memoryBytes * MEMORY_SHARE) : fileBytes,
    buildBytes: isFlat ? 0 : fileBytes + training * dim * 4,
    diskBytes: isFlat ? fileBytes : flatBytes + fileBytes,
    trainingVectors: training,
    encodeSeconds: passagesPerSecond === undefined ? null : count / passagesPerSecond,
  };
}

/** Postings of BM25 up to this size are held in memory as a whole (gpu-workers/retrieval/indexes/bm25). */
export const BM25_POSTINGS_IN_MEMORY = 1024 ** 3;
/** Memory of a build, for any corpus: one block and the parts that are merged, measured by `npm run bench retrieval`. */
const BM25_BUILD_BYTES = 320 * 1024 ** 2;

/** The plan of a BM25 index. @param bytesPerPassage of its files, as a sample shows it */
export function planBm25({
  count,
  bytesPerPassage,
  passagesPerSecond,
}: Pick<IndexSpec, "count" | "passagesPerSecond"> & { bytesPerPassage: number }): IndexPlan {
  const fileBytes = Math.ceil(count * bytesPerPassage);
  return {
    factory: "BM25",
    reason:
      fileBytes > BM25_POSTINGS_IN_MEMORY
        ? markMessage`an inverted index; the postings used last are kept in memory`
        : markMessage`an inverted index, held in memory`,
    fileBytes,
    // In addition to the postings, a norm of 4 bytes for each passage.
    searchBytes: Math.min(fileBytes, BM25_POSTINGS_IN_MEMORY) + 4 * count,
    buildBytes: BM25_BUILD_BYTES,
    // The blocks, whose counts are four bytes wide, stay until they are merged.
    diskBytes: Math.ceil(fileBytes * 2.6),
    trainingVectors: 0,
    encodeSeconds: passagesPerSecond === undefined ? null : count / passagesPerSecond,
  };
}

function chooseIndex(
  count: number,
  dim: number,
  memoryBytes: number,
): { factory: string; reason: string } {
  const budget = memoryBytes * MEMORY_SHARE;
  const flatBytes = count * dim * 4;
  const lists = chooseLists(count);
  if (count <= FLAT_LIMIT && flatBytes <= budget) {
    return {
      factory: "Flat",
      reason: markMessage`exact search: ${formatBytes(flatBytes)} of vectors fit into half of the memory (${formatBytes(budget)})`,
    };
  }
  const reason =
    flatBytes > budget
      ? markMessage`${formatBytes(flatBytes)} of vectors do not fit into half of the memory (${formatBytes(budget)})`
      : markMessage`${count} passages are too many to compare with each query`;
  if (flatBytes <= budget)
    return {
      factory: `IVF${lists},Flat`,
      reason: `${reason}: ${markMessage`only some of ${lists} lists are searched`}`,
    };
  if (flatBytes / 4 + lists * dim * 4 <= budget)
    return {
      factory: `IVF${lists},SQ8`,
      reason: `${reason}: ${markMessage`a byte for each number, and only some of ${lists} lists are searched`}`,
    };
  const parts = chooseProductParts(dim);
  return {
    factory: `OPQ${parts},IVF${lists},PQ${parts}`,
    reason: `${reason}: ${markMessage`${parts} bytes for each passage (product quantisation), and only some of ${lists} lists are searched`}`,
  };
}

/** About 4 times the square root, as FAISS's guidelines say, as a power of two with enough vectors to learn from. */
function chooseLists(count: number): number {
  const wanted = 2 ** Math.round(Math.log2(Math.max(1, 4 * Math.sqrt(count))));
  const most = 2 ** Math.floor(Math.log2(Math.max(1, count / MIN_VECTORS_PER_CENTROID)));
  return Math.max(1, Math.min(wanted, most));
}

/** Largest number of parts that divides a vector into 8 or more numbers each. */
function chooseProductParts(dim: number): number {
  for (let parts = Math.floor(dim / 8); parts > 1; parts--) if (dim % parts === 0) return parts;
  return 1;
}

/** Lists of an IVF index; 0 of another. */
function countCentroids(factory: string): number {
  return Number(/(?:^|,)IVF(\d+)/.exec(factory)?.[1] ?? 0);
}

/** Bytes of what an index learns in addition to its vectors: centroids, codebooks, a rotation. */
function countLearntBytes(factory: string, dim: number): number {
  const bits = Number(/(?:^|,)PQ\d+(?:x(\d+))?/.exec(factory)?.[1] ?? 8);
  const codebooks = /(?:^|,)PQ\d/.test(factory) ? 2 ** bits : 0;
  const rotation = /(?:^|,)OPQ\d/.test(factory) ? dim : 0;
  return (countCentroids(factory) + codebooks + rotation) * dim * 4;
}

/** Vectors that the index should learn from: 0 where it learns nothing. */
export function countTrainingVectors(factory: string, count: number): number {
  const lists = countCentroids(factory);
  const learns = lists > 0 || /PQ|OPQ|SQ|PCA|ITQ|LSH|RQ/.test(factory);
  if (!learns) return 0;
  return Math.min(count, Math.max(lists * VECTORS_PER_CENTROID, 256 * VECTORS_PER_CENTROID));
}

/** Bytes that each passage takes in the index file. */
export function computeBytesPerVector(factory: string, dim: number): number {
  const ids = /IVF/.test(factory) ? 8 : 0;
  const links =
    Number(/HNSW(\d+)?/.exec(factory)?.[1] ?? (/HNSW/.test(factory) ? 32 : 0)) * 2 * 4 * 1.1;
  const product = /(?:^|,)PQ(\d+)(?:x(\d+))?/.exec(factory);
  if (product) return (Number(product[1]) * Number(product[2] ?? 8)) / 8 + ids + links;
  if (/SQ8/.test(factory)) return dim + ids + links;
  if (/SQ4/.test(factory)) return dim / 2 + ids + links;
  if (/SQfp16/.test(factory)) return dim * 2 + ids + links;
  return dim * 4 + ids + links;
}

/** The parameters of FAISS's ParameterSpace that a kind of index has at search time. */
export function getSearchParameters(
  factory: string,
  { nprobe, efSearch }: { nprobe: number; efSearch: number },
): Record<string, number> {
  const lists = countCentroids(factory);
  const parameters: Record<string, number> = {};
  if (lists > 0) parameters.nprobe = Math.min(nprobe, lists);
  if (/HNSW/.test(factory)) parameters[lists > 0 ? "quantizer_efSearch" : "efSearch"] = efSearch;
  return parameters;
}

/** Bytes as "12 B", "1.5 KiB", "512 MiB" or "1.4 TiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const digits = (bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1);
  return `${digits.replace(/\.0$/, "")} ${units[power]}`;
}
