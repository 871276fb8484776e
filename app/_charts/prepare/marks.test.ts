import { describe, expect, it } from "vitest";
import type { AlarmRow } from "@/app/_lib/live/trpc";
import type { AlarmName } from "@/contracts/records/alarms";
import { TRAIN_CHARTS } from "@/app/_charts/definitions/train-charts";
import { findChart, findMarks } from "./marks";

const alarm = (name: AlarmRow["name"], metric: string, cleared: number | null): AlarmRow => {
  const at = new Date(0);
  return {
    name,
    since: 3,
    raised: { step: 5, at },
    cleared: cleared === null ? null : { step: cleared, at },
    evidence: [{ metric, now: { value: 1, fromStep: 3, toStep: 5 }, before: null, limit: null }],
  };
};

describe("marks of alarms on charts", () => {
  it("stand on the charts that draw what the alarm saw, until it was cleared", () => {
    const marks = findMarks(TRAIN_CHARTS, [
      alarm("no-variance", "groups/without_variance", null),
      alarm("reward-hacking", "reward/mean", 9),
    ]);
    expect([...marks]).toEqual([
      [
        "reward",
        [
          {
            kind: "alarm",
            name: "reward-hacking",
            title: "Reward up, held-out GBR down",
            from: 3,
            to: 9,
          },
        ],
      ],
      [
        "variance",
        [
          {
            kind: "alarm",
            name: "no-variance",
            title: "Groups without variance",
            from: 3,
            to: null,
          },
        ],
      ],
    ]);
    expect(findMarks(TRAIN_CHARTS, [alarm("no-variance", "nothing/drawn", null)]).size).toBe(0);
  });

  it("an alarm's metric leads to the chart that draws it", () => {
    expect(findChart(TRAIN_CHARTS, "actor/entropy_loss")).toBe("entropy");
    expect(findChart(TRAIN_CHARTS, "generator/retries")).toBe("retries");
    expect(findChart(TRAIN_CHARTS, "nothing/drawn")).toBeNull();
  });

  it("every alarm of a training has a chart that shows what it watches", () => {
    const watched: Record<Exclude<AlarmName, "swallowed-errors">, string> = {
      "reward-hacking": "reward/mean",
      "entropy-collapse": "actor/entropy_loss",
      "length-explosion": "response_length/mean",
      "question-copied": "search/copied_question",
      "format-drift": "search/format_errors",
      "no-variance": "groups/without_variance",
      "kl-runaway": "actor/kl_loss",
      "value-useless": "critic/vf_explained_var",
      "gradient-explosion": "critic/grad_norm",
      "generator-errors": "generator/retries",
      "likelihood-displacement": "actor/positive_logprob",
      "queries-alike": "search/query_information",
      "dead-questions": "groups/dead_questions",
    };
    for (const [name, metric] of Object.entries(watched))
      expect(findChart(TRAIN_CHARTS, metric), name).not.toBeNull();
  });
});
