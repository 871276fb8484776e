import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { RunConfig } from "@/contracts/run-config/run-config";

/** Links to the playground. They need no schemas, which are a sixth of a page's JavaScript. */

/** What the playground shows. The address holds all of it, so that a link shows the same. */
export interface PlaygroundState {
  corpus: string;
  query: string;
  k: number;
  retrievers: readonly RetrieverConfig[];
  /** A worker's id; null: any that can. */
  worker: string | null;
  /** Episode whose gold documents are marked. */
  episode: string | null;
}

/** What a link leaves out, as the playground begins with it. */
export const LINK_DEFAULTS = { corpus: "atlas", k: 10 } as const;

/** A query as an address holds it: one character more than it may have, so that reading the address shows that it was cut. */
export const cutForAddress = (query: string): string => query.slice(0, MAX_QUERY_LENGTH + 1);

/** Link to the playground, e.g. with the query of a turn and the retriever of its run, of which it holds every setting. */
export function buildPlaygroundHref(change: Partial<PlaygroundState>): string {
  const { corpus, query, k, retrievers, worker, episode } = change;
  const params = new URLSearchParams();
  if (corpus !== undefined && corpus !== LINK_DEFAULTS.corpus) params.set("corpus", corpus);
  if (query) params.set("q", cutForAddress(query));
  if (k !== undefined && k !== LINK_DEFAULTS.k) params.set("k", String(k));
  if (retrievers) params.set("r", JSON.stringify(retrievers));
  if (worker) params.set("worker", worker);
  if (episode) params.set("episode", episode);
  const text = params.toString();
  return text ? `/playground?${text}` : "/playground";
}

/** The query of an episode's turn with the corpus and retriever of its run, and as many documents as the turn saw. */
export function buildTurnHref(
  turn: { query: string | null; documents: readonly unknown[] },
  config: RunConfig,
  episode: { id: string; corpus: string },
): string {
  const k = Math.min(50, Math.max(LINK_DEFAULTS.k, turn.documents.length));
  return buildPlaygroundHref({
    corpus: episode.corpus,
    query: turn.query ?? "",
    k,
    ...("retriever" in config ? { retrievers: [config.retriever] } : {}),
    episode: episode.id,
  });
}
