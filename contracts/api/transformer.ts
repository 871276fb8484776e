import superjson from "superjson";

/** How values of the API cross the wire: dates, undefined and NaN stay what they are. */

/** Keys that superjson refuses, and what stands for them. Names that workers and files bring are data, whatever they are. */
const REFUSED = /^(?:__proto__|prototype|constructor)$/;
const MARK = "\0key:";

type Serialized = ReturnType<typeof superjson.serialize> & { marked?: true };

export const transformer = {
  serialize(value: unknown): Serialized {
    // What is JSON already needs no search for the rest, which takes seconds for a hundred thousand numbers.
    if (isPlainJson(value)) return { json: value as Serialized["json"] };
    try {
      return superjson.serialize(value);
    } catch (error) {
      const marked = renameKeys(value, (key) => (REFUSED.test(key) ? MARK + key : key));
      if (marked === value) throw error;
      return { ...superjson.serialize(marked), marked: true };
    }
  },
  deserialize(sent: Serialized): unknown {
    if (!sent.meta && !sent.marked) return sent.json;
    const value: unknown = superjson.deserialize(sent);
    return sent.marked
      ? renameKeys(value, (key) => (key.startsWith(MARK) ? key.slice(MARK.length) : key))
      : value;
  },
};

/** Whether JSON holds the value as it is: no dates, nothing undefined, no numbers that are none. */
function isPlainJson(value: unknown): boolean {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true;
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== "object") return false;
  if (Array.isArray(value)) return value.every(isPlainJson);
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    (prototype === Object.prototype || prototype === null) &&
    Object.values(value).every(isPlainJson)
  );
}

/** The value with other keys, wherever it holds plain objects; the value itself where none changes. */
function renameKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => renameKeys(item, rename));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const before = Object.entries(value);
  const after = before.map(([key, item]) => [rename(key), renameKeys(item, rename)] as const);
  // `fromEntries` makes every key the object's own, also __proto__.
  return after.some(([key, item], i) => key !== before[i]![0] || item !== before[i]![1])
    ? Object.fromEntries(after)
    : value;
}
