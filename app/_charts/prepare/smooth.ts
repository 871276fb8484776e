import { markText } from "@/app/_i18n/format-text";

/** Smoothing of curves. Pure. */

/** The formula of `smoothValues`, as the page says it by `t(…)`. */
export const SMOOTHING_FORMULA = markText(
  "s(x) = Σ nᵢ·vᵢ·w^((x−xᵢ)/d) ÷ Σ nᵢ·w^((x−xᵢ)/d) over the points up to x: w is the smoothing, d the usual distance of two points, nᵢ how many reported values a drawn point stands for. A gap counts as the time it lasted.",
);

/** A point to smooth: where it stands, its value, and how many reported values it stands for. */
export interface Sample {
  x: number;
  value: number;
  count: number;
}

/**
 * Time-weighted exponential moving average without the bias of the first points.
 *
 * @param samples Ascending in x
 * @param weight 0 (none) up to, not including, 1
 * @param distance The distance over which a value's weight falls by `weight`; more than 0
 */
export function smoothValues(
  samples: readonly Sample[],
  weight: number,
  distance: number,
): number[] {
  let sum = 0;
  let total = 0;
  return samples.map(({ x, value, count }, i) => {
    const decay = i === 0 ? 0 : weight ** ((x - samples[i - 1]!.x) / distance);
    sum = sum * decay + count * value;
    total = total * decay + count;
    return sum / total;
  });
}
