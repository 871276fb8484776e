import { describe, expect, it } from "vitest";
import { placeLine, readLine } from "./prepare";
import { buildRunLines, buildTracksOfRuns, type RunLinesRequest } from "./run-lines";
import { buildTracks, chooseClockMetrics, findStepRange, listKinds, NO_TRACK } from "./x-axis";

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
    expect(placed.points.map(({ n }) => n)).toEqual([2, 2, 1]);
    expect(readLine(placed, 1)).toMatchObject({ value: (2.5 + 20) / 2, n: 2, carriedFrom: null });
    expect(readLine(placed, 5), "no mean after its end").toBeNull();
  });

  it("count the runs that have a value, not those of the group", () => {
    const [line] = draw({ groups: [style("g", "fast", "slow", "silent")], xKind: "step" });
    expect(place(line!).points.map(({ n }) => n)).toEqual([2, 2, 2]);
    const [alone] = draw({ groups: [style("a", "fast")], xKind: "step" });
    expect(readLine(place(alone!), 1)!.n, "a run's own values are no mean").toBeUndefined();
  });

  it("count what has no place: a run without the track, and the mean that it is part of", () => {
    const some = { fast: tracks.fast };
    for (const group of [style("b", "slow"), style("g", "fast", "slow")]) {
      const [line] = draw({ groups: [group], tracks: some });
      expect(line!.track).toBe(NO_TRACK);
      expect(place(line!)).toMatchObject({ xs: [], unplaced: 3 });
    }
  });

  it("are the same on wall time whatever is shown beside them", () => {
    const report = (seconds: number) => ({
      "timing_s/step": build(seconds, () => seconds).m,
      m: build(seconds, (step) => step * seconds).m,
    });
    const own = { fast: report(1), slow: report(2) };
    // Another metric, reported before the first step and long after the last one of each.
    const late = build(1, () => 0, [0, 3, 9]).m.map((point) => ({
      ...point,
      at: point.at * 7 - 5,
    }));
    const more = { fast: { ...own.fast, second: late }, slow: { ...own.slow, second: late } };
    const clocks = Object.fromEntries(
      Object.entries(own).map(([id, ofRun]) => [id, chooseClockMetrics(Object.keys(ofRun))]),
    );
    const [alone, among] = [own, more].map((read) =>
      draw({
        groups: [style("g", "fast", "slow")],
        series: read,
        tracks: buildTracksOfRuns(read, clocks),
      }),
    );
    expect(alone![0]!.points).toHaveLength(3);
    expect(among).toEqual(alone);
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

  it("are told by what a run reports at each step and evaluation, whoever trains it", () => {
    const ours = ["state_tokens/total", "timing_s/step", "held-out/accuracy", "reward/mean"];
    expect(chooseClockMetrics(ours)).toEqual(ours.slice(0, 3));
    expect(
      chooseClockMetrics([
        "val-core/em",
        "cold-start/loss",
        "critic/score",
        "critic/kl",
        "actor/lr",
      ]),
    ).toEqual(["actor/lr", "critic/kl", "val-core/em"]);
    expect(chooseClockMetrics(["train_loss", "eval_loss", "train_lr"])).toEqual([
      "eval_loss",
      "train_loss",
    ]);
  });

  it("show other steps of each run at the same time", () => {
    expect(findStepRange(tracks.fast.time!, [0.5, 1.5])).toEqual({ from: 1, to: 3 });
    expect(findStepRange(tracks.slow.time!, [0.5, 1.5])).toEqual({ from: 1, to: 2 });
    expect(findStepRange(null, [0.5, 1.5])).toEqual({ from: 0, to: 2 });
  });
});
