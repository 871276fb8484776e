import type { LeaderboardCell } from "@/app/_lib/live/trpc";

/** Two methods tested on the questions that both answered. */
export type Comparison = NonNullable<LeaderboardCell["comparison"]>;
export type PairedTest = Pick<
  Comparison,
  "difference" | "low" | "high" | "smallestDifference" | "bootstrapHolm" | "mcNemar" | "mcNemarHolm"
>;

/** A p-value as "0.013" or "< 0.001". */
export const formatPValue = (p: number): string => (p < 0.001 ? "< 0.001" : p.toFixed(3));

/**
 * Whether both corrected tests are below 0.05: McNemar's takes questions as independent, the bootstrap draws whole groups
 * of questions.
 */
export const isSignificant = ({ bootstrapHolm, mcNemarHolm }: PairedTest): boolean =>
  bootstrapHolm < 0.05 && (mcNemarHolm === null || mcNemarHolm < 0.05);

/** The larger of the two corrected p-values. */
export const getLargerP = ({ bootstrapHolm, mcNemarHolm }: PairedTest): number =>
  Math.max(bootstrapHolm, mcNemarHolm ?? 0);

/** A difference in percentage points with its sign. */
export const formatPoints = (difference: number): string =>
  `${difference < 0 ? "−" : "+"}${Math.abs(difference * 100).toFixed(1)}`;

/** An interval of shares in percent: "41.2–48.0". */
export const formatInterval = (low: number, high: number): string =>
  `${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)}`;

/** A rank that the questions leave open: "1", "1–3". */
export const formatRank = ({ low, high }: { low: number; high: number }): string =>
  low === high ? String(low) : `${low}–${high}`;
