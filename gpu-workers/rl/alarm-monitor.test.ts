import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ALARMS } from "@/core/metrics/alarms";
import { AppError } from "@/contracts/errors";
import { findPreset } from "@/core/presets/run-presets";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import {
  readTrainerState,
  TRAINER_FILE,
  writeTrainerState,
  type TrainerState,
} from "@/gpu-workers/rl/trainer-state";
import { AlarmMonitor } from "./alarm-monitor";
import { INITIAL_ALARM_STATE } from "@/core/alarms/alarm-state";

describe("the alarm monitor", () => {
  const preset = trainConfigSchema.parse(findPreset("atlas-smollm2-grpo")!.config);
  const config = {
    ...preset,
    alarms: { stopOn: { ...preset.alarms.stopOn, "no-variance": true } },
  };
  const open = (of = config) => {
    const items: ReportItem[] = [];
    const lines: string[] = [];
    return {
      items,
      lines,
      alarms: new AlarmMonitor(
        {
          report: (item) => Promise.resolve(void items.push(item)),
          log: (_, line) => void lines.push(line),
        },
        of,
        72,
      ),
    };
  };
  const collapse = async (alarms: AlarmMonitor, from: number, to: number): Promise<void> => {
    for (let step = from; step <= to; step++)
      await alarms.observe({ "groups/without_variance": 1 }, step);
  };

  it("reports each change once, and stops with the evidence and the remedy where it is told to", async () => {
    const { alarms, items, lines } = open();
    await collapse(alarms, 1, 4);
    expect([items, alarms.shouldStop]).toEqual([[], false]);
    await collapse(alarms, 5, 6);
    expect(items).toMatchObject([
      { kind: "alarms", changes: [{ to: "raised", name: "no-variance", step: 5, since: 1 }] },
    ]);
    expect(lines).toHaveLength(1);
    expect(alarms.shouldStop).toBe(true);
    const why = alarms.buildStopError(7);
    expect(why.code).toBe("alarm");
    for (const part of [
      ALARMS["no-variance"].title,
      "groups/without_variance 1 (steps 1–5); limit: at least 0.9",
      ALARMS["no-variance"].remedy,
      "alarm after step 5",
      "checkpoint after step 7",
    ])
      expect(why.message).toContain(part);
  });

  it("keeps what it saw in the checkpoint's trainer state; one from before there were alarms begins anew", async () => {
    const { alarms } = open();
    await collapse(alarms, 1, 6);
    const folder = await mkdtemp(join(tmpdir(), "s3-alarms-"));
    const state: TrainerState = {
      version: 2,
      step: 6,
      cursor: 6,
      weightsHash: "w",
      criticHash: null,
      klCoefficient: null,
      skipped: 0,
      answers: [],
      alarms: alarms.state,
    };
    await writeTrainerState(folder, state);
    expect((await readTrainerState(folder)).alarms).toEqual(alarms.state);
    await writeFile(
      join(folder, TRAINER_FILE),
      JSON.stringify({ version: 1, step: 6, cursor: 6, weightsHash: "w", answers: [] }),
    );
    expect((await readTrainerState(folder)).alarms).toEqual(INITIAL_ALARM_STATE);
    await rm(folder, { recursive: true });
  });

  it("goes on where it is not told to stop, and after it was resumed", async () => {
    const { alarms, items } = open(preset);
    await collapse(alarms, 1, 9);
    expect([items.length, alarms.shouldStop]).toEqual([1, false]);
    expect(() => alarms.buildStopError(9)).toThrow(AppError);

    const resumed = open();
    resumed.alarms.restore(alarms.state);
    await collapse(resumed.alarms, 10, 20);
    expect([resumed.items, resumed.alarms.shouldStop]).toEqual([[], false]);
    for (let step = 21; step <= 30; step++)
      await resumed.alarms.observe({ "groups/without_variance": 0.3 }, step);
    expect(resumed.items).toMatchObject([{ changes: [{ to: "cleared", name: "no-variance" }] }]);
    await collapse(resumed.alarms, 31, 40);
    expect(resumed.alarms.buildStopError(40).message).toContain(
      "Stopped on an alarm after step 33",
    );
  });
});
