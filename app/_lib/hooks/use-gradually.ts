import { usePathname } from "next/navigation";
import { useDeferredValue, useEffect, useState } from "react";

/** Pages of this document that were shown before. */
const seen = new Set<string | null>();

/**
 * The first items at once and the others right after, in pieces that leave the page time to answer: a long list, or a
 * form of a hundred fields, would hold it up as it opens. Who comes back to a page finds all at once, so that it stands
 * where it was left.
 */
export function useGradually<T>(items: readonly T[], first: number): readonly T[] {
  const path = usePathname();
  const [begin] = useState(() => (seen.has(path) ? items : items.slice(0, first)));
  useEffect(() => void seen.add(path), [path]);
  return useDeferredValue(items, begin);
}
