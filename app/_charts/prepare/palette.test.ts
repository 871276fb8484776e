import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ChartDefinition } from "./chart-definition";
import { PREDICT_CHARTS } from "@/app/_charts/definitions/predict-charts";
import { SERVE_CHARTS, SERVE_MODEL_CHARTS } from "@/app/_charts/definitions/serve-charts";
import { TRAIN_CHARTS } from "@/app/_charts/definitions/train-charts";

type Triple = readonly [number, number, number];
type Matrix = readonly [Triple, Triple, Triple];

const multiply = (matrix: Matrix, [a, b, c]: Triple): Triple =>
  matrix.map(([x, y, z]) => x * a + y * b + z * c) as unknown as Triple;

/** How linear RGB is seen (Machado, Oliveira and Fernandes 2009, severity 1). */
const VISIONS: Readonly<Record<string, Matrix>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};
const TO_LMS: Matrix = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
];
const TO_OKLAB: Matrix = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
];

const toLinear = (hex: string): Triple =>
  [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as unknown as Triple;

/** A colour as it is seen, in OKLab. */
function see(hex: string, vision: Matrix): Triple {
  const seen = multiply(vision, toLinear(hex)).map((c) => Math.min(1, Math.max(0, c)));
  const lms = multiply(TO_LMS, seen as unknown as Triple).map(Math.cbrt);
  return multiply(TO_OKLAB, lms as unknown as Triple);
}

const computeDistance = (a: string, b: string, vision: Matrix): number => {
  const [p, q] = [see(a, vision), see(b, vision)];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
};

const css = readFileSync(new URL("../../globals.css", import.meta.url), "utf8");
const readPalette = (block: string): Map<string, string> =>
  new Map([...block.matchAll(/(--series-\d): (#\w{6});/g)].map(([, name, hex]) => [name!, hex!]));
const THEMES = {
  light: readPalette(css.slice(0, css.indexOf(".dark {"))),
  dark: readPalette(css.slice(css.indexOf(".dark {"))),
};
/** Two colours this far apart are told apart side by side; the smallest step of a palette of seven was 0.03 before. */
const FAR_ENOUGH = 0.1;

describe("colours of series", () => {
  for (const [theme, palette] of Object.entries(THEMES))
    for (const [name, vision] of Object.entries(VISIONS))
      it(`differ, each pair, in the ${theme} theme with ${name} vision`, () => {
        const colours = [...palette.values()];
        expect(colours).toHaveLength(7);
        const close = colours.flatMap((a, i) =>
          colours.slice(i + 1).filter((b) => computeDistance(a, b, vision) < FAR_ENOUGH),
        );
        expect(close).toEqual([]);
      });

  it("are of the palette, and where one comes twice on a chart, the second is dashed or hatched", () => {
    const charts: ChartDefinition[] = [
      TRAIN_CHARTS,
      PREDICT_CHARTS,
      SERVE_CHARTS,
      SERVE_MODEL_CHARTS,
    ].flatMap((groups) => groups.flatMap((group) => group.charts));
    for (const { id, series } of charts) {
      const looks = series.map(({ colour, dashed }) => `${colour} ${dashed ?? false}`);
      expect(new Set(looks).size, id).toBe(looks.length);
      for (const { colour } of series) expect(colour, id).toMatch(/^var\(--series-[1-7]\)$/);
    }
  });
});
