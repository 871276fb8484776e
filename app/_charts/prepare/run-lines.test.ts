import { describe, expect, it } from "vitest";
import { placeLine, readLine } from "./prepare";
import { buildRunLines, type RunLinesRequest } from "./run-lines";
import { buildTracks, findStepRange, listKinds, NO_TRACK } from "./x-axis";

const build = (seconds: number, value: (step: number) => number, steps = [1, 2, 3]) => ({
  m: steps.map((step) => ({
    step,
    value: value(step),
    min: value(step),
    max: value(step),
    count: 1,
    at: 1000 * seconds * step,
  })),
});
const series = { fast: build(1, (step) => step), slow: build(2, (step) => 10 * step) };
const tracks = { fast: buildTracks(series.fast), slow: buildTracks(series.slow) };
const style = (key: string, ...runIds: string[]) => ({ key, label: key, colour: "red", runIds });
const draw = (request: Partial<RunLinesRequest>) =>
  buildRunLines({ metric: "m", groups: [], series, xKind: "time", tracks, ...request });
const place = (line: ReturnType<typeof draw>[number]) =>
  placeLine(line, { track: null, smoothing: 0 });

describe("curves of several runs", () => {
  it("place each run by its own track", () => {
    const lines = draw({ groups: [style("a", "fast"), style("b", "slow")] });
    expect(lines.map((line) => place(line).xs)).toEqual([
      [0, 1, 2],
      [0, 2, 4],
    ]);
    expect(draw({ groups: [style("b", "slow")], xKind: "step" }).map((l) => place(l).xs)).toEqual([
      [1, 2, 3],
    ]);
  });

  it("average a group where its runs were at the same time", () => {
    const [line] = draw({ groups: [style("g", "fast", "slow")] });
    const placed = place(line!);
    expect(placed.points.map(({ x, value }) => [x, value])).toEqual([
      [0, (1 + 10) / 2],
      [2, (2.5 + 20) / 2],
      [4, 30],
    ]);
    expect(placed.parts, "one run alone is another mean").toHaveLength(2);
    expect(readLine(placed, 1)).toMatchObject({ value: (2.5 + 20) / 2, carriedFrom: null });
    expect(readLine(placed, 5), "no mean after its end").toBeNull();
  });

  it("count what has no place: a run without the track, and the mean that it is part of", () => {
    const some = { fast: tracks.fast };
    for (const group of [style("b", "slow"), style("g", "fast", "slow")]) {
      const [line] = draw({ groups: [group], tracks: some });
      expect(line!.track).toBe(NO_TRACK);
      expect(place(line!)).toMatchObject({ xs: [], unplaced: 3 });
    }
  });

  it("have a part in full resolution in its place, without a break", () => {
    const steps = [10, 20, 30, 40];
    const coarse = {
      one: build(1, () => 1, steps),
      other: build(1, () => 3, steps.slice(1)),
    };
    const fine = Array.from({ length: 11 }, (_, i) => 20 + i);
    const [line] = draw({
      groups: [style("g", "one", "other")],
      series: coarse,
      detail: { one: build(1, () => 1, fine), other: build(1, () => 3, fine) },
      xKind: "step",
    });
    const placed = place(line!);
    expect(placed.points.map(({ step }) => step)).toEqual([10, ...fine, 40]);
    expect(placed.parts.map((part) => part.length)).toEqual([1, 12]);
  });
});

describe("the axes of several runs", () => {
  it("are those that any of them has measured", () => {
    expect(listKinds(new Set())).toEqual(["step"]);
    expect(listKinds(new Set(["m"]))).toEqual(["step", "time"]);
    expect(listKinds(new Set(["state_tokens/total"]))).toEqual(["step", "time", "tokens"]);
    expect(listKinds(new Set(["state_tokens/total", "response_length/mean"]))).toEqual([
      "step",
      "time",
      "episodes",
      "tokens",
    ]);
  });

  it("show other steps of each run at the same time", () => {
    expect(findStepRange(tracks.fast.time!, [0.5, 1.5])).toEqual({ from: 1, to: 3 });
    expect(findStepRange(tracks.slow.time!, [0.5, 1.5])).toEqual({ from: 1, to: 2 });
    expect(findStepRange(null, [0.5, 1.5])).toEqual({ from: 0, to: 2 });
  });
});
