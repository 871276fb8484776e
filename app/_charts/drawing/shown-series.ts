/** Which series a legend hides, and how that stands in the page's address. Pure. */

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

/** Servers refuse long addresses: 16 KiB is a common limit of all headers, which hold the address up to twice. */
const MAX_LENGTH = 4_000;

/** Keys of hidden series by chart id, as an address holds them; an entry that makes no sense is left out. */
export function parseHidden(text: string | null): Map<string, ReadonlySet<string>> {
  const charts = new Map<string, ReadonlySet<string>>();
  for (const entry of (text ?? "").split(";")) {
    const [id, keys] = entry.split(":");
    if (id === undefined || keys === undefined) continue;
    try {
      charts.set(
        decodeURIComponent(id),
        new Set(keys.split(",").map((key) => decodeURIComponent(key))),
      );
    } catch {
      // A lone "%": it was not written by formatHidden.
    }
  }
  return charts;
}

/**
 * "reward:held-out%2Faccuracy,rag;time:wait", as ids and keys hold separators themselves. Charts that show all are left
 * out; so are the first ones where it gets too long.
 */
export function formatHidden(charts: ReadonlyMap<string, ReadonlySet<string>>): string {
  const entries = [...charts]
    .filter(([, keys]) => keys.size > 0)
    .map(
      ([id, keys]) => `${encodeURIComponent(id)}:${[...keys].map(encodeURIComponent).join(",")}`,
    );
  while (entries.join(";").length > MAX_LENGTH) entries.shift();
  return entries.join(";");
}
