import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EpisodeStep } from "@/contracts/records/episode";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { toPredictConfig } from "@/core/run/predict-config";
import { scoreExactMatch } from "@/core/scoring/rule-scoring";
import { executors } from "@/gpu-workers/jobs/executors";
import { loadTokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { readTrainerState } from "@/gpu-workers/rl/trainer-state";
import {
  readAtlasQuestions,
  LocalServices,
  MemoryContext,
  type MemoryContextOptions,
} from "@/gpu-workers/testing/memory-context";
import { canTrainHere } from "@/gpu-workers/testing/small-training";
import { getModelDir } from "@/lib/paths.mjs";

/** A preset of a baseline, made tiny. Two steps of few questions, short texts, an adapter on the upper layers. */
const makeTiny = (preset: string, changes: Partial<TrainConfig["rl"]> = {}): TrainConfig => {
  const config = trainConfigSchema.parse(findPreset(preset)!.config);
  const isSupervised = config.method === "sft";
  return trainConfigSchema.parse({
    ...config,
    searcher: { ...config.searcher, adapter: { rank: 8, alpha: 16, firstLayer: 24 } },
    search: {
      ...config.search,
      turnTokens: 40,
      // What is found is most of a demonstration: one document shows what three do.
      ...(config.method === "search-r1" && { turns: 1, retrieve: 1 }),
    },
    coldStart: {
      ...config.coldStart,
      // Enough steps for searches to be written; the other methods need not know their form.
      demonstrations: 24,
      batchSize: config.method === "search-r1" ? 4 : 8,
      learningRate: 2e-3,
      schedule: "constant",
      validationQuestions: isSupervised ? 2 : 0,
      validateEvery: 1,
    },
    rl: isSupervised
      ? config.rl
      : { ...config.rl, steps: 2, questionsPerStep: 3, groupSize: 2, resample: 0, ...changes },
    evaluation: { every: 0, questions: 2 },
    checkpointing: { every: 1 },
  });
};

const NO_EVALUATION = { every: 0, questions: 0 };

type Generated = Extract<EpisodeStep, { kind: "generate" }>;
const listGenerated = (steps: readonly EpisodeStep[]): Generated[] =>
  steps.filter((step) => step.kind === "generate");

describe.skipIf(!canTrainHere)("baselines that are trained, on the real engine", () => {
  const services = new LocalServices();
  let folder: string;
  const createContext = (
    name: string,
    config: RunConfig,
    options: Partial<MemoryContextOptions> = {},
  ): MemoryContext =>
    new MemoryContext({ config, services, workDir: join(folder, name), ...options });
  const readHashes = (context: MemoryContext): Promise<string[]> =>
    Promise.all(
      context.checkpoints.map(
        async ({ directory }) => (await readTrainerState(directory)).weightsHash,
      ),
    );

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "baselines-"));
  });
  afterAll(async () => {
    await services.close();
    await rm(folder, { recursive: true, force: true });
  });

  const searchR1 = makeTiny("atlas-train-search-r1");
  let whole: MemoryContext;

  it(
    "search-r1 learns without a generator; what was retrieved has no loss",
    { tags: "long", timeout: 600_000 },
    async () => {
      whole = createContext("search-r1", searchR1);
      await executors.train(whole);
      expect(whole.preflightItems.map(({ name, state }) => [name, state])).toEqual([
        ["retriever", "ready"],
        ["engine", "ready"],
        ["questions", "ready"],
      ]);
      const records = whole.records().filter(({ phase }) => phase === "train");
      expect(records).toHaveLength(12);
      const golds = new Map(
        (await readAtlasQuestions("atlas/train")).map(({ id, answers }) => [id, answers]),
      );
      const tokenizer = await loadTokenizer(getModelDir("smollm2-135m-instruct"));
      let searched = 0;
      for (const { episode, reward, answer, baseline } of records) {
        expect([episode.method, baseline]).toEqual(["search-r1", null]);
        expect(reward!.value).toBe(scoreExactMatch(answer!.text, golds.get(episode.questionId)!));
        for (const { ids, mask, fed, text } of listGenerated(episode.steps)) {
          expect(mask!.slice(0, fed)).toEqual(Array.from({ length: fed! }, () => 0));
          expect(mask!.slice(fed)).toEqual(Array.from({ length: ids!.length - fed! }, () => 1));
          // Every action is what the policy wrote.
          expect(text.startsWith(tokenizer.decode(ids!.slice(fed)).replace("<|im_end|>", ""))).toBe(
            true,
          );
        }
        const [, second] = listGenerated(episode.steps);
        const found = episode.steps.find((step) => step.kind === "retrieve");
        if (!found || !second) continue;
        searched += 1;
        const observation = tokenizer.decode(second.ids!.slice(0, second.fed));
        expect(observation).toContain("<information>Doc 1(Title: ");
        expect(observation).toContain("</information>");
      }
      expect(searched).toBeGreaterThan(0);
    },
  );

  it(
    "gradients flow in each step with variance, and metrics of naive RAG are absent",
    { tags: "long" },
    async () => {
      const reported = new Set(
        whole.reports.flatMap((item) =>
          item.kind === "metrics" ? item.points.map(({ name }) => name) : [],
        ),
      );
      for (const name of [
        "reward/mean",
        "reward/exact_match",
        "held-out/accuracy",
        "search/searches",
      ])
        expect(reported).toContain(name);
      for (const name of reported)
        expect(name).not.toMatch(
          /gbr|rag_|utility_|gained|both_|lost|implicit|copied|gold_selected/,
        );
      const [start, first, second] = await readHashes(whole);
      const learned = whole.points("actor/grad_norm");
      expect(new Set([start, first, second]).size).toBe(1 + learned.length);
      const losses = whole.points("cold-start/loss").map(({ value }) => value);
      expect(losses.at(-1)).toBeLessThan(losses[0]!);
    },
  );

  it(
    "a run that resumes ends with the same weights and the same episodes",
    { tags: "long", timeout: 600_000 },
    async () => {
      const resumed = createContext(
        "search-r1-again",
        { ...searchR1, evaluation: NO_EVALUATION },
        { resume: whole.checkpoints[1]! },
      );
      await executors.train(resumed);
      expect((await readHashes(resumed)).at(-1)).toBe((await readHashes(whole)).at(-1));
      const listEpisodes = (context: MemoryContext) =>
        context
          .records()
          .filter(({ phase, step }) => phase === "train" && step === 2)
          .map(({ episode }) =>
            listGenerated(episode.steps).map(({ ids, logprobs }) => [ids, logprobs]),
          );
      expect(listEpisodes(resumed)).toEqual(listEpisodes(whole));
    },
  );

  it(
    "its checkpoint answers in a predict run of the same method",
    { tags: "long", timeout: 600_000 },
    async () => {
      const { directory, step } = whole.checkpoints.at(-1)!;
      const id = "00000000-0000-4000-8000-000000000009";
      const predict = toPredictConfig(searchR1);
      const context = createContext(
        "search-r1-predict",
        { ...predict, limit: 2, searcher: { ...predict.searcher, checkpoint: id } },
        {
          fetchCheckpoint: () =>
            Promise.resolve({ artifactId: id, directory, step, config: searchR1 }),
        },
      );
      await executors.predict(context);
      expect(context.records().map(({ episode }) => episode.method)).toEqual([
        "search-r1",
        "search-r1",
      ]);
    },
  );

  it("r1 learns without a retriever, by PPO with a critic, rewarded for its form too", async () => {
    const config = makeTiny("atlas-train-r1", {
      algorithm: "ppo",
      groupSize: 1,
      steps: 1,
      klIn: "reward",
    });
    const context = createContext("r1", { ...config, evaluation: NO_EVALUATION });
    await executors.train(context);
    expect(context.preflightItems.map(({ name }) => name)).toEqual(["engine", "questions"]);
    const records = context.records().filter(({ phase }) => phase === "train");
    expect(records).toHaveLength(3);
    const golds = new Map(
      (await readAtlasQuestions("atlas/train")).map(({ id, answers }) => [id, answers]),
    );
    for (const { episode, reward, answer, formatErrors } of records) {
      const exact = scoreExactMatch(answer!.text, golds.get(episode.questionId)!);
      expect(reward!.value).toBeCloseTo(exact + (formatErrors.length === 0 ? 0.1 : 0), 12);
      expect(listGenerated(episode.steps)[0]!.ids!.length).toBeGreaterThan(0);
    }
    expect(context.points("critic/vf_loss").length).toBe(1);
    expect(context.points("search/searches")).toEqual([]);
    expect(new Set(await readHashes(context)).size).toBe(2);
  }, 600_000);

  it("sft learns the gold answers and keeps the best weights", async () => {
    // So few questions that it sees them again.
    const questions = async (set: string) => (await readAtlasQuestions(set)).slice(0, 12);
    const context = createContext("sft", makeTiny("atlas-train-sft"), { questions });
    await executors.train(context);
    const losses = context.points("cold-start/loss").map(({ value }) => value);
    expect(losses).toHaveLength(3);
    expect(losses[2]).toBeLessThan(losses[0]!);
    expect(context.points("cold-start/validation_accuracy")).toHaveLength(3);
    expect(context.checkpoints.map(({ step }) => step)).toEqual([0]);
    expect(context.points("reward/mean")).toEqual([]);
    const heldOut = context.records();
    expect(heldOut.map(({ phase, episode }) => [phase, episode.method])).toEqual([
      ["held-out", "sft"],
      ["held-out", "sft"],
    ]);
  }, 600_000);
});
