import type { Text } from "@/app/_i18n/format-text";
import { formatInteger } from "@/app/_lib/format/format";
import { cutForAddress, LINK_DEFAULTS, type PlaygroundState } from "@/app/_lib/playground-link";
import { isUuid } from "@/app/_lib/uuid";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";

/**
 * The address of the playground without its retrievers (retriever-params.ts), whose settings need schemas: the form
 * answers before those are there.
 */

export const MAX_COLUMNS = 4;
export const DEPTHS = [3, 5, 10, 20, 50] as const;

/** What the address holds beside retrievers. */
export type SearchState = Omit<PlaygroundState, "retrievers">;

export const DEFAULT_SEARCH: SearchState = {
  ...LINK_DEFAULTS,
  query: "",
  worker: null,
  episode: null,
};

/** Parameters of the address; null where the default is used. */
export const writeSearchParams = (state: SearchState): Record<string, string | null> => ({
  corpus: state.corpus === DEFAULT_SEARCH.corpus ? null : state.corpus,
  // The whole text may be too long for an address.
  q: state.query === "" ? null : cutForAddress(state.query),
  k: state.k === DEFAULT_SEARCH.k ? null : String(state.k),
  worker: state.worker,
  episode: state.episode,
});

/** The page's own address, to be kept or given away. @param retrievers as the address holds them; null: the default */
export function buildAddress(state: SearchState, retrievers: string | null): string {
  const params = Object.entries({ ...writeSearchParams(state), r: retrievers }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  return params.length > 0 ? `/playground?${new URLSearchParams(params)}` : "/playground";
}

interface ParsedSearch {
  state: SearchState;
  /** Which parameters could not be read, for `describeProblems`. */
  problems: string[];
  /** Whether the query was too long. */
  isCut: boolean;
}

/** Reads the address. A parameter that cannot be read takes its default; a query that is too long is cut. */
export function readSearchParams(t: Text, params: Pick<URLSearchParams, "get">): ParsedSearch {
  const k = Number(params.get("k") ?? DEFAULT_SEARCH.k);
  const depth = Number.isInteger(k) && k >= 1 && k <= 50 ? k : DEFAULT_SEARCH.k;
  const readId = (name: string): string | null => {
    const value = params.get(name);
    return value !== null && isUuid(value) ? value : null;
  };
  const query = params.get("q") ?? "";
  return {
    state: {
      corpus: params.get("corpus") || DEFAULT_SEARCH.corpus,
      query: query.slice(0, MAX_QUERY_LENGTH),
      k: depth,
      worker: readId("worker"),
      episode: readId("episode"),
    },
    problems:
      depth === k
        ? []
        : [
            t('k must be a whole number from 1 to 50, not "{given}"', {
              given: params.get("k") ?? "",
            }),
          ],
    isCut: query.length > MAX_QUERY_LENGTH,
  };
}

/** What was wrong with an address and what is used instead, in sentences; null: nothing. */
export function describeProblems(
  t: Text,
  problems: readonly string[],
  isCut: boolean,
): string | null {
  const sentences: string[] = [];
  if (problems.length > 0)
    sentences.push(
      t("Of this address, {problems}. The default stands in its place.", {
        problems: problems.join("; "),
      }),
    );
  if (isCut)
    sentences.push(
      t(
        "The query is longer than {limit} characters and was cut there: what follows is not searched for.",
        { limit: formatInteger(MAX_QUERY_LENGTH) },
      ),
    );
  return sentences.length > 0 ? sentences.join(" ") : null;
}
