import { describe, expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import { buildPlotTable, formatCsv, formatFileName } from "./export";
import { buildPath, listDots } from "./paths";
import type { Point } from "./point";
import { placeLine } from "./prepare";
import { DEFAULT_SETTINGS, formatSettings, formatZoom, parseSettings, parseZoom } from "./settings";
import { smoothValues } from "./smooth";
import { buildView, type ViewRequest } from "./view";
import { buildTracks, findStep, findX } from "./x-axis";

const t = createText("en", {});

const place = (points: readonly Point[], smoothing = 0) =>
  placeLine({ key: "a", label: "A", points }, { track: null, smoothing });
const STYLES = [{ key: "a", label: "A", colour: "red" }];
const view = (points: readonly Point[], rest: Partial<ViewRequest> = {}) =>
  buildView(t, {
    lines: [place(points, rest.settings?.smoothing)],
    styles: STYLES,
    kind: "lines",
    scale: "free",
    settings: DEFAULT_SETTINGS,
    xKind: "step",
    zoom: null,
    references: [],
    ...rest,
  });
const ramp = Array.from({ length: 101 }, (_, step) => ({ step, value: step }));

describe("smoothValues", () => {
  it("begins with the first value, and forgets by the distance that passed", () => {
    const at = (x: number, value: number) => ({ x, value, count: 1 });
    expect(smoothValues([at(0, 4)], 0.9, 1)).toEqual([4]);
    const [, near] = smoothValues([at(0, 0), at(1, 1)], 0.5, 1);
    expect(near).toBeCloseTo(1 / 1.5);
    const [, far] = smoothValues([at(0, 0), at(3, 1)], 0.5, 1);
    expect(far, "three distances: 0.5 to the third").toBeCloseTo(1 / 1.125);
  });
  it("counts a point as often as it stands for reported ones", () => {
    const values = smoothValues(
      [
        { x: 0, value: 0, count: 3 },
        { x: 1, value: 1, count: 1 },
      ],
      0.5,
      1,
    );
    expect(values[1]).toBeCloseTo(1 / 2.5);
  });
});

describe("buildView", () => {
  it("draws extremes as an area under the line", () => {
    const { layers } = view([
      { step: 0, value: 1, min: 0, max: 9, count: 2 },
      { step: 2, value: 2, count: 2 },
    ]);
    expect(layers.map(({ kind, isFaint }) => [kind, isFaint])).toEqual([
      ["area", true],
      ["line", false],
    ]);
  });
  it("draws the raw line faintly behind the smoothed one", () => {
    const { layers } = view(ramp, { settings: { ...DEFAULT_SETTINGS, smoothing: 0.9 } });
    expect(layers.map(({ isFaint }) => isFaint)).toEqual([true, false]);
    expect(layers[0]!.parts[0]![50]!.high).toBe(50);
    expect(layers[1]!.parts[0]![50]!.high).toBeLessThan(50);
  });
  it("fits both axes to what is zoomed to", () => {
    const { x, y, xs, layers } = view(ramp, { zoom: [40.5, 60] });
    expect(x.domain).toEqual([40.5, 60]);
    expect(y.domain).toEqual([40, 60]);
    expect(xs).toHaveLength(20);
    expect(layers[0]!.parts[0]!.map((p) => p.x).slice(0, 1)).toEqual([40]);
  });
  it("says how many points an axis without outliers leaves outside", () => {
    const points = ramp.map(({ step }) => ({ step, value: step === 50 ? 1e6 : step % 7 }));
    const settings = { ...DEFAULT_SETTINGS, clip: true };
    const { y, notes } = view(points, { settings });
    expect(y.domain[1]).toBeLessThan(20);
    expect(notes).toEqual(["1 point is outside of this axis, of 101."]);
  });
  it("says how many points a logarithmic axis cannot hold", () => {
    const { y, notes } = view(ramp, { settings: { ...DEFAULT_SETTINGS, logY: true } });
    expect(y.log).toBe(true);
    expect(notes).toEqual(["1 point is at 0 or below: not on a logarithmic axis."]);
  });
  it("holds reference values", () => {
    expect(view(ramp, { references: [300] }).y.domain[1]).toBeGreaterThanOrEqual(300);
  });
});

describe("paths", () => {
  const box = { x: 10, y: 0, width: 100, height: 50 };
  const x = { domain: [0, 2] as const, ticks: [], log: false };
  const y = { domain: [0, 10] as const, ticks: [], log: false };
  const line = (...values: number[]) => [
    values.map((value, i) => ({ x: i, low: value, high: value })),
  ];
  it("go from the left foot to the right top", () => {
    expect(buildPath({ kind: "line", parts: line(0, 5, 10) }, box, x, y)).toBe(
      "M10,50L60,25L110,0",
    );
    const area = [[{ x: 0, low: 0, high: 10 }]];
    expect(buildPath({ kind: "area", parts: area }, box, x, y)).toBe("M10,0L10,50Z");
  });
  it("break where a logarithmic axis has no place", () => {
    const log = { domain: [1, 10] as const, ticks: [], log: true };
    expect(buildPath({ kind: "line", parts: line(1, 0, 10) }, box, x, log)).toBe("M10,50M110,0");
  });
  it("have dots where a point stands alone", () => {
    const layer = { key: "a", kind: "line" as const, style: STYLES[0]!, isFaint: false };
    expect(listDots({ ...layer, parts: line(5) }, box, x, y)).toEqual([{ cx: 10, cy: 25 }]);
    expect(listDots({ ...layer, parts: line(5, 6) }, box, x, y)).toEqual([]);
  });
});

describe("tracks", () => {
  const tracks = buildTracks({
    "state_tokens/total": [
      { step: 1, value: 100, at: 1_000_000 },
      { step: 3, value: 50, count: 2, at: 1_060_000 },
    ],
    "response_length/mean": [
      { step: 1, value: 25 },
      { step: 3, value: 10 },
    ],
  });
  it("sum tokens and episodes up to a step, and count seconds from the first point", () => {
    expect(tracks.tokens).toEqual({ steps: [0, 1, 3], xs: [0, 100, 200] });
    expect(tracks.episodes).toEqual({ steps: [0, 1, 3], xs: [0, 4, 14] });
    expect(tracks.time).toEqual({ steps: [1, 3], xs: [0, 60] });
  });
  it("map steps to places and back, and know their ends", () => {
    expect(findX(tracks.tokens!, 2)).toBe(150);
    expect(findX(tracks.tokens!, 4)).toBeNull();
    expect(findStep(tracks.tokens!, 150)).toBe(2);
    expect(findStep(tracks.tokens!, 1000)).toBe(3);
    expect(findX(null, 7)).toBe(7);
  });
  it("are absent where the run has not measured them", () => {
    expect(buildTracks({ reward: [{ step: 1, value: 1 }] })).toEqual({});
  });
});

describe("settings in the address", () => {
  it("come back as they were", () => {
    const settings = {
      smoothing: 0.6,
      x: "time",
      logX: true,
      logY: false,
      clip: true,
      markers: ["restart", "evaluation"],
    } as const;
    const params = formatSettings(settings);
    expect(parseSettings((name) => params[name] ?? null)).toEqual(settings);
  });
  it("are as otherwise where they make no sense", () => {
    const params: Record<string, string> = { smooth: "7", x: "moons", markers: "none" };
    expect(parseSettings((name) => params[name] ?? null)).toEqual({
      ...DEFAULT_SETTINGS,
      markers: [],
    });
  });
  it("hold the zoom", () => {
    expect(parseZoom(formatZoom([10, 20.5]))).toEqual([10, 20.5]);
    expect([parseZoom(null), parseZoom("5..5"), parseZoom("a..b")]).toEqual([null, null, null]);
    expect(formatZoom(null)).toBeNull();
  });
});

describe("files", () => {
  it("hold raw, extreme and smoothed values", () => {
    const line = place(
      [
        { step: 1, value: 1, min: 0, max: 2, count: 2 },
        { step: 3, value: 2 },
      ],
      0.5,
    );
    const table = buildPlotTable(t, {
      lines: [line],
      styles: [{ key: "a", label: 'A, "b"', colour: "red" }],
      xKind: null,
      smoothing: 0.5,
    });
    expect(table.columns.slice(0, 3)).toEqual(["step", 'A, "b"', 'A, "b" min']);
    expect(formatCsv(table).split("\r\n")).toEqual([
      '\uFEFFstep,"A, ""b""","A, ""b""_min","A, ""b""_max","A, ""b""_smoothed_0.5"',
      "1,1,0,2,1",
      `3,2,2,2,${line.points[1]!.smoothed}`,
      "",
    ]);
  });
  it("hold how many runs a mean is over", () => {
    const line = place([
      { step: 1, value: 1, band: [0, 2], n: 3 },
      { step: 2, value: 2, band: null, n: 1 },
    ]);
    const styles = [{ key: "a", label: "lr=1e-5", colour: "red" }];
    const table = buildPlotTable(t, { lines: [line], styles, xKind: null, smoothing: 0 });
    expect(table.columns).toEqual(["step", "lr=1e-5", "lr=1e-5 low", "lr=1e-5 high", "lr=1e-5 n"]);
    expect(formatCsv(table).split("\r\n").slice(0, 3)).toEqual([
      "\uFEFFstep,lr=1e-5,lr=1e-5_low,lr=1e-5_high,lr=1e-5_n",
      "1,1,0,2,3",
      "2,2,2,2,1",
    ]);
  });
  it("have the names of metrics as heads, in every language", () => {
    const line = { ...place([{ step: 1, value: 1 }]), key: "reward/mean" };
    const styles = [{ key: "reward/mean", label: "奖励", colour: "red" }];
    const table = buildPlotTable(t, { lines: [line], styles, xKind: "time", smoothing: 0 });
    expect(table.columns.at(-1)).toBe("奖励");
    expect(formatCsv(table)).toMatch(/^\uFEFFstep,time,reward\/mean\r\n/);
  });
  it("are named after their chart", () => {
    expect(formatFileName("Reward & accuracy")).toBe("reward-accuracy");
    expect(formatFileName("奖励与准确率（留出）")).toBe("奖励与准确率-留出");
  });
});
