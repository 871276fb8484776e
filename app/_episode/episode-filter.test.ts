import fc from "fast-check";
import { expect, it } from "vitest";
import {
  formatRange,
  keepFilter,
  chooseNextOrder,
  parseEpisodeFilter,
  parseRange,
} from "./episode-filter";

it("reads ranges as people write them", () => {
  expect(parseRange("4")).toEqual({ min: 4, max: 4 });
  expect(parseRange(" -0.5 .. 1 ")).toEqual({ min: -0.5, max: 1 });
  expect(parseRange("−1..")).toEqual({ min: -1 });
  expect(parseRange("..7")).toEqual({ max: 7 });
  expect(parseRange(".1..<.2")).toEqual({ min: 0.1, below: 0.2 });
  for (const text of ["", "..", "a..b", "<3"]) expect(parseRange(text)).toBeNull();
});

it("writes every range so that it is read as the same", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(number, number, fc.boolean(), (min, other, isOpen) => {
      const range = isOpen ? { min, below: other } : { min, max: other };
      const [low, high] = Object.values(parseRange(formatRange(range)) ?? {});
      expect([low! + 0, high! + 0]).toEqual([min + 0, other + 0]);
    }),
  );
});

it("reads a filter from an address, and leaves out what it does not know", () => {
  const params = new URLSearchParams(
    "tab=episodes&filter=gained&phase=nowhere&step=3&reward=0.5..&label=odd&q=lima&in=queries&sort=tokens&direction=ascending",
  );
  expect(parseEpisodeFilter(params)).toMatchObject({
    filter: "gained",
    phase: undefined,
    ranges: { step: { min: 3, max: 3 }, reward: { min: 0.5 } },
    label: "odd",
    text: "lima",
    textIn: "queries",
    sort: "tokens",
    sortDirection: "ascending",
  });
  expect(keepFilter(params)).not.toContain("tab");
  expect(parseEpisodeFilter(new URLSearchParams(keepFilter(params)))).toEqual(
    parseEpisodeFilter(params),
  );
  expect(keepFilter(new URLSearchParams("tab=episodes"))).toBe("");
});

it("sorts down, up, then as recorded", () => {
  const recorded = { sort: "recorded", sortDirection: "descending" } as const;
  expect(chooseNextOrder(recorded, "reward")).toEqual({ sort: "reward", direction: null });
  expect(chooseNextOrder({ sort: "reward", sortDirection: "descending" }, "reward")).toEqual({
    sort: "reward",
    direction: "ascending",
  });
  expect(chooseNextOrder({ sort: "reward", sortDirection: "ascending" }, "reward").sort).toBeNull();
});
