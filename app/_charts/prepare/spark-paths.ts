/** Paths of small curves without axes. Pure. */

/** Path of a sparkline in a box, oldest at the left; null where there are fewer than two points. */
export function buildSparkPath(
  values: readonly number[],
  width: number,
  height: number,
): string | null {
  if (values.length < 2) return null;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  return values
    .map(
      (v, i) =>
        `${i === 0 ? "M" : "L"}${((i / (values.length - 1)) * width).toFixed(1)},${(height - ((v - low) / span) * height).toFixed(1)}`,
    )
    .join("");
}

/** Filled paths of shares 0..1 in a box, one per stretch without a gap; a single point becomes a thin bar. */
export function buildAreaPaths(
  shares: readonly (number | null)[],
  width: number,
  height: number,
): string[] {
  const x = (i: number): string =>
    (shares.length < 2 ? width : (i / (shares.length - 1)) * width).toFixed(1);
  const y = (v: number): string => (height - Math.min(1, Math.max(0, v)) * height).toFixed(1);
  const parts: number[][] = [];
  for (const [i, value] of shares.entries()) {
    if (value === null) continue;
    if (i === 0 || shares[i - 1] === null) parts.push([]);
    parts[parts.length - 1]!.push(i);
  }
  return parts.map(
    (part) =>
      `M${x(part[0]!)},${height}${part.map((i) => `L${x(i)},${y(shares[i] ?? 0)}`).join("")}L${x(part[part.length - 1]!)},${height}Z`,
  );
}
