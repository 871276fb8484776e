import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatHidden, isolateSeries, parseHidden, toggleSeries } from "./shown-series";

describe("a legend", () => {
  it("hides, and shows one alone, and all again", () => {
    const keys = ["a", "b", "c"];
    expect(toggleSeries(new Set(), "a")).toEqual(new Set(["a"]));
    expect(toggleSeries(new Set(["a"]), "a")).toEqual(new Set());
    const alone = isolateSeries(new Set(["a"]), "a", keys);
    expect(alone).toEqual(new Set(["b", "c"]));
    expect(isolateSeries(alone, "a", keys)).toEqual(new Set());
  });
});

describe("hidden series in the address", () => {
  const name = fc.oneof(
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.stringMatching(/^[ab:;,%+/ ]{0,6}$/),
  );
  const keys = fc.uniqueArray(name, { maxLength: 4 }).map((list) => new Set(list));
  const charts = fc
    .uniqueArray(fc.tuple(name, keys), { maxLength: 5, selector: ([id]) => id })
    .map((entries) => new Map(entries));

  it("come back as they were, without charts that show all", () => {
    fc.assert(
      fc.property(charts, (hidden) => {
        const params = new URLSearchParams({ hide: formatHidden(hidden) }).toString();
        const read = parseHidden(new URLSearchParams(params).get("hide"));
        expect([...read]).toEqual([...hidden].filter(([, set]) => set.size > 0));
      }),
    );
  });

  it("are read from any text", () => {
    fc.assert(fc.property(name, (text) => void parseHidden(text)));
    expect(parseHidden(null)).toEqual(new Map());
    expect(parseHidden("a:%;b;c:d")).toEqual(new Map([["c", new Set(["d"])]]));
  });

  it("make no address that is too long: what was hidden first is left out", () => {
    const many = new Set(Array.from({ length: 60 }, () => crypto.randomUUID()));
    const read = parseHidden(
      formatHidden(
        new Map([
          ["a", many],
          ["b", many],
          ["c", new Set(["d"])],
        ]),
      ),
    );
    expect(read).toEqual(
      new Map([
        ["b", many],
        ["c", new Set(["d"])],
      ]),
    );
  });
});
