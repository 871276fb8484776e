import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { getSettingValue } from "@/core/run/setting-values";
import { countRuns, expandSweepOrThrow, expandSweep, formatSweepProblem } from "./expand-sweep";
import { shortenPaths, formatVariedSettings } from "./varied-settings";
import { isLowerBetter } from "@/core/metrics/metrics";
import { MAX_SWEEP_RUNS, sweepSpecSchema, type SettingValue } from "@/contracts/run-config/sweep";
import { parseAxis, parseRow, parseSeeds, parseValues } from "./sweep-text";

const base = findPreset("atlas-smollm2-grpo")!.config;
const grid = (axes: Record<string, SettingValue[]>, rest: object = {}) => ({
  mode: "grid",
  name: "s",
  base,
  axes: Object.entries(axes).map(([path, values]) => ({ path, values })),
  ...rest,
});
const list = (rows: Record<string, SettingValue>[], rest: object = {}) => ({
  mode: "list",
  name: "s",
  base,
  rows,
  ...rest,
});
const problems = (input: unknown): string[] => {
  const expansion = expandSweep(input);
  return expansion.ok ? [] : expansion.problems.map(formatSweepProblem);
};

/** Settings that may be varied freely, each with some valid values. */
const AXES = {
  "rl.steps": [1, 2, 5, 9],
  "search.turns": [0, 1, 2, 3],
  "rl.learningRate": [1e-4, 5e-4, 0.001],
  "coldStart.demonstrations": [0, 8, 96],
  "search.skipSeen": [true, false],
  "searcher.adapter.rank": [8, 16],
} as const;
const axes = fc
  .uniqueArray(fc.constantFrom(...(Object.keys(AXES) as (keyof typeof AXES)[])), { maxLength: 4 })
  .chain((paths) =>
    fc.tuple(
      ...paths.map((path) =>
        fc
          .subarray([...AXES[path]] as SettingValue[], { minLength: 1 })
          .map((values) => [path, values] as const),
      ),
    ),
  );
const seeds = fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { maxLength: 3 });

