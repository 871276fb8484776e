import { describe, expect, it } from "vitest";
import { computeCacheKey, toCanonicalJson, deriveSeed, shuffleBySalt } from "./keys";

describe("keys", () => {
  it("do not depend on the order of entries", () => {
    expect(toCanonicalJson({ b: 1, a: [{ d: null, c: "x" }], e: undefined })).toBe(
      '{"a":[{"c":"x","d":null}],"b":1}',
    );
    expect(computeCacheKey({ a: 1, b: 2 })).toBe(computeCacheKey({ b: 2, a: 1 }));
    expect(computeCacheKey({ a: 1 })).not.toBe(computeCacheKey({ a: "1" }));
    expect(computeCacheKey("x")).toMatch(/^[0-9a-f]{64}$/);
  });
  it("refuse what JSON cannot say", () => {
    expect(() => toCanonicalJson({ a: Number.NaN })).toThrow("NaN");
    expect(() => toCanonicalJson({ a: () => 1 })).toThrow("function");
  });
});

describe("seeds", () => {
  it("depend on every part", () => {
    const seed = deriveSeed(0, 1, "q", 2, 3);
    expect(seed).toBe(deriveSeed(0, 1, "q", 2, 3));
    expect(Number.isSafeInteger(seed) && seed >= 0).toBe(true);
    expect(
      new Set([
        seed,
        deriveSeed(1, 1, "q", 2, 3),
        deriveSeed(0, 2, "q", 2, 3),
        deriveSeed(0, 1, "r", 2, 3),
        deriveSeed(0, 1, "q", 3, 3),
        deriveSeed(0, 1, "q", 2, 4),
      ]).size,
    ).toBe(6);
  });
});

describe("order", () => {
  const items = Array.from({ length: 20 }, (_, i) => ({ id: `${i}` }));
  it("is a permutation that depends on salt and ids only", () => {
    const order = shuffleBySalt(items, "s", 1);
    expect(shuffleBySalt([...items].reverse(), "s", 1)).toEqual(order);
    expect(shuffleBySalt(items, "s", 2)).not.toEqual(order);
    expect([...order].sort((a, b) => Number(a.id) - Number(b.id))).toEqual(items);
  });
});
