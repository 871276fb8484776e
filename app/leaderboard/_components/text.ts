import type { Leaderboard, LeaderboardCell } from "@/app/_lib/trpc";
import { formatNumber, formatShare } from "@/app/_lib/format";
import { scopeFactsOf, tokensText } from "@/core/comparability/comparability";

export type Column = Leaderboard["columns"][number];
export type LeaderboardRow = Leaderboard["rows"][number];
export type Comparison = NonNullable<LeaderboardCell["comparison"]>;

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
  const { maxTokens, ...rest } = scopeFactsOf(key);
  const alike = scopes
    .map((scope) => scopeFactsOf(scope.key))
    .filter((facts) =>
      (Object.keys(rest) as (keyof typeof rest)[]).every((name) => facts[name] === rest[name]),
    );
  if (maxTokens === null || alike.every((facts) => facts.maxTokens === maxTokens)) return "";
  return `, at most ${tokensText(maxTokens)}`;
}

/** "0.013", "< 0.001". */
export const formatPValue = (p: number): string => (p < 0.001 ? "< 0.001" : p.toFixed(3));

/** Both tests must say so: McNemar's takes questions as independent, the bootstrap draws whole groups. */
export const isSignificant = (c: Comparison): boolean =>
  c.bootstrapHolm < 0.05 && (c.mcNemarHolm === null || c.mcNemarHolm < 0.05);

/** The more cautious of the corrected p-values. */
export const getLargerP = (c: Comparison): number => Math.max(c.bootstrapHolm, c.mcNemarHolm ?? 0);

/** A difference in percentage points with its sign. */
export const formatPoints = (difference: number): string =>
  `${difference < 0 ? "−" : "+"}${Math.abs(difference * 100).toFixed(1)}`;

export const formatInterval = (low: number, high: number): string =>
  `${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)}`;

export type CostKey = "searches" | "documents" | "tokens" | "seconds" | "costUsd";
export const COSTS: Record<CostKey, { label: string; text: (value: number) => string }> = {
  searches: { label: "Searches", text: formatNumber },
  documents: { label: "Documents", text: formatNumber },
  tokens: { label: "Tokens", text: formatNumber },
  seconds: { label: "Seconds", text: formatNumber },
  costUsd: { label: "Cost (US$)", text: formatNumber },
};
export const isCostKey = (value: string | null): value is CostKey =>
  value !== null && value in COSTS;

/** Mean of a cost over the row's complete cells; null where none has it. */
export function computeMeanCost(row: LeaderboardRow, key: CostKey): number | null {
  const values = row.cells.flatMap((cell) =>
    cell && cell.rank !== null && cell[key] !== null ? [cell[key]] : [],
  );
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export const shareText = formatShare;
