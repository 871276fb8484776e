import { AppError } from "@/contracts/errors";
import type { DocumentText } from "@/contracts/records/episode";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { hashJson } from "@/lib/hash";

/** A document found: its text and its score (higher is better). */
export interface RankedDocument extends DocumentText {
  score: number;
  /** The corpus line's own `contents`, where title and text alone do not give it. */
  contents?: string;
  /** When an online search gave it (ISO 8601); absent: it is of a corpus. */
  fetchedAt?: string;
}

/** When a ranking was fetched, as its step records it; empty where it is of a corpus. */
export function getFetchDate(ranking: readonly RankedDocument[] | undefined): {
  fetchedAt?: string;
} {
  const fetchedAt = ranking?.[0]?.fetchedAt;
  return fetchedAt === undefined ? {} : { fetchedAt };
}

/** What a retriever is, for cache keys and for people. */
export interface RetrieverDescription {
  kind: RetrieverConfig["kind"];
  /** Changes whenever rankings can: part of the cache key of episodes and answers. */
  key: string;
  /** For people: "minilm int8, flat inner product". */
  title: string;
  /** Documents in the corpus; null where a remote retriever does not say. */
  documents: number | null;
  /** What a person should know of what it gives; absent: nothing. */
  note?: string;
}

/** How far the opening of a retriever is, for a progress bar. */
export interface RetrieverProgress {
  phase: "reading" | "waiting" | "encoding" | "training" | "adding" | "saving" | "loading";
  done: number;
  total: number;
  detail: string;
}

export function describeProgress({ detail, done, total }: RetrieverProgress): string {
  return total > 1 ? `${detail}: ${done} / ${total}` : detail;
}

/** What `describeProgress` counts at its end; null where nothing is counted. */
export function parseProgress(detail: string): { done: number; total: number } | null {
  const counted = /: (\d+) \/ (\d+)$/.exec(detail);
  return counted && { done: Number(counted[1]), total: Number(counted[2]) };
}

/** Ranks the documents of a corpus for a query. Failures are errors, never documents. */
export interface Retriever {
  /**
   * Ranked documents for each query, in the order of the queries: highest score first, each document once, at most k.
   *
   * @throws AppError `retriever-unavailable`, or `cancelled` once the signal is aborted
   */
  search(queries: readonly string[], k: number, signal?: AbortSignal): Promise<RankedDocument[][]>;
  /**
   * Documents by id, in the order of the ids.
   *
   * @throws AppError `not-found` for an unknown id, `unsupported` where documents cannot be read by id
   */
  getDocuments(ids: readonly string[]): Promise<DocumentText[]>;
  describe(): RetrieverDescription;
  close(): Promise<void>;
}

/** Key of an index or a retriever: 32 hexadecimal digits that change with any of the parts. */
export const computeRetrievalKey = (parts: readonly unknown[]): string =>
  hashJson(parts).slice(0, 32);

/** @throws AppError `cancelled` once the signal is aborted */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AppError("cancelled", "the search was cancelled");
}
