import type { Text } from "@/app/_i18n/format-text";
import { NONE } from "@/app/_lib/format/format";
import { formatRetriever } from "@/app/_lib/config/retriever";
import type { RetrieverComparison } from "@/app/_lib/live/trpc";

type Runs = RetrieverComparison["runs"];

/** "found:0,missed:1" in the address: places of the runs there. */
const FILTER_PATTERN = /^(?:found:(\d))?,?(?:missed:(\d))?$/;

/** Every choice of which run found a question's gold documents, and which missed them. */
export function listFilters(t: Text, runs: Runs): { value: string; label: string }[] {
  const only = runs.length === 1;
  return [
    { value: "", label: t("All questions") },
    ...runs.map(({ retriever }, i) => ({
      value: `missed:${i}`,
      label: only
        ? t("Not found")
        : t("Not found by {retriever}", { retriever: formatRetriever(t, retriever) }),
    })),
    ...runs.map(({ retriever }, i) => ({
      value: `found:${i}`,
      label: only
        ? t("Found")
        : t("Found by {retriever}", { retriever: formatRetriever(t, retriever) }),
    })),
    ...runs.flatMap((a, i) =>
      runs.flatMap((b, j) =>
        i === j
          ? []
          : [
              {
                value: `found:${i},missed:${j}`,
                label: t("{finder} found it, {other} did not", {
                  finder: formatRetriever(t, a.retriever),
                  other: formatRetriever(t, b.retriever),
                }),
              },
            ],
      ),
    ),
  ];
}

/** Reads the filter of an address; undefined where it names no run. */
export function readFilter(
  text: string,
  runs: Runs,
): { foundBy: string | undefined; missedBy: string | undefined } {
  const [, found, missed] = FILTER_PATTERN.exec(text) ?? [];
  const getId = (place: string | undefined) => (place ? runs[Number(place)]?.id : undefined);
  return { foundBy: getId(found), missedBy: getId(missed) };
}

const CUTOFFS = [1, 3, 5, 10, 20, 50, 100] as const;

/** Depths to choose from: the usual ones within the ranking, and its whole depth. */
export const listCutoffs = (depth: number): number[] => [
  ...new Set([...CUTOFFS.filter((k) => k <= depth), depth]),
];

/** "1, 14, –": the ranks, and a dash for each gold document that was not found. */
export const formatRanks = (ranks: readonly number[], gold: number): string =>
  [
    ...ranks.map(String),
    ...Array.from({ length: Math.max(0, gold - ranks.length) }, () => NONE),
  ].join(", ");
