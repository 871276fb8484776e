import type { Text } from "@/app/_i18n/format-text";
import type { LengthHistogram } from "@/contracts/worker-protocol/corpus-report";

export interface LengthBar {
  /** "36–50", "over 2000". */
  label: string;
  count: number;
  /** Of the longest bar, 0..1. */
  share: number;
}

/** Bars of a histogram, without the empty ranges before the first and after the last. */
export function buildLengthBars(t: Text, { upTo, counts }: LengthHistogram): LengthBar[] {
  const highest = Math.max(1, ...counts);
  const bars = counts.map((count, i): LengthBar => {
    const above = i === 0 ? 0 : (upTo[i - 1] ?? 0) + 1;
    const limit = upTo[i] ?? null;
    return {
      label: limit === null ? t("over {limit}", { limit: above - 1 }) : `${above}–${limit}`,
      count,
      share: count / highest,
    };
  });
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  return first < 0 ? [] : bars.slice(first, last + 1);
}
