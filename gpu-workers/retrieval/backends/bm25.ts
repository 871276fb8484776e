import type { RetrieverConfigOfKind } from "@/contracts/run-config/retriever";
import type { DocumentText } from "@/contracts/records/episode";
import { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import { formatPassage } from "@/gpu-workers/retrieval/corpus/passage-text";
import type { RetrieverProgress } from "@/gpu-workers/retrieval/retriever";
import {
  computeRetrievalKey,
  type RankedDocument,
  type Retriever,
  type RetrieverDescription,
  throwIfCancelled,
} from "@/gpu-workers/retrieval/retriever";
import { type Analysis, ANALYSIS } from "@/gpu-workers/retrieval/indexes/bm25/analyser";
import {
  Bm25Index,
  computeBm25Key,
  findBm25Analysis,
} from "@/gpu-workers/retrieval/indexes/bm25/bm25-index";
import type { RankedRow } from "@/gpu-workers/retrieval/indexes/ranked-row";
import {
  type Formula,
  type ParsedQuery,
  hasPhrase,
  parseOperators,
  parseWords,
  matchesFormula,
} from "@/gpu-workers/retrieval/indexes/bm25/parse-query";
import { markMessage } from "@/core/texts/mark-message";

export type Bm25Settings = Pick<RetrieverConfigOfKind<"bm25">, "k1" | "b" | "operators">;

export interface OpenBm25RetrieverOptions {
  /** JSONL file of the corpus (contracts/formats/corpus-lines.ts). */
  corpusPath: string;
  settings: Bm25Settings;
  /** Where indexes are kept. */
  indexDir: string;
  signal?: AbortSignal;
  onProgress?: (progress: RetrieverProgress) => void;
}

/**
 * Opens a BM25 retriever over a corpus. A missing index is built first (see `Bm25Index.ensure`); one of an older
 * analysis goes on serving, under its own key, until the newest is built (`buildNewestBm25Index`).
 */
export async function openBm25Retriever(options: OpenBm25RetrieverOptions): Promise<Retriever> {
  const { corpusPath, settings, indexDir, signal, onProgress } = options;
  const corpus = await CorpusFile.open(corpusPath, signal, (done, total) =>
    onProgress?.({ phase: "reading", done, total, detail: markMessage`reading the corpus` }),
  );
  try {
    const analysis = await findBm25Analysis(indexDir, corpus.hash);
    const index = await ensureIndex(corpus, options, analysis);
    const older =
      analysis === ANALYSIS
        ? ""
        : `; ${markMessage`the index is of ${analysis}, an index run makes ${ANALYSIS}`}`;
    const detail = `${markMessage`${index.size} documents are ready`}${older}`;
    onProgress?.({ phase: "loading", done: 1, total: 1, detail });
    return new Bm25Retriever(corpus, index, settings, analysis);
  } catch (error) {
    await corpus.close();
    throw error;
  }
}

type BuildOptions = Omit<OpenBm25RetrieverOptions, "settings">;

/** Builds the index of the newest analysis where it is not there. */
export async function buildNewestBm25Index(options: BuildOptions): Promise<void> {
  const corpus = await CorpusFile.open(options.corpusPath, options.signal);
  try {
    await (await ensureIndex(corpus, options, ANALYSIS)).close();
  } finally {
    await corpus.close();
  }
}

function ensureIndex(
  corpus: CorpusFile,
  { indexDir: root, signal, onProgress }: BuildOptions,
  analysis: Analysis,
): Promise<Bm25Index> {
  const scan = async function* (from: number): AsyncGenerator<string> {
    for await (const { record } of corpus.scanRows(from)) yield formatPassage(record);
  };
  const texts = { hash: corpus.hash, size: corpus.size, scan };
  return Bm25Index.ensure(texts, { root, signal, onProgress, analysis });
}

/** Ranks only documents that have a word of the query, so that a ranking may be shorter than k. */
class Bm25Retriever implements Retriever {
  constructor(
    private readonly corpus: CorpusFile,
    private readonly index: Bm25Index,
    private readonly settings: Bm25Settings,
    private readonly analysis: Analysis,
  ) {}

  async search(
    queries: readonly string[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[][]> {
    throwIfCancelled(signal);
    const parse = this.settings.operators ? parseOperators : parseWords;
    const parsed = queries.map((query) => parse(query, this.analysis));
    const rankings = await this.index.search(parsed, k, this.settings, signal);
    return Promise.all(
      rankings.map(async (ranking, i) => {
        const query = parsed[i];
        const documents =
          query?.formula && hasPhrase(query.formula)
            ? await this.findVerified(query, query.formula, ranking, k, signal)
            : await this.readRanking(ranking);
        throwIfCancelled(signal);
        return documents;
      }),
    );
  }

  getDocuments(ids: readonly string[]): Promise<DocumentText[]> {
    return this.corpus.getDocuments(ids);
  }

  describe(): RetrieverDescription {
    const { k1, b, operators } = this.settings;
    const index = computeBm25Key(this.corpus.hash, this.analysis);
    const key = computeRetrievalKey([index, k1, b, operators]);
    const older =
      this.analysis === ANALYSIS ? "" : `, ${markMessage`older analysis ${this.analysis}`}`;
    return {
      kind: "bm25",
      key,
      title: `BM25, k1 ${k1}, b ${b}${operators ? `, ${markMessage`Boolean operators`}` : ""}${older}`,
      documents: this.corpus.size,
      ...(this.corpus.note !== undefined && { note: this.corpus.note }),
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.index.close(), this.corpus.close()]);
  }

  /** Finds the first k documents whose text satisfies the formula: reads more and more candidates until k are found. */
  private async findVerified(
    query: ParsedQuery,
    formula: Formula,
    first: readonly RankedRow[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedDocument[]> {
    const found: RankedDocument[] = [];
    let seen = 0;
    let ranking = first;
    for (let limit = k; ; limit *= 4) {
      const documents = await this.readRanking(ranking.slice(seen));
      found.push(
        ...documents.filter((document) =>
          matchesFormula(formula, formatPassage(document), this.analysis),
        ),
      );
      seen = ranking.length;
      if (
        found.length >= k ||
        seen < Math.min(limit, this.corpus.size) ||
        seen === this.corpus.size
      )
        return found.slice(0, k);
      throwIfCancelled(signal);
      const [more] = await this.index.search([query], limit * 4, this.settings, signal);
      ranking = more ?? [];
    }
  }

  private async readRanking(ranking: readonly RankedRow[]): Promise<RankedDocument[]> {
    const documents = await this.corpus.readRows(ranking.map(({ row }) => row));
    return documents.map((document, i) => ({ ...document, score: ranking[i]?.score ?? 0 }));
  }
}
