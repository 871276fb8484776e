import { type FileHandle, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { planIndex, type IndexPlan } from "@/core/memory/index-plan";
import type { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import {
  INDEX_FILE,
  type IndexIdentity,
  startFaissThread,
  writeIndexManifest,
} from "./dense-index";
import type { Encoder } from "@/gpu-workers/retrieval/encoders/encoder";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import type { RetrieverProgress } from "@/gpu-workers/retrieval/retriever";
import { markMessage } from "@/core/texts/mark-message";

/** Documents encoded and written at once, sorted by length among themselves; an interruption loses so many at most. */
export const BUILD_SLICE = 512;
/** Vectors handed to FAISS at once. */
const FILL_SLICE = 16_384;
const JOURNAL = "journal.json";
/** Bytes of a flat file of FAISS before its vectors. */
const HEADER_BYTES = 45;

const journalSchema = z.strictObject({
  rows: z.int().nonnegative(),
  count: z.int().nonnegative(),
  dim: z.int().positive(),
});

export interface BuildOptions {
  signal?: AbortSignal;
  onProgress: (progress: RetrieverProgress) => void;
}

/**
 * Encodes every document in the order of the corpus into a flat index file, slice by slice: memory does not grow with
 * the corpus. A folder that holds the slices of an interrupted build goes on after the last one that is on the disk;
 * slices begin at the same rows, so the file equals that of an undisturbed build.
 */
export async function buildFlatIndex(
  directory: string,
  corpus: CorpusFile,
  encoder: Encoder,
  identity: IndexIdentity,
  { signal, onProgress }: BuildOptions,
): Promise<void> {
  const { dim } = encoder;
  const first = await readFinishedRows(directory, corpus.size, dim);
  const file = await open(join(directory, INDEX_FILE), first > 0 ? "r+" : "w");
  try {
    if (first === 0) await writeAll(file, buildFlatHeader(dim, corpus.size), 0);
    else await file.truncate(computeOffset(first, dim));
    const pace = new Pace();
    for (let start = first; start < corpus.size; start += BUILD_SLICE) {
      if (signal?.aborted) throw new AppError("cancelled", "building the index was cancelled");
      const rows = Array.from(
        { length: Math.min(BUILD_SLICE, corpus.size - start) },
        (_, i) => start + i,
      );
      const texts = (await corpus.readRows(rows)).map(formatPassage);
      const report = (done: number): void =>
        onProgress({
          phase: "encoding",
          done: start + done,
          total: corpus.size,
          detail: markMessage`encoding documents${pace.describe(start + done - first, corpus.size - start - done)}`,
        });
      const vectors = await encoder.encode(texts, "passage", { signal, onProgress: report });
      await writeAll(
        file,
        Buffer.from(vectors.buffer, vectors.byteOffset, vectors.byteLength),
        computeOffset(start, dim),
      );
      await file.datasync();
      await writeJournal(directory, { rows: start + rows.length, count: corpus.size, dim });
    }
    onProgress({ phase: "saving", done: 0, total: 1, detail: markMessage`saving the index` });
    await file.sync();
  } finally {
    await file.close();
  }
  await writeIndexManifest(directory, {
    version: 2,
    ...identity,
    count: corpus.size,
    dim,
    file: INDEX_FILE,
    bytes: computeOffset(corpus.size, dim),
  });
  await rm(join(directory, JOURNAL), { force: true });
}

/**
 * Makes an index of another kind from a flat one's vectors: learns, adds, writes. FAISS holds such an index in memory
 * while it grows. An interrupted build starts anew from the same vectors: nothing is encoded again.
 */
export async function buildIndexFromFlat(
  directory: string,
  flatFile: string,
  identity: IndexIdentity,
  plan: IndexPlan,
  { signal, onProgress }: BuildOptions,
): Promise<void> {
  const thread = startFaissThread();
  const stop = (): void => void thread.kill();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    onProgress({
      phase: "training",
      done: 0,
      total: 1,
      detail:
        plan.trainingVectors > 0
          ? markMessage`the index learns from ${plan.trainingVectors} documents`
          : markMessage`making the index`,
    });
    const { count } = await thread.call("train", {
      source: flatFile,
      factory: identity.factory,
      sample: plan.trainingVectors,
    });
    const pace = new Pace();
    for (let start = 0; start < count; start += FILL_SLICE) {
      const { count: done } = await thread.call("fill", {
        start,
        count: Math.min(FILL_SLICE, count - start),
      });
      onProgress({
        phase: "adding",
        done,
        total: count,
        detail: markMessage`adding documents${pace.describe(done, count - done)}`,
      });
    }
    onProgress({ phase: "saving", done: 0, total: 1, detail: markMessage`saving the index` });
    const { bytes } = await thread.call("write", { path: join(directory, INDEX_FILE) });
    const { dim } = await thread.call("load", {
      path: join(directory, INDEX_FILE),
      flat: false,
      parameters: {},
    });
    await writeIndexManifest(directory, {
      version: 2,
      ...identity,
      count,
      dim,
      file: INDEX_FILE,
      bytes,
    });
  } catch (error) {
    if (signal?.aborted) throw new AppError("cancelled", "building the index was cancelled");
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await thread.kill();
  }
}

/** Fails before hours of encoding where FAISS would refuse the kind afterwards. */
export async function checkFactory(factory: string, count: number, dim: number): Promise<void> {
  const { trainingVectors } = planIndex({ index: factory, count, dim, memoryBytes: Infinity });
  const lists = Number(/IVF(\d+)/.exec(factory)?.[1] ?? 0);
  const bits = Number(/(?:^|,)PQ\d+x(\d+)/.exec(factory)?.[1] ?? 8);
  const needed = Math.max(
    lists,
    /(?:^|,)PQ/.test(factory) ? 2 ** bits : 0,
    trainingVectors > 0 ? 1 : 0,
  );
  if (count < needed)
    throw new AppError(
      "invalid-input",
      `the index "${factory}" learns from at least ${needed} passages, the corpus has ${count}; choose \`Flat\` or \`auto\``,
    );
  const thread = startFaissThread();
  try {
    await thread.call("check", { dim, factory });
  } finally {
    await thread.terminate();
  }
}

/** The header of a flat inner-product index of FAISS (index_write.cpp): kind, length, count, two unused, trained, metric, numbers. */
export function buildFlatHeader(dim: number, count: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("IxFI", 0, "latin1");
  header.writeInt32LE(dim, 4);
  header.writeBigInt64LE(BigInt(count), 8);
  header.writeBigInt64LE(1n << 20n, 16);
  header.writeBigInt64LE(1n << 20n, 24);
  header.writeUInt8(1, 32);
  header.writeInt32LE(0, 33);
  header.writeBigUInt64LE(BigInt(count) * BigInt(dim), 37);
  return header;
}

const computeOffset = (row: number, dim: number): number => HEADER_BYTES + row * dim * 4;

/** Rows of an interrupted build that are on the disk. */
async function readFinishedRows(directory: string, count: number, dim: number): Promise<number> {
  const text = await readFile(join(directory, JOURNAL), "utf8").catch(() => "null");
  const parsed = journalSchema.safeParse(parseJson(text));
  return parsed.success && parsed.data.count === count && parsed.data.dim === dim
    ? parsed.data.rows
    : 0;
}

async function writeJournal(
  directory: string,
  value: z.infer<typeof journalSchema>,
): Promise<void> {
  const path = join(directory, JOURNAL);
  await writeFile(`${path}.partial`, JSON.stringify(value), { flush: true });
  await rename(`${path}.partial`, path);
}

async function writeAll(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;)
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Documents a second since it was made, and what is left at that pace. */
class Pace {
  private readonly began = performance.now();

  describe(done: number, left: number): string {
    const seconds = (performance.now() - this.began) / 1000;
    if (done === 0 || seconds < 0.5) return "";
    const rate = done / seconds;
    return markMessage` (${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s, ${formatDuration(left / rate)} left)`;
  }
}

function formatDuration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
