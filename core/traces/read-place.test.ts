import fc from "fast-check";
import { expect, it } from "vitest";
import { readFirst, readPlace, toCount, toNumber, toText } from "./read-place";
import { nestAttributes } from "./read-otlp";
import { readReward } from "./read-reward";
import { cutExample } from "./rollout";

it("a place leads through objects, lists, texts of JSON and names with dots", () => {
  const value = { a: { b: [{ c: 1 }, { c: 2 }] }, text: '{"q": ["x"]}', "s3.step": 4, "a.d": 5 };
  expect(readPlace(value, "a.b.1.c")).toBe(2);
  expect(readPlace(value, "a.b.-1.c")).toBe(2);
  expect(readPlace(value, "a.b.*.c")).toEqual([1, 2]);
  expect(readPlace(value, "text.q.0")).toBe("x");
  expect(readPlace(value, "s3.step")).toBe(4);
  expect(readPlace(value, "a.d")).toBe(5);
  for (const missing of ["a.b.7.c", "a.b.c", "text.q.0.x", "a.toString", "b", "a.b.*.d"])
    expect(readPlace(value, missing)).toBeUndefined();
});

it("the first place that fits is taken, in the first value that has it", () => {
  expect(readFirst([{ a: "" }, { a: "x", b: "y" }], ["a", "b"], toText)).toBe("x");
  expect(readFirst([{ a: "no" }, { b: "1.5" }], ["a", "b"], toNumber)).toBe(1.5);
  expect(readFirst([{}], ["a"], toText)).toBeNull();
  expect([toCount(2 ** 31), toCount(-1), toCount("7"), toNumber("NaN")]).toEqual([
    null,
    null,
    7,
    null,
  ]);
  expect(toText([{ type: "text", text: "a" }, "b"])).toBe("a\n\nb");
});

const PART = fc.stringMatching(/^[a-z_]{1,6}$/);
const TREE = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.array(tie("node"), { minLength: 1, maxLength: 3 }),
    fc.dictionary(PART, tie("node"), { minKeys: 1, maxKeys: 3 }),
  ),
})).node;

function flatten(value: unknown, path: readonly string[] = []): [string, unknown][] {
  if (typeof value !== "object" || value === null) return [[path.join("."), value]];
  return Object.entries(value).flatMap(([key, one]) => flatten(one, [...path, key]));
}

it("attributes that were flattened nest to what they were, in any order", () => {
  fc.assert(
    fc.property(fc.dictionary(PART, TREE, { minKeys: 1 }), fc.nat(), (tree, seed) => {
      const flat = flatten(tree);
      const turned = [...flat.slice(seed % flat.length), ...flat.slice(0, seed % flat.length)];
      expect(nestAttributes(Object.fromEntries(turned))).toEqual(tree);
    }),
  );
});

it("a name that stands in the way of another loses nothing", () => {
  const nested = nestAttributes({ a: 1, "a.b": 2, "__proto__.x": 3, "c.99999": 4, "": 5 });
  expect([readPlace(nested, "a"), readPlace(nested, "a.b"), readPlace(nested, "c.99999")]).toEqual([
    1, 2, 4,
  ]);
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

it("a reward that no double holds is none", () => {
  expect(readReward([{ r: { a: 1e308, b: "1e308" } }], ["r"])).toBeNull();
  expect(readReward([{ r: "1e309" }, { r: 0.5 }], ["r"])).toMatchObject([{ value: 0.5 }]);
});

it("an example of what is nested deeper than can be written says so", () => {
  const deep = JSON.parse("[".repeat(200_000) + "]".repeat(200_000)) as unknown;
  expect(cutExample(deep)).toMatch(/too deeply/);
});