describe("expandSweep", () => {
  it("makes every combination of a grid once under every seed, each a valid configuration that differs where it varies alone", () => {
    fc.assert(
      fc.property(axes, seeds, (chosen, given) => {
        const input = grid(Object.fromEntries(chosen), { seeds: given });
        const count = countRuns(sweepSpecSchema.parse(input));
        const expansion = expandSweep(input);
        if (count > MAX_SWEEP_RUNS)
          return void expect(expansion).toMatchObject({ ok: false, problems: [{ path: "axes" }] });
        if (!expansion.ok) throw new Error(expansion.problems.map(formatSweepProblem).join("\n"));
        const { runs } = expansion;
        expect(runs).toHaveLength(count);
        expect(new Set(runs.map((run) => JSON.stringify([run.varied, run.seed]))).size).toBe(count);
        expect(new Set(runs.map((run) => run.name)).size).toBe(count);
        for (const run of runs) {
          expect(runConfigSchema.parse(run.config)).toEqual(run.config);
          expect(run.config.name).toBe(run.name);
          expect(run.name.length).toBeLessThanOrEqual(120);
          const back = structuredClone(run.config) as Record<string, unknown>;
          for (const [path, values] of chosen) {
            expect(values).toContainEqual(getSettingValue(run.config, path));
            expect(run.varied[path]).toEqual(getSettingValue(run.config, path));
          }
          // Whatever was not varied is the base's.
          const plain = runConfigSchema.parse({
            ...base,
            name: run.name,
            ...(run.seed !== null && { seed: run.seed }),
          }) as Record<string, unknown>;
          for (const [path] of chosen)
            for (const target of [back, plain])
              (
                getSettingValue(target, path.split(".").slice(0, -1).join(".")) as Record<
                  string,
                  unknown
                >
              )[path.split(".").at(-1)!] = null;
          expect(back).toEqual(plain);
        }
        // One row is one setting: it differs by its seed alone.
        for (const row of new Set(runs.map((run) => run.row))) {
          const same = runs.filter((run) => run.row === row);
          expect(new Set(same.map((run) => JSON.stringify(run.varied))).size).toBe(1);
          expect(same.map((run) => run.seed)).toEqual(given.length > 0 ? given : [0]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("orders by seed, then by row, and names what varies", () => {
    const { runs, paths } = expandSweepOrThrow(
      grid({ "rl.steps": [1, 2], "train.groupSize": [4] }, { name: "Steps", seeds: [7, 8] }),
    );
    expect(paths).toEqual(["rl.steps", "rl.groupSize"]);
    expect(runs.map((run) => run.name)).toEqual([
      "Steps: steps=1, seed=7",
      "Steps: steps=2, seed=7",
      "Steps: steps=1, seed=8",
      "Steps: steps=2, seed=8",
    ]);
    expect(runs.map((run) => run.row)).toEqual([0, 1, 0, 1]);
    expect(runs[3]?.varied).toEqual({ "rl.steps": 2, "rl.groupSize": 4 });
    expect(expandSweepOrThrow(grid({})).runs.map((run) => run.name)).toEqual(["s"]);
  });

  it("names the row of a setting's neutral value, which its configuration leaves out", () => {
    const { runs } = expandSweepOrThrow(grid({ "rl.topP": [1, 0.9] }, { name: "P" }));
    expect(runs.map((run) => [run.name, run.varied])).toEqual([
      ["P: topP=1", { "rl.topP": 1 }],
      ["P: topP=0.9", { "rl.topP": 0.9 }],
    ]);
    expect(getSettingValue(runs[0]!.config, "rl.topP")).toBeUndefined();
  });

  it("lets rows of a list name different settings, and fills in what the base has", () => {
    const { runs } = expandSweepOrThrow(
      list([
        { "rl.steps": 3 },
        { "search.turns": 2, "retriever.kind": "bm25", "retriever.k1": 1.2 },
      ]),
    );
    expect(runs[0]?.varied).toEqual({
      "rl.steps": 3,
      "search.turns": 1,
      "retriever.kind": "dense",
    });
    expect(runs[1]?.varied).toEqual({
      "rl.steps": 12,
      "search.turns": 2,
      "retriever.kind": "bm25",
      "retriever.k1": 1.2,
    });
    expect(runs[1]?.config).toMatchObject({ retriever: { kind: "bm25", b: 0.4 } });
  });

  it("says of every row what is wrong, by its number and path", () => {
    expect(problems(grid({ "rl.steps": [1, -1], "rl.temperature": [1, 9] }))).toEqual([
      expect.stringMatching(/^run 2, 4: rl\.temperature: /),
      expect.stringMatching(/^run 3, 4: rl\.steps: /),
    ]);
    expect(problems(list([{ "rl.steps": 1 }, { "rl.stepz": 2 }]))).toEqual([
      expect.stringMatching(
        /^run 2: rl\.stepz: There is no setting "rl\.stepz"\. Similar: rl\.steps/,
      ),
    ]);
    expect(
      problems(grid({ "rl.steps": [1, 2] }, { base: { ...base, rl: { epochz: 1 } } })),
      "the base's problems are not those of a row",
    ).toEqual(["rl.epochz: unknown setting"]);
  });

  it("refuses duplicates, whichever way they are written", () => {
    expect(problems(grid({ "rl.steps": [1, 2, 1.0] }))).toEqual([
      "run 3: rl.steps: has the same settings as run 1",
    ]);
    expect(problems(list([{}, { "rl.steps": 12 }])), "the base's own value").toEqual([
      "run 2: rl.steps: has the same settings as run 1",
    ]);
    expect(problems(grid({}, { seeds: [1, 1] }))).toEqual(["seeds: a seed is given twice"]);
    expect(
      problems({
        ...grid({}),
        axes: [
          { path: "rl.steps", values: [1] },
          { path: "train.steps", values: [2] },
        ],
      }),
    ).toEqual(["rl.steps: is varied twice; put its values together"]);
  });

  it("bounds the number of runs before it makes one", () => {
    const many = Array.from({ length: 200 }, (_, i) => i + 1);
    expect(
      problems(
        grid({
          "rl.steps": many,
          "rl.questionsPerStep": many,
          "evaluation.every": many,
          "checkpointing.every": many,
        }),
      ),
    ).toEqual(["axes: makes 1600000000 runs; a sweep has at most 200. Give fewer values or seeds"]);
    expect(expandSweepOrThrow(grid({ "rl.steps": many })).runs).toHaveLength(200);
  });

  it("refuses what a sweep sets by itself, and kinds that cannot be swept", () => {
    expect(problems(grid({ seed: [1, 2] }))).toEqual([
      expect.stringMatching(/^seed: give seeds as seeds/),
    ]);
    expect(problems(list([{ name: "x" }, {}]))).toEqual([expect.stringMatching(/^run 1: name: /)]);
    expect(problems(grid({}, { base: { kind: "serve", corpus: "atlas" } }))).toEqual([
      "base.kind: a service does not end, so there is nothing to sweep",
    ]);
    expect(
      problems(grid({ k: [10, 20] }, { base: { kind: "evaluate", corpus: "atlas" }, seeds: [1] })),
    ).toEqual(["seeds: runs of this kind have no seed"]);
    expect(
      expandSweepOrThrow(
        grid({ k: [10, 20] }, { base: { kind: "evaluate", corpus: "atlas" } }),
      ).runs.map((run) => run.seed),
    ).toEqual([null, null]);
  });

  it("keeps names apart where they are too long", () => {
    const { runs } = expandSweepOrThrow(
      grid({ "data.corpus": ["a", "b"].map((end) => `${"c".repeat(130)}${end}`) }),
    );
    expect(new Set(runs.map((run) => run.name)).size).toBe(2);
    expect(runs.every((run) => run.name.length <= 120)).toBe(true);
  });
});

describe("what varies, in words", () => {
  it("cuts paths to the ends that tell them apart", () => {
    expect(shortenPaths(["rl.steps", "rl.learningRate", "coldStart.learningRate"])).toEqual([
      "steps",
      "rl.learningRate",
      "coldStart.learningRate",
    ]);
    expect(shortenPaths(["seed", "a.seed"])).toEqual(["seed", "a.seed"]);
    expect(formatVariedSettings({ "rl.steps": 2, "search.decoding": "free" })).toBe(
      "steps=2, decoding=free",
    );
  });

  it("knows which metrics are better when they are low", () => {
    for (const name of [
      "cold-start/loss",
      "actor/kl",
      "timing_s/step",
      "search/format_errors",
      "held-out/lost",
      "memory/engine_peak_mb",
    ])
      expect(isLowerBetter(name), name).toBe(true);
    for (const name of [
      "held-out/accuracy",
      "reward/mean",
      "held-out/gbr",
      "search/gold_selected",
      "predict/accuracy",
      "retrieval/recall@10",
    ])
      expect(isLowerBetter(name), name).toBe(false);
  });
});

describe("sweeps as people type them", () => {
  it("reads values, rows, axes and seeds", () => {
    expect(parseValues("1, 2,4")).toEqual([1, 2, 4]);
    expect(parseValues("gbr,upstream,true,null")).toEqual(["gbr", "upstream", true, null]);
    expect(parseValues('["a,b","c"]')).toEqual(["a,b", "c"]);
    expect(parseValues('["a","b"],["c"]')).toEqual([["a", "b"], ["c"]]);
    expect(parseValues("")).toEqual([]);
    expect(parseAxis("rl.steps=1,2")).toEqual({ path: "rl.steps", values: [1, 2] });
    expect(parseRow("rl.steps=1, search.decoding = free")).toEqual({
      "rl.steps": 1,
      "search.decoding": "free",
    });
    expect(parseSeeds("1, 4-6")).toEqual([1, 4, 5, 6]);
    expect(() => parseSeeds("1,x")).toThrow(/not "x"/);
    expect(() => parseRow("rl.steps")).toThrow(/path=value/);
    expect(() => parseRow("a=1,a=2")).toThrow(/twice/);
  });

  it("reads back what JSON wrote", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.string()), {
          minLength: 1,
        }),
        (values) => void expect(parseValues(JSON.stringify(values))).toEqual(values),
      ),
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer(), fc.boolean()), { minLength: 1 }),
        (values) => void expect(parseValues(values.join(","))).toEqual(values),
      ),
    );
  });
});
