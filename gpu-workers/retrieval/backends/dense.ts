import { join, resolve } from "node:path";
import {
  computeRetrievalKey,
  throwIfCancelled,
  type RankedDocument,
  type Retriever,
  type RetrieverDescription,
  type RetrieverProgress,
} from "@/gpu-workers/retrieval/retriever";
import type { DocumentText } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import {
  type IndexSpec,
  type IndexPlan,
  planIndex,
  getSearchParameters,
  formatBytes,
} from "@/core/memory/index-plan";
import { DATA_DIR } from "@/lib/paths.mjs";
import { getMemoryLimit } from "@/gpu-workers/runtime/machine";
import { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import {
  DenseIndex,
  INDEX_FILE,
  type IndexIdentity,
  buildIndexIdentity,
  computeIndexKey,
  readIndexManifest,
} from "@/gpu-workers/retrieval/indexes/faiss/dense-index";
import { Encoder } from "@/gpu-workers/retrieval/encoders/encoder";
import {
  buildFlatIndex,
  buildIndexFromFlat,
  checkFactory,
} from "@/gpu-workers/retrieval/indexes/faiss/build-index";
import { discardIndex, ensureIndex, hasIndex } from "@/gpu-workers/retrieval/indexes/index-store";
import { markMessage } from "@/core/texts/mark-message";

export interface OpenDenseRetrieverOptions {
  /** JSONL file of the corpus (contracts/formats/corpus-lines.ts). */
  corpusPath: string;
  /** Name of the encoder's model folder, e.g. "minilm", or its path. */
  encoder: string;
  variant: string;
  /** FAISS factory string, or "auto" (core/memory/index-plan.ts). */
  index?: string;
  nprobe?: number;
  efSearch?: number;
  /** Where indexes are kept; by default the installation's own. */
  indexDir?: string;
  signal?: AbortSignal;
}

/**
 * Opens a dense retriever over a corpus. Its index is found by the content of the corpus, the encoder's fingerprint and
 * the factory string; a missing one is built first, by one process at a time. A damaged index is reported as progress
 * and built again.
 */
export async function openDenseRetriever(
  options: OpenDenseRetrieverOptions,
  onProgress: (progress: RetrieverProgress) => void = () => {},
): Promise<Retriever> {
  const {
    corpusPath,
    signal,
    indexDir = join(DATA_DIR, "indexes"),
    nprobe = 32,
    efSearch = 128,
  } = options;
  const corpus = await CorpusFile.open(corpusPath, signal, (done, total) =>
    onProgress({ phase: "reading", done, total, detail: markMessage`reading the corpus` }),
  );
  let encoder: Encoder | undefined;
  try {
    encoder = await Encoder.load(options.encoder, options.variant);
    const build = { root: indexDir, corpus, encoder, signal, onProgress };
    const plan = await choosePlan(build, options.index ?? "auto");
    const parameters = getSearchParameters(plan.factory, { nprobe, efSearch });
    const index = await openIndex(build, plan, parameters);
    return new DenseRetriever(
      corpus,
      encoder,
      index,
      plan.factory,
      computeRetrieverKey(buildIndexIdentity(build, plan.factory), parameters),
    );
  } catch (error) {
    await encoder?.close();
    await corpus.close();
    throw error;
  }
}

interface IndexBuild {
  root: string;
  corpus: CorpusFile;
  encoder: Encoder;
  signal: AbortSignal | undefined;
  onProgress: (progress: RetrieverProgress) => void;
}

/** Key of the retriever: rankings depend on the search parameters too, which a flat index does not have. */
function computeRetrieverKey(identity: IndexIdentity, parameters: Record<string, number>): string {
  const key = computeIndexKey(identity);
  return Object.keys(parameters).length === 0 ? key : computeRetrievalKey([key, parameters]);
}

/**
 * Plans the index for this machine's memory, and says whether it is there. Where `auto` would build another kind but
 * the exact index is there already (an adopted one, for example), that one is used.
 *
 * @param has whether the index with this factory string is there
 */
export async function planLocalIndex(
  demand: Pick<IndexSpec, "index" | "count" | "dim">,
  has: (factory: string) => Promise<boolean>,
): Promise<{ plan: IndexPlan; isThere: boolean }> {
  const plan = planIndex({ ...demand, memoryBytes: getMemoryLimit() });
  if (await has(plan.factory)) return { plan, isThere: true };
  if (demand.index !== "auto" || !(await has("Flat"))) return { plan, isThere: false };
  return {
    plan: {
      ...planIndex({ ...demand, index: "Flat", memoryBytes: getMemoryLimit() }),
      reason: markMessage`the exact index is there already`,
    },
    isThere: true,
  };
}

async function choosePlan(build: IndexBuild, index: string): Promise<IndexPlan> {
  const { corpus, encoder, root, onProgress } = build;
  const { plan, isThere } = await planLocalIndex(
    { index, count: corpus.size, dim: encoder.dim },
    (factory) => hasIndex(root, computeIndexKey(buildIndexIdentity(build, factory))),
  );
  if (!isThere) {
    await checkFactory(plan.factory, corpus.size, encoder.dim);
    onProgress({
      phase: "loading",
      done: 0,
      total: 1,
      detail: `${markMessage`index ${plan.factory}`}: ${plan.reason}; ${markMessage`file ${formatBytes(plan.fileBytes)}, memory to build ${formatBytes(plan.buildBytes)}, to search ${formatBytes(plan.searchBytes)}`}`,
    });
  }
  return plan;
}

async function openIndex(
  build: IndexBuild,
  plan: IndexPlan,
  parameters: Record<string, number>,
): Promise<DenseIndex> {
  const { root, onProgress } = build;
  const identity = buildIndexIdentity(build, plan.factory);
  const open = async (): Promise<DenseIndex> => {
    const directory = await ensureIndexBuilt(build, plan);
    onProgress({ phase: "loading", done: 0, total: 1, detail: markMessage`loading the index` });
    return DenseIndex.load(directory, identity, parameters);
  };
  const loadOrRebuild = async (): Promise<DenseIndex> => {
    try {
      return await open();
    } catch (error) {
      const key = computeIndexKey(identity);
      const isOurs = await readIndexManifest(join(root, key)).then(
        ({ file }) => file === INDEX_FILE,
        () => hasIndex(root, key),
      );
      if (!(error instanceof AppError && error.code === "invalid-input") || !isOurs) throw error;
      onProgress({
        phase: "loading",
        done: 0,
        total: 1,
        detail: `${markMessage`building again`}: ${error.message}`,
      });
      await discardIndex(root, key);
      return open();
    }
  };
  const index = await loadOrRebuild();
  onProgress({
    phase: "loading",
    done: 1,
    total: 1,
    detail: markMessage`${index.size} documents are ready`,
  });
  return index;
}

/** Folder of the index. Kinds other than flat are built from the flat one, so that no document is encoded twice. */
async function ensureIndexBuilt(build: IndexBuild, plan: IndexPlan): Promise<string> {
  const { root, corpus, encoder, signal, onProgress } = build;
  const identity = buildIndexIdentity(build, plan.factory);
  const make = async (directory: string): Promise<void> => {
    if (plan.factory === "Flat")
      return buildFlatIndex(directory, corpus, encoder, identity, { signal, onProgress });
    const flat = await ensureIndexBuilt(build, { ...plan, factory: "Flat" });
    const { file } = await readIndexManifest(flat);
    await buildIndexFromFlat(directory, resolve(flat, file), identity, plan, {
      signal,
      onProgress,
    });
  };
  return ensureIndex(root, computeIndexKey(identity), make, {
    signal,
    onWaiting: () =>
      onProgress({
        phase: "waiting",
        done: 0,
        total: 0,
        detail: markMessage`another process is building this index`,
      }),
  });
}

class DenseRetriever implements Retriever {
  constructor(
    private readonly corpus: CorpusFile,
    private readonly encoder: Encoder,
    private readonly index: DenseIndex,
    private readonly factory: string,
    private readonly key: string,
  ) {}

  async search(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    throwIfCancelled(signal);
    if (queries.length === 0) return [];
    const vectors = await this.encoder.encode(queries, "query", { signal });
    throwIfCancelled(signal);
    const ranked = await this.index.search(vectors, k);
    throwIfCancelled(signal);
    return Promise.all(
      ranked.map(async (hits) => {
        const documents = await this.corpus.readRows(hits.map((hit) => hit.row));
        return documents.map((document, i) => ({ ...document, score: hits[i]?.score ?? 0 }));
      }),
    );
  }

  getDocuments(ids: readonly string[]): Promise<DocumentText[]> {
    return this.corpus.getDocuments(ids);
  }

  describe(): RetrieverDescription {
    return {
      kind: "dense",
      key: this.key,
      title: `${this.encoder.name} ${this.encoder.variant}, ${this.factory === "Flat" ? markMessage`flat inner product` : this.factory}`,
      documents: this.corpus.size,
      ...(this.corpus.note !== undefined && { note: this.corpus.note }),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.encoder.close(), this.index.close(), this.corpus.close()]);
  }
}
