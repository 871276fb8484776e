import { describe, expect, it } from "vitest";
import { getBandColumn, prepareBands } from "./prepare-bands";

const point = (step: number, mean: number, n: number, stretch = 0) => ({
  step,
  mean,
  low: n > 1 ? mean - 0.1 : null,
  high: n > 1 ? mean + 0.1 : null,
  n,
  stretch,
});

describe("prepareBands", () => {
  it("breaks a curve where a run drops out, and draws no band of one", () => {
    const data = prepareBands([
      { key: "0", points: [point(1, 0.5, 2), point(2, 0.6, 2), point(3, 0.9, 1, 1)] },
    ]);
    expect(data.segments).toEqual([
      { column: "0#0", series: "0", hasBand: true },
      { column: "0#1", series: "0", hasBand: false },
    ]);
    expect(data.isolated).toEqual(new Set(["0#1"]));
    expect(data.rows).toEqual([
      { step: 1, "0#0": 0.5, "0#0 band": [0.4, 0.6], "0#1": null, "0#1 band": null },
      { step: 2, "0#0": 0.6, "0#0 band": [0.5, 0.7], "0#1": null, "0#1 band": null },
      { step: 3, "0#0": null, "0#0 band": null, "0#1": 0.9, "0#1 band": null },
    ]);
  });

  it("breaks at a gap in the steps, and puts curves of different steps side by side", () => {
    const data = prepareBands([
      { key: "a", points: [1, 2, 3, 9, 10].map((step) => point(step, step, 1)) },
      { key: "b", points: [point(5, 1, 1)] },
    ]);
    expect(data.segments.map((s) => s.column)).toEqual(["a#0", "a#1", "b#0"]);
    expect(data.rows.map((row) => row.step)).toEqual([1, 2, 3, 5, 9, 10]);
    expect(data.rows[3]).toMatchObject({ "a#0": null, "b#0": 1, [getBandColumn("b#0")]: null });
    expect(prepareBands([{ key: "a", points: [] }])).toEqual({
      rows: [],
      segments: [],
      isolated: new Set(),
      values: [],
    });
  });
});
