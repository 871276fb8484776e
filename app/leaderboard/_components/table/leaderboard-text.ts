import { createText, markText, type Text } from "@/app/_i18n/format-text";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { formatNumber } from "@/app/_lib/format/format";
import { parseScopeKey } from "@/core/comparability/comparability";

export type Column = Leaderboard["columns"][number];
type Scope = Leaderboard["scopes"][number];
export type LeaderboardRow = Leaderboard["rows"][number];

/** For addresses and exported files, which are the same in every language. */
export const ENGLISH = createText("en", {});

/** "atlas/held-out", "atlas/held-out, first 72"; the version where another one is shown as well. */
export function formatColumnTitle(t: Text, column: Column, columns: readonly Column[]): string {
  const versions = new Set(
    columns
      .filter((other) => other.questionSet === column.questionSet)
      .map((other) => other.version),
  );
  const name = `${column.questionSet}${versions.size > 1 ? ` @${column.version.slice(0, 6)}` : ""}`;
  return [name, ...listChoiceTexts(t, column)].join(", ");
}

/** Which of the questions a column is over, e.g. "first 72"; empty: all. */
function listChoiceTexts(t: Text, { limit, sampleSeed: seed, skipYesNo }: Column): string[] {
  return [
    ...(limit === null
      ? []
      : [
          seed === undefined
            ? t("first {limit}", { limit })
            : t("{limit} of each source by seed {seed}", { limit, seed: String(seed) }),
        ]),
    ...(skipYesNo ? [t("without yes and no")] : []),
  ];
}

/** "at most 64 tokens" where another scope differs from this one by that alone; else null. */
export function formatTokenLimit(
  t: Text,
  key: string,
  scopes: Leaderboard["scopes"],
): string | null {
  const { maxTokens, ...rest } = parseScopeKey(key);
  const alike = scopes
    .map((scope) => parseScopeKey(scope.key))
    .filter((facts) =>
      (Object.keys(rest) as (keyof typeof rest)[]).every((name) => facts[name] === rest[name]),
    );
  if (maxTokens === null || alike.every((facts) => facts.maxTokens === maxTokens)) return null;
  return t("at most {tokens, plural, one {{tokens} token} other {{tokens} tokens}}", {
    tokens: maxTokens,
  });
}

/** A scope as "atlas · smollm2, plain · span (12 results)"; the version where another of the same corpus is listed. */
export function formatScope(t: Text, scope: Scope, scopes: Leaderboard["scopes"]): string {
  const isAmbiguous = scopes.some(
    (other) => other.corpus === scope.corpus && other.corpusVersion !== scope.corpusVersion,
  );
  const version = isAmbiguous ? ` @${scope.corpusVersion?.slice(0, 6) ?? "?"}` : "";
  const limit = formatTokenLimit(t, scope.key, scopes);
  const generator = [scope.generator, scope.promptStyle, ...(limit === null ? [] : [limit])];
  return t(
    "{corpus} · {generator} · {scorer} ({results, plural, one {# result} other {# results}})",
    {
      corpus: `${scope.corpus}${version}`,
      generator: generator.join(", "),
      scorer: scope.scorer,
      results: scope.results,
    },
  );
}

export type CostKey = "searches" | "documents" | "tokens" | "seconds" | "costUsd";
export const COSTS: Record<CostKey, { label: string; text: (value: number) => string }> = {
  searches: { label: markText("Searches"), text: formatNumber },
  documents: { label: markText("Documents"), text: formatNumber },
  tokens: { label: markText("Tokens"), text: formatNumber },
  seconds: { label: markText("Seconds"), text: formatNumber },
  costUsd: { label: markText("Cost (US$)"), text: formatNumber },
};
/** Whether a text of the address names a cost. */
export const isCostKey = (value: string | null): value is CostKey =>
  value !== null && value in COSTS;

/** Mean of a cost over the row's complete cells; null where none has it. */
export function computeMeanCost(row: LeaderboardRow, key: CostKey): number | null {
  const values = row.cells.flatMap((cell) =>
    cell && cell.rank !== null && cell[key] !== null ? [cell[key]] : [],
  );
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
