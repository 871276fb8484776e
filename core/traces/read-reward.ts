import { readFirst, readPlace, toNumber } from "./read-place";
import type { RewardPart } from "./rollout";

/**
 * The parts of a reward at the first place that holds one: a number, or numbers or `{score, weight}` by name. Parts whose
 * sum is no number that a double holds are none.
 */
export const readReward = (
  values: readonly unknown[],
  places: readonly string[],
): RewardPart[] | null => readFirst(values, places, toParts);

function toParts(value: unknown): RewardPart[] | null {
  const number = toNumber(value);
  if (number !== null) return [{ label: "score", weight: 1, value: number }];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const parts = Object.entries(value).flatMap(([label, part]: [string, unknown]): RewardPart[] => {
    const score = toNumber(part) ?? toNumber(readPlace(part, "score"));
    return score === null
      ? []
      : [{ label, weight: toNumber(readPlace(part, "weight")) ?? 1, value: score }];
  });
  const sum = parts.reduce((total, part) => total + part.weight * part.value, 0);
  return parts.length === 0 || !Number.isFinite(sum) ? null : parts;
}
