import { createHash } from "node:crypto";
import { AppError } from "@/contracts/errors";
import { hashText } from "@/lib/hash";
import { listSortedEntries } from "@/lib/sort-keys";

/** JSON with sorted keys, so that equal values give equal text. `undefined` entries are left out, as in JSON. */
export function toCanonicalJson(value: unknown): string {
  if (value === null || typeof value === "string" || typeof value === "boolean")
    return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value))
      throw new AppError("internal", `A cache key cannot hold the number ${value}.`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(toCanonicalJson).join(",")}]`;
  if (typeof value === "object") {
    const entries = listSortedEntries(value).filter(([, v]) => v !== undefined);
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${toCanonicalJson(v)}`).join(",")}}`;
  }
  throw new AppError("internal", `A cache key cannot hold a ${typeof value}.`);
}

/** Cache key: sha256 (hex) of everything that can change the thing it names. */
export const computeCacheKey = (value: unknown): string => hashText(toCanonicalJson(value));

/** A seed in 0 .. 2^48-1 that depends on every part: equal parts, equal random numbers, in whatever order they are drawn. */
export function deriveSeed(...parts: readonly (string | number)[]): number {
  return createHash("sha256").update(toCanonicalJson(parts)).digest().readUIntBE(0, 6);
}

/** A random order that depends on the salt and the ids alone, not on the order in which they come. */
export function shuffleBySalt<T extends { id: string }>(
  items: readonly T[],
  ...salt: readonly (string | number)[]
): T[] {
  const ranked = items.map((item) => ({ item, rank: computeCacheKey([...salt, item.id]) }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0));
  return ranked.map(({ item }) => item);
}
