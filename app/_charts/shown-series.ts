/** Which series a legend hides. Pure. */

/** Hides a series that is shown, and shows one that is hidden. */
export function toggleSeries(hidden: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(hidden);
  if (!next.delete(key)) next.add(key);
  return next;
}

/** Hides all but one; where it is shown alone already, shows all. */
export function isolateSeries(
  hidden: ReadonlySet<string>,
  key: string,
  keys: readonly string[],
): ReadonlySet<string> {
  const others = keys.filter((other) => other !== key);
  // The first click of a double click has hidden the one already.
  const isAlone = others.every((other) => hidden.has(other));
  return new Set(isAlone ? [] : others);
}
