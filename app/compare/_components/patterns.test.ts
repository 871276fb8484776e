import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import {
  parseMask,
  formatFilter,
  countQuadrants,
  readFilter,
  readPair,
  writeFilter,
  writePair,
} from "./patterns";

describe("patterns of who is right", () => {
  it("go through the address and back", () => {
    const filter = readFilter("10x", 3);
    expect(filter).toEqual({ right: [0], wrong: [1] });
    expect(writeFilter(filter, 3)).toBe("10x");
    expect(formatFilter(createText("en", {}), filter)).toBe("A right, B wrong");
    for (const bad of [null, "10", "10a", "1011"])
      expect(readFilter(bad, 3)).toEqual({ right: [], wrong: [] });
    expect(writeFilter({ right: [], wrong: [] }, 2)).toBeNull();
    expect(writeFilter(parseMask(0b101, 3), 3)).toBe("101");
  });

  it("are of a pair that goes through the address and back", () => {
    expect(readPair("AC", 3)).toEqual([0, 2]);
    expect(writePair([0, 2])).toBe("AC");
    expect(writePair([0, 1])).toBeNull();
    for (const bad of [null, "", "A", "AA", "CA", "AD", "ABC", "ax"])
      expect(readPair(bad, 3)).toEqual([0, 1]);
  });

  it("add up to quadrants of any two runs", () => {
    const patterns = [
      { mask: 0b000, questions: 5 },
      { mask: 0b001, questions: 7 },
      { mask: 0b110, questions: 2 },
      { mask: 0b111, questions: 4 },
    ];
    expect(countQuadrants(patterns, 0, 1)).toEqual({
      both: 4,
      onlyFirst: 7,
      onlySecond: 2,
      neither: 5,
    });
    expect(countQuadrants(patterns, 1, 2)).toEqual({
      both: 6,
      onlyFirst: 0,
      onlySecond: 0,
      neither: 12,
    });
  });
});
