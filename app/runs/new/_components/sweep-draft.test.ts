import { describe, expect, it } from "vitest";
import { listSettingGroups } from "@/core/run/settings";
import { PRESETS } from "@/core/presets/run-presets";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { listSettingPaths } from "@/core/run/settings";
import { expandSweepOrThrow } from "@/core/sweep/expand-sweep";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import { SWEEP_PRESETS } from "@/core/presets/sweep-presets";
import { EMPTY_SWEEP } from "./empty-sweep";
import { createSweepDraft, readSweep, listVariableSettings } from "./sweep-draft";

const base = { ...runConfigSchema.parse(PRESETS[0]!.config), name: "Mine" };

describe("readSweep", () => {
  it("takes the form's configuration as the base and its name as the sweep's", () => {
    const read = readSweep(
      {
        ...EMPTY_SWEEP,
        axes: [
          { path: "rl.steps", text: "1, 2" },
          { path: "", text: "" },
        ],
        seeds: "1-2",
      },
      base,
    );
    expect(read.ok && read.runs.map((run) => run.name)).toEqual([
      "Mine: steps=1, seed=1",
      "Mine: steps=2, seed=1",
      "Mine: steps=1, seed=2",
      "Mine: steps=2, seed=2",
    ]);
    const list = readSweep(
      { ...EMPTY_SWEEP, mode: "list", rows: "-\nrl.steps=3, search.turns=2\n\n" },
      base,
    );
    expect(list.ok && list.runs.map((run) => run.name)).toEqual([
      "Mine: steps=12, turns=1",
      "Mine: steps=3, turns=2",
    ]);
  });

  it("says what cannot be read, and what is wrong with which run", () => {
    expect(readSweep({ ...EMPTY_SWEEP, seeds: "x" }, base)).toEqual({
      ok: false,
      problems: [expect.stringMatching(/not "x"/)],
    });
    expect(readSweep({ ...EMPTY_SWEEP, mode: "list", rows: "rl.steps" }, base)).toEqual({
      ok: false,
      problems: [expect.stringMatching(/path=value/)],
    });
    expect(
      readSweep({ ...EMPTY_SWEEP, axes: [{ path: "rl.steps", text: "1, many" }] }, base),
    ).toEqual({ ok: false, problems: [expect.stringMatching(/^run 2: rl\.steps: /)] });
    expect(readSweep({ ...EMPTY_SWEEP, axes: [{ path: "rl.steps", text: "" }] }, base)).toEqual({
      ok: false,
      problems: [expect.stringMatching(/at least one value/)],
    });
  });

  it("shows a ready sweep so that it reads back as the same runs", () => {
    for (const { spec, id } of SWEEP_PRESETS) {
      const parsed = sweepSpecSchema.parse(spec);
      const read = readSweep(createSweepDraft(parsed), { ...parsed.base, name: parsed.name });
      expect(read.ok && read.runs, id).toEqual(expandSweepOrThrow(spec).runs);
    }
  });
});

describe("variable", () => {
  it("offers settings that the schema has, each once", () => {
    for (const kind of ["train", "predict", "evaluate"] as const) {
      const paths = listVariableSettings(listSettingGroups(kind)).map((setting) => setting.path);
      expect(new Set(paths).size).toBe(paths.length);
      expect(paths.filter((path) => !listSettingPaths(kind).includes(path))).toEqual([]);
      expect(paths).toContain("retriever.kind");
    }
  });
});
