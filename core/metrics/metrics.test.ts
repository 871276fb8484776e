import { describe, expect, it } from "vitest";
import { METRIC_FAMILIES } from "./metric-families";
import { METRICS } from "./metric-table";
import {
  findMetric,
  getBetterDirection,
  getHeadlineMetric,
  getMetricLabel,
  getMetricWithRole,
  getQuadrantMetrics,
  isLowerBetter,
  listMetricsWithRole,
  listSweepMetrics,
} from "./metrics";
import { RANKING_METRICS } from "./ranking-metrics";

describe("metrics", () => {
  it("are chosen by their roles", () => {
    expect(getHeadlineMetric("train")).toBe("reward/mean");
    expect(getHeadlineMetric("predict")).toBe("predict/accuracy");
    expect(getHeadlineMetric("evaluate")).toBe("retrieval/recall@10");
    expect(getHeadlineMetric("serve")).toBe("reward/mean");
    expect(getHeadlineMetric("index")).toBe("reward/mean");
    expect(listSweepMetrics("train")).toEqual(["held-out/accuracy", "reward/mean"]);
    expect(listSweepMetrics("predict")).toEqual(["predict/accuracy"]);
    expect(listSweepMetrics("evaluate")).toEqual(["retrieval/recall@10"]);
    expect(listSweepMetrics("index")).toEqual([]);
    expect(listMetricsWithRole("progress")).toEqual([
      "cold-start/loss",
      "reward/mean",
      "held-out/accuracy",
      "held-out/rag_accuracy",
      "predict/accuracy",
    ]);
    expect(listMetricsWithRole("reference")).toEqual(["held-out/rag_accuracy"]);
    expect(getMetricWithRole("outcome", "train")).toBe("held-out/accuracy");
    expect(getMetricWithRole("reference", "train")).toBe("held-out/rag_accuracy");
    expect(() => getMetricWithRole("reference", "predict")).toThrow(
      "No metric of predict runs has the role reference.",
    );
  });

  it("are the shares of the quadrants by role, of a step's episodes and of held-out questions", () => {
    expect(getQuadrantMetrics("reward")).toEqual({
      "both-right": "reward/utility_0_gen_1",
      gained: "reward/utility_1_gen_1",
      lost: "reward/utility_-1_gen_0",
      "both-wrong": "reward/utility_0_gen_0",
    });
    expect(getQuadrantMetrics("held-out")).toEqual({
      "both-right": "held-out/both_right",
      gained: "held-out/gained",
      lost: "held-out/lost",
      "both-wrong": "held-out/both_wrong",
    });
  });

  it("are the key ones in the order of the table", () => {
    expect(listMetricsWithRole("key")).toEqual([
      "reward/mean",
      "held-out/accuracy",
      "held-out/gbr",
      "held-out/gold_selected",
      "search/searches",
      "search/format_errors",
      "groups/without_variance",
      "critic/vf_explained_var",
      "actor/kl_loss",
      "actor/entropy_loss",
      "actor/grad_norm",
      "response_length/mean",
      "timing_s/step",
    ]);
  });

  it("are found by their name, families by their prefix", () => {
    expect(findMetric("search/format_errors")?.description).toBe("Format errors per episode");
    expect(findMetric("search/format_errors/truncated")).toBe(
      METRIC_FAMILIES["search/format_errors/"],
    );
    expect(findMetric("somebody/else")).toBeNull();
    expect(getMetricLabel("reward/mean")).toBe("reward");
    expect(getMetricLabel("retrieval/recall@10")).toBe("recall@10");
  });

  it("name every metric of a ranking", () => {
    for (const { key } of RANKING_METRICS)
      expect(Object.keys(METRICS), key).toContain(`retrieval/${key}`);
  });

  it("say which direction is better, of a name that is not ours by its words", () => {
    expect(getBetterDirection("judge/cost_usd")).toBe("lower");
    expect(getBetterDirection("actor/lr")).toBeNull();
    expect(getBetterDirection("val/test_score/nq")).toBe("higher");
    expect(getBetterDirection("other/val_loss")).toBe("lower");
    expect(getBetterDirection("other/score")).toBe("higher");
    // Whatever is named like a loss, an error or a time must not be declared the other way round.
    for (const [name, { better }] of Object.entries(METRICS))
      if (/loss|error|timing|latency|_mb$|refused/.test(name))
        expect(better, name).not.toBe("higher");
    expect(isLowerBetter("timing_s/step")).toBe(true);
  });
});
