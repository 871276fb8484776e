import { describe, expect, it } from "vitest";
import { expandSweepOrThrow, formatSweepProblem, expandSweep } from "./expand-sweep";
import { SWEEP_PRESETS } from "@/core/presets/sweep-presets";
import { findBestRow, formatSweepCsv, formatSweepMarkdown, type SweepTable } from "./sweep-table";

const one = (mean: number) => ({ n: 1, mean, deviation: null, low: null, high: null });
const sweep: SweepTable = {
  name: "A | sweep",
  paths: ["rl.steps", "search.decoding"],
  metrics: ["held-out/accuracy", "actor/pg_loss"],
  members: [
    {
      id: "a",
      name: "A: steps=1, decoding=free",
      row: 0,
      seed: 1,
      state: "succeeded",
      varied: { "rl.steps": 1, "search.decoding": "free" },
      startedAt: new Date(0),
      endedAt: new Date(61_500),
      results: [
        { last: 0.5, lastStep: 4, best: 0.625, bestStep: 2 },
        { last: -0.25, lastStep: 4, best: -0.25, bestStep: 4 },
      ],
    },
    {
      id: "b",
      name: "=B",
      row: 1,
      seed: 1,
      state: "running",
      varied: { "rl.steps": 2 },
      startedAt: new Date(0),
      endedAt: null,
      results: [null, null],
    },
  ],
  groups: [
    {
      row: 0,
      varied: { "rl.steps": 1, "search.decoding": "free" },
      runs: 2,
      succeeded: 2,
      seconds: 61.5,
      results: [
        { last: { n: 2, mean: 0.5, deviation: null, low: 0.4, high: 0.6 }, best: one(0.625) },
        { last: one(-0.25), best: one(-0.25) },
      ],
    },
    {
      row: 1,
      varied: { "rl.steps": 2 },
      runs: 2,
      succeeded: 1,
      seconds: 30,
      results: [
        { last: one(0.75), best: one(0.75) },
        { last: one(0.125), best: one(0) },
      ],
    },
    {
      row: 2,
      varied: { "rl.steps": 3 },
      runs: 1,
      succeeded: 0,
      seconds: null,
      results: [null, null],
    },
  ],
};

describe("a sweep's table", () => {
  it("marks the greatest of an accuracy and the least of a loss", () => {
    expect(findBestRow(sweep, 0)).toBe(1);
    expect(findBestRow(sweep, 1)).toBe(0);
    expect(
      findBestRow({ ...sweep, groups: sweep.groups.slice(0, 1) }, 0),
      "one alone is no best",
    ).toBeNull();
    expect(
      findBestRow({ ...sweep, groups: [sweep.groups[1]!, { ...sweep.groups[1]!, row: 5 }] }, 0),
      "nor is a tie",
    ).toBeNull();
  });

  it("is Markdown with intervals, counts and what is missing left empty", () => {
    const lines = formatSweepMarkdown(sweep).split("\n");
    expect(lines[0]).toBe("A \\| sweep");
    expect(lines[2]).toBe(
      "| steps | decoding | held-out/accuracy, last | greatest | actor/pg\\_loss, last | least | runs | seconds |",
    );
    expect(lines.slice(4, 7)).toEqual([
      "| 1 | free | 0.5 [0.4, 0.6] | 0.625 | **-0.25** | -0.25 | 2 | 62 |",
      "| 2 |  | **0.75** | 0.75 | 0.125 | 0 | 1 of 2 | 30 |",
      "| 3 |  |  |  |  |  | 0 of 1 |  |",
    ]);
  });

  it("is CSV with a line a run that no spreadsheet runs", () => {
    const lines = formatSweepCsv(sweep).split("\r\n");
    expect(lines[0]).toContain(
      "run,name,state,combination,seed,rl.steps,search.decoding,held-out/accuracy last",
    );
    expect(lines[1]).toBe(
      'a,"A: steps=1, decoding=free",succeeded,1,1,1,free,0.5,4,0.625,2,-0.25,4,-0.25,4,61.5',
    );
    expect(lines[2]).toMatch(/^b,'=B,running,2,1,2,,,,/);
  });
});

describe("sweep presets", () => {
  it("are valid sweeps", () => {
    for (const { id, spec } of SWEEP_PRESETS) {
      const expansion = expandSweep(spec);
      expect(expansion.ok ? [] : expansion.problems.map(formatSweepProblem), id).toEqual([]);
    }
  });

  it("ablate reward, cold start and turns under PPO on the whole pool", () => {
    const { runs } = expandSweepOrThrow(
      SWEEP_PRESETS.find((preset) => preset.id === "atlas-ablation")?.spec,
    );
    expect(runs).toHaveLength(6);
    for (const { config } of runs)
      expect(config).toMatchObject({
        kind: "train",
        rl: { algorithm: "ppo", filterAnswered: false },
      });
    const chosen = runs.map(({ config }) =>
      config.kind === "train"
        ? [
            Object.entries(config.reward.weights)
              .filter(([, weight]) => weight !== 0)
              .map(([term]) => term)
              .join(),
            config.coldStart.demonstrations > 0,
            config.search.turns,
          ]
        : [],
    );
    expect(chosen).toEqual([
      ["gbr", true, 1],
      ["upstream", true, 1],
      ["exactMatch", true, 1],
      ["gbr", false, 1],
      ["gbr", true, 2],
      ["gbr", false, 2],
    ]);
  });
});
