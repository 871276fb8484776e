import { describe, expect, it } from "vitest";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { TRAINED_METHODS, type TrainedMethod } from "@/contracts/run-config/trained-method-names";
import { METRICS } from "@/core/metrics/metric-table";
import { isGroupUsed, listActiveSettings } from "./setting-groups";
import { listSettingGroups } from "./settings";
import { toPredictConfig } from "./predict-config";
import { assignSettings } from "./assign-settings";
import { dropUnusedSettings, isMetricMeasured, listMethodChanges } from "./trained-method";

const exact = { weights: { gbr: 0, exactMatch: 1 } };
const base = { kind: "train", name: "t" } as const;
const VALID: Record<TrainedMethod, TrainConfig> = {
  s3: trainConfigSchema.parse({ ...base, method: "s3" }),
  "search-r1": trainConfigSchema.parse({ ...base, method: "search-r1", reward: exact }),
  r1: trainConfigSchema.parse({ ...base, method: "r1", reward: exact }),
  sft: trainConfigSchema.parse({
    ...base,
    method: "sft",
    coldStart: { demonstrations: 8 },
    rl: { steps: 0 },
  }),
};
const listIssues = (changes: object): string[] =>
  trainConfigSchema
    .safeParse({ ...base, ...changes })
    .error!.issues.map(({ path }) => path.join("."));
const listUsed = (config: TrainConfig): string[] =>
  listSettingGroups("train").flatMap((group) =>
    listActiveSettings(group, config).map(({ path }) => path),
  );

describe("what a training run trains", () => {
  it("s3 is left out, so that configurations keep their form", () => {
    expect(VALID.s3).toEqual(trainConfigSchema.parse(base));
    expect(JSON.stringify(VALID.s3)).not.toContain("method");
    expect(dropUnusedSettings(VALID.s3)).toBe(VALID.s3);
  });

  it.each([
    ["search.protocol", { method: "search-r1", reward: exact, search: { protocol: "upstream" } }],
    ["search.decoding", { method: "r1", reward: exact, search: { decoding: "guided" } }],
    ["rl.steps", { method: "sft", coldStart: { demonstrations: 8 } }],
    ["coldStart.demonstrations", { method: "sft", rl: { steps: 0 } }],
    ["reward.weights.exactMatch", { method: "search-r1" }],
    ["reward.weights.exactMatch", { method: "r1", reward: { weights: { gbr: 0, goldRecall: 1 } } }],
  ])(
    "%s is refused where it does not go with the method, at a setting that is shown",
    (path, changes) => {
      expect(listIssues(changes)).toEqual([path]);
      expect(listUsed({ ...VALID.s3, ...changes } as TrainConfig)).toContain(path);
    },
  );

  it.each(TRAINED_METHODS)("what %s refuses is set as it needs it, and nothing else", (method) => {
    expect(listMethodChanges(VALID[method])).toEqual([]);
    const refused = {
      ...VALID.s3,
      method,
      search: { ...VALID.s3.search, decoding: "guided" as const },
      rl: { ...VALID.s3.rl, credit: "turn" as const },
    };
    const changes = listMethodChanges(refused);
    const fit = trainConfigSchema.parse(assignSettings(refused, changes));
    const paths = changes.map(({ path }) => path);
    const form = method === "s3" ? [] : ["search.decoding", "rl.credit"];
    if (method === "search-r1" || method === "r1") {
      expect(paths).toEqual([...form, "reward.weights.gbr", "reward.weights.exactMatch"]);
      expect(fit.reward.weights).toMatchObject({ gbr: 0, exactMatch: 1 });
    } else
      expect(paths).toEqual(
        method === "sft" ? [...form, "rl.steps", "coldStart.demonstrations"] : [],
      );
  });

  it("settings that a method does not read are not shown; of a group without any nothing is", () => {
    const all = listUsed(VALID.s3);
    for (const method of TRAINED_METHODS) {
      const used = listUsed(VALID[method]);
      expect(all).toEqual(expect.arrayContaining(used));
      expect(used.includes("reward.weights.gbr")).toBe(method === "s3");
      expect(used.includes("generator.model")).toBe(method === "s3");
      expect(used.includes("search.retrieve")).toBe(["s3", "search-r1"].includes(method));
      expect(used.includes("rl.groupSize")).toBe(method !== "sft");
      expect(used).toContain("rl.steps");
    }
    const hidden = listSettingGroups("train").filter((group) => !isGroupUsed(group, VALID.r1));
    expect(hidden.map(({ id }) => id)).toEqual(["retriever", "generator"]);
  });

  it("what is not read is switched off", () => {
    const { reward, rl, search } = dropUnusedSettings({
      ...VALID.r1,
      reward: {
        ...VALID.r1.reward,
        weights: { ...VALID.r1.reward.weights, gbr: 1, goldRecall: 1, search: 1 },
      },
    });
    expect(reward.weights).toEqual({ ...VALID.r1.reward.weights });
    expect([rl.filterAnswered, search.turns]).toEqual([false, 0]);
    const ppo = { ...VALID.sft, rl: { ...VALID.sft.rl, algorithm: "ppo" as const } };
    expect(dropUnusedSettings(ppo).rl.algorithm).toBe("grpo");
  });

  it("a predict run answers as it was trained", () => {
    const { method, methodSettings } = toPredictConfig(VALID["search-r1"]);
    const { retrieve, turns, turnTokens } = VALID["search-r1"].search;
    expect(method).toBe("search-r1");
    expect(methodSettings).toMatchObject({
      retrieve,
      searches: turns,
      maxTokens: turnTokens,
      answeredBy: "method",
    });
    expect(toPredictConfig(VALID.s3)).toMatchObject({ method: "s3" });
  });

  it("a predict run is scored as it was trained: by the same judge", () => {
    const judge = { ...VALID.s3.judge, model: "judge-7b", endpoint: "http://127.0.0.1:8000/v1" };
    const reward = { ...VALID.s3.reward, scorer: "judge" as const };
    expect(toPredictConfig({ ...VALID.s3, judge, reward })).toMatchObject({
      judge,
      scorer: "judge",
    });
  });

  it("metrics that compare with naive RAG are of s3 alone", () => {
    const list = (method: TrainedMethod) =>
      Object.keys(METRICS).filter((name) => isMetricMeasured(name, VALID[method]));
    expect(list("s3")).toEqual(Object.keys(METRICS));
    const [search, r1, sft] = [list("search-r1"), list("r1"), list("sft")];
    for (const name of ["held-out/gbr", "reward/utility_1_gen_1", "search/copied_question"])
      expect(search).not.toContain(name);
    for (const name of ["search/searches", "held-out/gold_retrieved", "reward/exact_match"])
      expect(search).toContain(name);
    expect(r1).not.toContain("search/searches");
    expect(r1).toContain("reward/mean");
    expect(sft).not.toContain("reward/mean");
    for (const name of ["cold-start/loss", "held-out/accuracy"]) expect(sft).toContain(name);
  });
});
