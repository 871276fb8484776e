import type { Leaderboard } from "@/app/_lib/trpc";
import { formatCount, formatNumber } from "@/app/_lib/format";
import { parseScopeKey, formatTokens } from "@/core/comparability/comparability";

export type Column = Leaderboard["columns"][number];
type Scope = Leaderboard["scopes"][number];
export type LeaderboardRow = Leaderboard["rows"][number];

/** "atlas/held-out", "atlas/held-out, first 72"; the version where another one is shown as well. */
export function formatColumnTitle(column: Column, columns: readonly Column[]): string {
  const versions = new Set(
    columns
      .filter((other) => other.questionSet === column.questionSet)
      .map((other) => other.version),
  );
  return `${column.questionSet}${versions.size > 1 ? ` @${column.version.slice(0, 6)}` : ""}${column.limit === null ? "" : `, first ${column.limit}`}`;
}

/** ", at most 64 tokens" where another scope differs from this one by that alone; else nothing. */
export function formatTokenLimit(key: string, scopes: Leaderboard["scopes"]): string {
  const { maxTokens, ...rest } = parseScopeKey(key);
  const alike = scopes
    .map((scope) => parseScopeKey(scope.key))
    .filter((facts) =>
      (Object.keys(rest) as (keyof typeof rest)[]).every((name) => facts[name] === rest[name]),
    );
  if (maxTokens === null || alike.every((facts) => facts.maxTokens === maxTokens)) return "";
  return `, at most ${formatTokens(maxTokens)}`;
}

/** A scope as "atlas · smollm2, plain · span (12 results)"; the version where another of the same corpus is listed. */
export function formatScope(scope: Scope, scopes: Leaderboard["scopes"]): string {
  const isAmbiguous = scopes.some(
    (other) => other.corpus === scope.corpus && other.corpusVersion !== scope.corpusVersion,
  );
  const version = isAmbiguous ? ` @${scope.corpusVersion?.slice(0, 6) ?? "?"}` : "";
  return `${scope.corpus}${version} · ${scope.generator}, ${scope.promptStyle}${formatTokenLimit(scope.key, scopes)} · ${scope.scorer} (${formatCount(scope.results, "result")})`;
}

export type CostKey = "searches" | "documents" | "tokens" | "seconds" | "costUsd";
export const COSTS: Record<CostKey, { label: string; text: (value: number) => string }> = {
  searches: { label: "Searches", text: formatNumber },
  documents: { label: "Documents", text: formatNumber },
  tokens: { label: "Tokens", text: formatNumber },
  seconds: { label: "Seconds", text: formatNumber },
  costUsd: { label: "Cost (US$)", text: formatNumber },
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
