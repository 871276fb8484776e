import type { DocumentText } from "@/contracts/records/episode";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";

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

/** How far the opening of a retriever is, for a progress bar. */
export interface RetrieverProgress {
  phase: "reading" | "waiting" | "encoding" | "training" | "adding" | "saving" | "loading";
  done: number;
  total: number;
  detail: string;
}

/** Whatever ranks the documents of a corpus for a query. Failures are errors, never documents. */
export interface Retriever {
  /**
   * Ranked documents for each query, in the order of the queries: highest score first, each document once, at most k.
   * Throws `retriever-unavailable`, or `cancelled` once the signal is aborted.
   */
  search(queries: readonly string[], k: number, signal?: AbortSignal): Promise<RankedDocument[][]>;
  /** Documents by id, in the order of the ids. Throws `not-found` for an unknown id, `unsupported` where it cannot. */
  getDocuments(ids: readonly string[]): Promise<DocumentText[]>;
  describe(): RetrieverDescription;
  close(): Promise<void>;
}
