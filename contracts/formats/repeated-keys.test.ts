import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findRepeatedKey } from "./repeated-keys";

const find = (text: string) => findRepeatedKey(text, JSON.parse(text));

/** JSON that is written key by key, so that a key may come twice. */
type Node = { object: [string, Node][] } | { list: Node[] } | { leaf: unknown };
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({
      leaf: fc.oneof(
        fc.constantFrom('":', '\\":', ":", '"a":1', '{"a":1,"a":2}', null, 7),
        fc.string(),
      ),
    }),
    fc.record({ list: fc.array(tie("node"), { maxLength: 3 }) }),
    fc.record({
      object: fc.array(
        fc.tuple(fc.constantFrom("a", "b", 'c":', "\\", "\u00e9", "__proto__", ""), tie("node")),
        { maxLength: 4 },
      ),
    }),
  ),
}));
const write = (value: Node, gap: string): string => {
  if ("leaf" in value) return JSON.stringify(value.leaf);
  if ("list" in value) return `[${value.list.map((item) => write(item, gap)).join(",")}]`;
  const entries = value.object.map(
    ([key, each]) => `${JSON.stringify(key)}${gap}:${gap}${write(each, gap)}`,
  );
  return `{${entries.join(`${gap},`)}}`;
};
const repeats = (value: Node): boolean => {
  if ("leaf" in value) return false;
  if ("list" in value) return value.list.some(repeats);
  const keys = value.object.map(([key]) => key);
  return new Set(keys).size < keys.length || value.object.some(([, each]) => repeats(each));
};

describe("findRepeatedKey", () => {
  it("finds a key that an object holds twice, at any depth, and no other", () => {
    expect(find('{"question":"a","question":"b"}')).toEqual({ key: "question", at: 16 });
    expect(find('[{"a":{"b":1}},{"a":[{"b":1,"c":2,"b":3}]}]')).toEqual({ key: "b", at: 34 });
    expect(find('{"a":1,"\\u0061" : 2}')).toEqual({ key: "a", at: 7 });
    expect(find('{"a":"a\\":","b":{"a":1}}')).toBeNull();
    const deep = 20_000;
    expect(find(`${"[".repeat(deep)}{"a":1,"a":2}${"]".repeat(deep)}`)?.key).toBe("a");
  });

  it("agrees with what was written, whatever strings look like", () => {
    fc.assert(
      fc.property(node, fc.constantFrom("", " ", "\n\t"), (value, gap) => {
        expect(find(write(value, gap)) !== null).toBe(repeats(value));
      }),
      { numRuns: 500 },
    );
  });
});
