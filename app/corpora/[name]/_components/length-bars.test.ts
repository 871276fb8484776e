import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { buildLengthBars } from "./length-bars";

const t = createText("en", {});

describe("length bars", () => {
  it("keep the empty ranges between and leave out those around", () => {
    expect(
      buildLengthBars(t, {
        upTo: [10, 20, 35, 50, null],
        counts: [0, 4, 0, 2, 0],
        shortest: 12,
        longest: 40,
        mean: 20,
      }),
    ).toEqual([
      { label: "11–20", count: 4, share: 1 },
      { label: "21–35", count: 0, share: 0 },
      { label: "36–50", count: 2, share: 0.5 },
    ]);
    expect(
      buildLengthBars(t, { upTo: [10, null], counts: [0, 3], shortest: 11, longest: 90, mean: 40 }),
    ).toEqual([{ label: "over 10", count: 3, share: 1 }]);
    expect(
      buildLengthBars(t, { upTo: [10, null], counts: [0, 0], shortest: 0, longest: 0, mean: 0 }),
    ).toEqual([]);
  });
});
