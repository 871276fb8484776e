import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type RetrieverConfigOfKind, searchesLocally } from "@/contracts/run-config/retriever";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { type IndexPlan, planBm25 } from "@/core/memory/index-plan";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import type {
  indexEstimateSchema,
  IndexPlanResult,
  TaskRequest,
} from "@/contracts/worker-protocol/tasks";
import type { z } from "zod";
import { getMemoryLimit } from "@/gpu-workers/runtime/machine";
import type { TaskContext } from "@/gpu-workers/jobs/context/task-context";
import { Bm25Index, computeBm25Key } from "@/gpu-workers/retrieval/indexes/bm25/bm25-index";
import { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import {
  buildIndexIdentity,
  computeIndexKey,
  readIndexManifest,
} from "@/gpu-workers/retrieval/indexes/faiss/dense-index";
import { Encoder } from "@/gpu-workers/retrieval/encoders/encoder";
import { findEncoder } from "@/gpu-workers/retrieval/encoders/encoder-settings";
import { hasIndex } from "@/gpu-workers/retrieval/indexes/index-store";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import { planLocalIndex } from "@/gpu-workers/retrieval/backends/dense";
import { markMessage } from "@/core/texts/mark-message";

type Estimate = z.infer<typeof indexEstimateSchema>;

/** Passages on which BM25's pace and size are measured. */
const BM25_SAMPLE = 2000;
/** What a corpus that is not here yet is taken to hold: an ordinary passage of 100 words, some 130 tokens. */
const TYPICAL_PASSAGE = Array.from(
  { length: 100 },
  (_, i) =>
    ["the", "history", "of", "northern", "rivers", "was", "written", "in", "1872", "by"][i % 10],
).join(" ");

/** The corpus that is planned for: one that is here, or only its size. */
interface Planned {
  passages: number;
  corpus: CorpusFile | null;
  /** Up to `count` of its texts, spread evenly. */
  sample(count: number): Promise<string[]>;
}

/**
 * Says which indexes a retriever needs over a corpus and what they cost on this worker: memory and disk by the rules
 * that the build itself follows, time by the pace on a sample of the passages, measured now.
 */
export const createIndexPlanner =
  (findCorpus: (corpus: string) => string, dataDir: string) =>
  async (
    task: Extract<TaskRequest, { kind: "index-plan" }>,
    context: TaskContext,
  ): Promise<IndexPlanResult> => {
    const config = parseOrThrow(retrieverSchema, task.retriever, "Retriever");
    if (!searchesLocally(config))
      throw new AppError(
        "unsupported",
        "This retriever asks another server: nothing is indexed here.",
      );
    const planned = await openPlannedCorpus(task.passages, () => findCorpus(task.corpus), context);
    try {
      const root = join(dataDir, "indexes");
      const indexes: Estimate[] = [];
      if ("encoder" in config)
        indexes.push(await estimateDenseIndex(config, planned, root, context));
      if ("k1" in config) indexes.push(await estimateBm25Index(planned, root, context));
      const { bavail, bsize } = await statfs(dataDir);
      return {
        passages: planned.passages,
        memoryBytes: getMemoryLimit(),
        freeDiskBytes: bavail * bsize,
        indexes,
      };
    } finally {
      await planned.corpus?.close();
    }
  };

async function openPlannedCorpus(
  passages: number | null,
  path: () => string,
  { signal, reportProgress: progress }: TaskContext,
): Promise<Planned> {
  if (passages !== null)
    return {
      passages,
      corpus: null,
      sample: (count) =>
        Promise.resolve(Array<string>(Math.min(count, passages)).fill(TYPICAL_PASSAGE)),
    };
  const corpus = await CorpusFile.open(path(), signal, (done, total) =>
    progress(markMessage`reading the corpus`, total > 0 ? done / total : 0),
  );
  const sample = async (count: number): Promise<string[]> => {
    const sampleSize = Math.min(count, corpus.size);
    const documents = await corpus.readRows(
      Array.from({ length: sampleSize }, (_, i) => Math.floor((i * corpus.size) / sampleSize)),
    );
    return documents.map(formatPassage);
  };
  return { passages: corpus.size, corpus, sample };
}

async function estimateDenseIndex(
  {
    encoder: name,
    variant,
    index,
  }: RetrieverConfigOfKind<"dense"> | RetrieverConfigOfKind<"hybrid">,
  planned: Planned,
  root: string,
  { signal, reportProgress: progress }: TaskContext,
): Promise<Estimate> {
  const { passages, corpus } = planned;
  const files = await findEncoder(name, variant);
  const computeKey = (factory: string): string =>
    corpus === null ? "" : computeIndexKey(buildIndexIdentity({ corpus, encoder: files }, factory));
  const has = async (factory: string): Promise<boolean> =>
    corpus !== null && (await hasIndex(root, computeKey(factory)));
  if (await has("Flat")) {
    const { dim } = await readIndexManifest(join(root, computeKey("Flat")));
    const { plan, isThere } = await planLocalIndex({ index, count: passages, dim }, has);
    return buildEstimate(plan, isThere, null, passages);
  }
  progress(markMessage`loading the encoder`, 0);
  const encoder = await Encoder.load(name, variant);
  try {
    const { plan, isThere } = await planLocalIndex(
      { index, count: passages, dim: encoder.dim },
      has,
    );
    const texts = await planned.sample(encoder.round);
    await encoder.encode(texts.slice(0, 1), "passage", { signal });
    const began = performance.now();
    await encoder.encode(texts, "passage", {
      signal,
      onProgress: (done, total) =>
        progress(markMessage`encoding a sample of ${total} passages`, done / total),
    });
    return buildEstimate(plan, isThere, computePassagesPerSecond(texts.length, began), passages);
  } finally {
    await encoder.close();
  }
}

/** Builds the index of a sample in the task's own folder. */
async function estimateBm25Index(
  planned: Planned,
  root: string,
  { signal, reportProgress: progress, workDir }: TaskContext,
): Promise<Estimate> {
  const { passages, corpus } = planned;
  const isThere = corpus !== null && (await hasIndex(root, computeBm25Key(corpus.hash)));
  const texts = await planned.sample(BM25_SAMPLE);
  progress(markMessage`indexing a sample`, 0.5);
  let began = performance.now();
  const scan = (from: number): AsyncIterable<string> => {
    began = performance.now(); // the thread is up
    return Readable.from(texts.slice(from));
  };
  const index = await Bm25Index.ensure(
    { hash: "sample", size: texts.length, scan },
    { root: workDir, signal },
  );
  const pace = computePassagesPerSecond(texts.length, began);
  const bytes = Object.values(index.manifest.bytes).reduce((sum, part) => sum + part, 0);
  await index.close();
  return buildEstimate(
    planBm25({ count: passages, bytesPerPassage: bytes / Math.max(1, texts.length) }),
    isThere,
    isThere ? null : pace,
    passages,
  );
}

/** Passages a second; of none, a pace that takes no time. */
const computePassagesPerSecond = (count: number, began: number): number =>
  Math.max(1, count) / Math.max(0.001, (performance.now() - began) / 1000);

function buildEstimate(
  {
    factory: index,
    reason,
    fileBytes,
    searchBytes,
    buildBytes,
    diskBytes,
    trainingVectors,
  }: IndexPlan,
  isThere: boolean,
  passagesPerSecond: number | null,
  passages: number,
): Estimate {
  return {
    index,
    reason,
    isThere,
    fileBytes,
    searchBytes,
    buildBytes,
    diskBytes,
    trainingVectors,
    passagesPerSecond,
    seconds: passagesPerSecond === null ? 0 : passages / passagesPerSecond,
  };
}
