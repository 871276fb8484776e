import { z } from "zod";
import type { Text } from "@/app/_i18n/format-text";
import { formatIssueMessage } from "@/app/_lib/issue-text";
import {
  MAX_QUERY_LENGTH,
  retrieverSchema as retrieverSchema,
  type RetrieverConfig,
} from "@/contracts/run-config/retriever";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { formatInteger } from "./format";
import { parseJson } from "./parse-json";
import { compactRetriever, RETRIEVER_PRESETS } from "./retriever";

export const MAX_COLUMNS = 4;
export const DEPTHS = [3, 5, 10, 20, 50] as const;

/** What the playground shows. The address holds all of it, so that a link shows the same. */
export interface PlaygroundState {
  corpus: string;
  query: string;
  k: number;
  retrievers: RetrieverConfig[];
  /** A worker's id; null: any that can. */
  worker: string | null;
  /** Episode whose gold documents are marked. */
  episode: string | null;
}

export const DEFAULT_STATE: PlaygroundState = {
  corpus: "atlas",
  query: "",
  k: 10,
  retrievers: RETRIEVER_PRESETS.slice(0, 2).map((preset) => preset.config),
  worker: null,
  episode: null,
};

const compactListSchema = z.array(retrieverSchema).min(1).max(MAX_COLUMNS);

/** Parameters of the address; null where the default is used. */
export function writePlaygroundParams(state: PlaygroundState): Record<string, string | null> {
  const retrievers = JSON.stringify(state.retrievers.map(compactRetriever));
  return {
    corpus: state.corpus === DEFAULT_STATE.corpus ? null : state.corpus,
    // One character more than a query may have, so that reading the address shows that it was cut. The whole text may be too long for an address.
    q: state.query === "" ? null : state.query.slice(0, MAX_QUERY_LENGTH + 1),
    k: state.k === DEFAULT_STATE.k ? null : String(state.k),
    r:
      retrievers === JSON.stringify(DEFAULT_STATE.retrievers.map(compactRetriever))
        ? null
        : retrievers,
    worker: state.worker,
    episode: state.episode,
  };
}

export interface ParsedState {
  state: PlaygroundState;
  /** Which parameters could not be read and what is used instead, in sentences; null where all could be read. */
  problem: string | null;
}

/**
 * Reads the address. A parameter that cannot be read takes its default and is named in `problem`; a query that is too
 * long is cut.
 */
export function readPlaygroundParams(t: Text, params: Pick<URLSearchParams, "get">): ParsedState {
  const problems: string[] = [];
  const k = Number(params.get("k") ?? DEFAULT_STATE.k);
  const depth = Number.isInteger(k) && k >= 1 && k <= 50 ? k : DEFAULT_STATE.k;
  if (depth !== k)
    problems.push(
      t('k must be a whole number from 1 to 50, not "{given}"', { given: params.get("k") ?? "" }),
    );
  let { retrievers } = DEFAULT_STATE;
  const raw = params.get("r");
  if (raw !== null) {
    const parsed = compactListSchema.safeParse(parseJson(raw));
    if (parsed.success) retrievers = parsed.data;
    else
      problems.push(
        t("the retrievers (r) could not be read: {reasons}", {
          reasons: parsed.error.issues
            .map((i) =>
              [i.path.join("."), formatIssueMessage(t, i.message)].filter(Boolean).join(": "),
            )
            .join("; "),
        }),
      );
  }
  const readId = (name: string): string | null => z.uuid().safeParse(params.get(name)).data ?? null;
  const query = params.get("q") ?? "";
  const sentences = [
    ...(problems.length > 0
      ? [
          t("Of this address, {problems}. The default stands in its place.", {
            problems: problems.join("; "),
          }),
        ]
      : []),
    ...(query.length > MAX_QUERY_LENGTH
      ? [
          t(
            "The query is longer than {limit} characters and was cut there: what follows is not searched for.",
            { limit: formatInteger(MAX_QUERY_LENGTH) },
          ),
        ]
      : []),
  ];
  return {
    state: {
      corpus: params.get("corpus") || DEFAULT_STATE.corpus,
      query: query.slice(0, MAX_QUERY_LENGTH),
      k: depth,
      retrievers,
      worker: readId("worker"),
      episode: readId("episode"),
    },
    problem: sentences.length > 0 ? sentences.join(" ") : null,
  };
}

/** Link to the playground, e.g. with the query of a turn and the retriever of its run. */
export function buildPlaygroundHref(change: Partial<PlaygroundState>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(writePlaygroundParams({ ...DEFAULT_STATE, ...change })))
    if (value !== null) params.set(key, value);
  const query = params.toString();
  return query ? `/playground?${query}` : "/playground";
}

/** The query of an episode's turn with the corpus and retriever of its run, and as many documents as the turn saw. */
export function buildTurnHref(
  turn: { query: string | null; documents: readonly unknown[] },
  config: RunConfig,
  episode: { id: string; corpus: string },
): string {
  const k = Math.min(50, Math.max(DEFAULT_STATE.k, turn.documents.length));
  return buildPlaygroundHref({
    corpus: episode.corpus,
    query: turn.query ?? "",
    k,
    ...("retriever" in config ? { retrievers: [config.retriever] } : {}),
    episode: episode.id,
  });
}
