import { z } from "zod";
import type { Text } from "@/app/_i18n/format-text";
import { formatInteger } from "@/app/_lib/format";
import { formatIssueMessage } from "@/app/_lib/issue-text";
import { parseJson } from "@/app/_lib/parse-json";
import { cutForAddress, LINK_DEFAULTS, type PlaygroundState } from "@/app/_lib/playground-link";
import { compactRetriever, RETRIEVER_PRESETS } from "@/app/_lib/retriever-presets";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";
import { retrieverSchema } from "@/contracts/run-config/retriever";

export const MAX_COLUMNS = 4;
export const DEPTHS = [3, 5, 10, 20, 50] as const;

export const DEFAULT_STATE: PlaygroundState = {
  ...LINK_DEFAULTS,
  query: "",
  retrievers: RETRIEVER_PRESETS.slice(0, 2).map((preset) => preset.config),
  worker: null,
  episode: null,
};

const compactListSchema = z.array(retrieverSchema).min(1).max(MAX_COLUMNS);

/** Parameters of the address; null where the default is used. Of retrievers they hold what differs from their defaults. */
export function writePlaygroundParams(state: PlaygroundState): Record<string, string | null> {
  const retrievers = JSON.stringify(state.retrievers.map(compactRetriever));
  return {
    corpus: state.corpus === DEFAULT_STATE.corpus ? null : state.corpus,
    // The whole text may be too long for an address.
    q: state.query === "" ? null : cutForAddress(state.query),
    k: state.k === DEFAULT_STATE.k ? null : String(state.k),
    r:
      retrievers === JSON.stringify(DEFAULT_STATE.retrievers.map(compactRetriever))
        ? null
        : retrievers,
    worker: state.worker,
    episode: state.episode,
  };
}

/** The page's own address, to be kept or given away. */
export function buildAddress(state: PlaygroundState): string {
  const params = Object.entries(writePlaygroundParams(state)).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return params.length > 0 ? `/playground?${new URLSearchParams(params)}` : "/playground";
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
