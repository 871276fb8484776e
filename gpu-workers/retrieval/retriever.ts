import { join } from "node:path";
import type { RetrieverConfig } from "@/contracts/config/retriever";
import type { DocumentText } from "@/contracts/episode";
import { AppError } from "@/contracts/errors";
import { DATA_DIR } from "@/contracts/paths";
import { CorpusFile } from "./corpus";
import { DenseIndex, type IndexIdentity } from "./dense-index";
import { Encoder } from "./encoder";
import { discardIndex, ensureIndex, indexKey } from "./index-store";

/** A document found: its text, and what the retriever thinks of it. */
export interface RankedDocument extends DocumentText {
  score: number;
}

export interface RetrieverDescription {
  kind: RetrieverConfig["kind"];
  /** Changes whenever rankings can: part of the cache key of episodes and answers. */
  key: string;
  /** For people: "minilm int8, flat inner product". */
  title: string;
  /** Documents in the corpus; null where a remote retriever does not say. */
  documents: number | null;
}

/** Whatever ranks the documents of a corpus for a query. Failures are errors, never documents. */
export interface Retriever {
  /**
   * Ranked documents for each query, in the order of the queries: highest score first, each document once, at most k.
   * Throws `retriever-unavailable`, or `cancelled` once the signal is aborted.
   */
  search(queries: readonly string[], k: number, signal?: AbortSignal): Promise<RankedDocument[][]>;
  /** Documents by id, in the order of the ids. Throws `not-found` for an unknown id, `unsupported` where it cannot. */
  documents(ids: readonly string[]): Promise<DocumentText[]>;
  describe(): RetrieverDescription;
  close(): Promise<void>;
}

/** What is being done while a retriever opens, to be shown as a bar. */
export interface RetrieverProgress {
  phase: "reading" | "waiting" | "encoding" | "saving" | "loading";
  done: number;
  total: number;
  detail: string;
}

export interface OpenRetrieverOptions {
  /** JSONL corpus (see contracts/corpus.ts). */
  corpusPath: string;
  /** Name of the encoder's model folder, e.g. "minilm". */
  encoder: string;
  variant: string;
  /** Where indexes are kept; by default the installation's own. */
  indexDir?: string;
  signal?: AbortSignal;
}

/** Documents encoded at once while an index is built: sorted by length among themselves, then added together. */
const BUILD_SLICE = 2048;

/**
 * Opens a dense retriever over a corpus. The index is found by the content of the corpus and the encoder's
 * fingerprint; where there is none it is built first, with progress, by one process at a time. A damaged index is
 * said so and built again.
 */
export async function openRetriever(options: OpenRetrieverOptions, onProgress: (progress: RetrieverProgress) => void = () => {}): Promise<Retriever> {
  const { corpusPath, signal, indexDir = join(DATA_DIR, "indexes") } = options;
  const corpus = await CorpusFile.open(corpusPath, signal, (done, total) => onProgress({ phase: "reading", done, total, detail: "reading the corpus" }));
  let encoder: Encoder | undefined;
  try {
    encoder = await Encoder.load(options.encoder, options.variant);
    const index = await openIndex(corpus, encoder, indexDir, signal, onProgress);
    return new DenseRetriever(corpus, encoder, index, indexKey(identityOf(corpus, encoder)));
  } catch (error) {
    await encoder?.close();
    await corpus.close();
    throw error;
  }
}

function identityOf(corpus: CorpusFile, encoder: Encoder): IndexIdentity {
  return { corpusHash: corpus.hash, encoderFingerprint: encoder.fingerprint, encoder: `${encoder.name} ${encoder.variant}` };
}

async function openIndex(corpus: CorpusFile, encoder: Encoder, root: string, signal: AbortSignal | undefined, onProgress: (progress: RetrieverProgress) => void): Promise<DenseIndex> {
  const identity = identityOf(corpus, encoder);
  const key = indexKey(identity);
  const open = async (): Promise<DenseIndex> => {
    const directory = await ensureIndex(root, key, (folder) => buildIndex(folder, corpus, encoder, signal, onProgress), {
      signal,
      onWaiting: () => onProgress({ phase: "waiting", done: 0, total: 0, detail: "another process is building this index" }),
    });
    onProgress({ phase: "loading", done: 0, total: 1, detail: "loading the index" });
    return DenseIndex.load(directory, identity);
  };
  const loadOrRebuild = async (): Promise<DenseIndex> => {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof AppError && error.code === "invalid-input")) throw error;
      onProgress({ phase: "loading", done: 0, total: 1, detail: `building again: ${error.message}` });
      await discardIndex(root, key);
      return open();
    }
  };
  const index = await loadOrRebuild();
  onProgress({ phase: "loading", done: 1, total: 1, detail: `${index.size} documents are ready` });
  return index;
}

/** Encodes every document in the order of the corpus and saves the index into an empty folder. */
async function buildIndex(directory: string, corpus: CorpusFile, encoder: Encoder, signal: AbortSignal | undefined, onProgress: (progress: RetrieverProgress) => void): Promise<void> {
  const index = await DenseIndex.create(encoder.dim);
  try {
    for (let start = 0; start < corpus.size; start += BUILD_SLICE) {
      const rows = Array.from({ length: Math.min(BUILD_SLICE, corpus.size - start) }, (_, i) => start + i);
      const texts = (await corpus.read(rows)).map(passageText);
      const report = (done: number): void => onProgress({ phase: "encoding", done: start + done, total: corpus.size, detail: "encoding documents" });
      await index.add(await encoder.encode(texts, "passage", { signal, onProgress: report }));
    }
    onProgress({ phase: "saving", done: 0, total: 1, detail: "saving the index" });
    await index.save(directory, identityOf(corpus, encoder));
  } finally {
    await index.close();
  }
}

/** What the encoder reads of a document. */
export function passageText({ title, text }: { title: string; text: string }): string {
  return title === "" ? text : `${title}\n${text}`;
}

class DenseRetriever implements Retriever {
  constructor(
    private readonly corpus: CorpusFile,
    private readonly encoder: Encoder,
    private readonly index: DenseIndex,
    private readonly key: string,
  ) {}

  async search(queries: readonly string[], k: number, signal?: AbortSignal): Promise<RankedDocument[][]> {
    requireNotAborted(signal);
    if (queries.length === 0) return [];
    const vectors = await this.encoder.encode(queries, "query", { signal });
    requireNotAborted(signal);
    const ranked = await this.index.search(vectors, k);
    requireNotAborted(signal);
    return Promise.all(
      ranked.map(async (hits) => {
        const documents = await this.corpus.read(hits.map((hit) => hit.row));
        return documents.map((document, i) => ({ ...document, score: hits[i]?.score ?? 0 }));
      }),
    );
  }

  async documents(ids: readonly string[]): Promise<DocumentText[]> {
    return this.corpus.read(
      ids.map((id) => {
        const row = this.corpus.row(id);
        if (row === undefined) throw new AppError("not-found", `the corpus has no document ${JSON.stringify(id)}`);
        return row;
      }),
    );
  }

  describe(): RetrieverDescription {
    return { kind: "dense", key: this.key, title: `${this.encoder.name} ${this.encoder.variant}, flat inner product`, documents: this.corpus.size };
  }

  async close(): Promise<void> {
    await Promise.all([this.encoder.close(), this.index.close(), this.corpus.close()]);
  }
}

function requireNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AppError("cancelled", "the search was cancelled");
}
