import { describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { PRESETS } from "@/core/presets/run-presets";
import { requirementsFor, requirementsForTurnGains, type RunRequirements } from "./requirements";

const parse = (input: RunConfigInput) => runConfigSchema.parse(input);
const getRequirements = (input: RunConfigInput): RunRequirements => requirementsFor(parse(input));

const none = {
  slot: "light",
  worker: null,
  models: [],
  corpora: [],
  retriever: false,
  engine: false,
  sampler: false,
  searcher: null,
  generator: null,
  judge: null,
  questions: [],
  checkpoint: null,
  preflight: [],
} as const;

const smollm2 = "smollm2-135m-instruct";
const atlasTraining = {
  ...none,
  slot: "engine",
  models: [smollm2],
  corpora: ["atlas"],
  retriever: true,
  engine: true,
  searcher: "engine",
  generator: "engine",
  questions: ["atlas/train", "atlas/held-out"],
  preflight: ["retriever", "engine", "generator", "questions"],
};
/** Retrieval and the generator: RAG, and the gold documents. */
const generatorAlone = {
  ...none,
  slot: "engine",
  models: [smollm2],
  corpora: ["atlas"],
  retriever: true,
  engine: true,
  generator: "engine",
  questions: ["atlas/held-out"],
  preflight: ["retriever", "engine", "generator", "questions"],
};
const searchThenGenerator = { ...generatorAlone, searcher: "engine" };
const modelAlone = {
  ...none,
  slot: "engine",
  models: [smollm2],
  engine: true,
  searcher: "engine",
  questions: ["atlas/held-out"],
  preflight: ["engine", "questions"],
};
const searchAndAnswer = {
  ...modelAlone,
  corpora: ["atlas"],
  retriever: true,
  preflight: ["retriever", "engine", "questions"],
};
/** The generator and the judge have an endpoint, the retriever an address. */
const wikipediaTraining = {
  ...none,
  slot: "engine",
  retriever: true,
  engine: true,
  searcher: "engine",
  generator: "endpoint",
  judge: "endpoint",
  questions: ["s3-processed-data/train_e5_s3", "s3-processed-data/test_e5_s3"],
  preflight: ["retriever", "engine", "generator", "judge", "questions"],
};
const vllmTraining = (model: string) => ({
  ...wikipediaTraining,
  models: [model],
  sampler: true,
  vllmGpus: 1,
  preflight: ["retriever", "engine", "sampler", "generator", "judge", "questions"],
});

/** Search-R1 answers by itself: no generator, no judge, and on Wikipedia a retriever with an address. */
const searchR1Training = (model: string) => ({
  ...wikipediaTraining,
  generator: null,
  judge: null,
  models: [model],
  preflight: ["retriever", "engine", "questions"],
});
const trainingQuestions = { questions: ["atlas/train", "atlas/held-out"] };

const EXPECTED: Record<string, object> = {
  "atlas-smollm2": atlasTraining,
  "atlas-smollm2-grpo": atlasTraining,
  "atlas-train-search-r1": { ...searchAndAnswer, ...trainingQuestions },
  "atlas-train-r1": { ...modelAlone, ...trainingQuestions },
  "atlas-train-sft": { ...modelAlone, ...trainingQuestions },
  "atlas-s3": searchThenGenerator,
  "atlas-rag": generatorAlone,
  "atlas-direct": modelAlone,
  "atlas-cot": modelAlone,
  "atlas-ircot": searchAndAnswer,
  "atlas-deepretrieval": searchThenGenerator,
  "atlas-search-r1": searchAndAnswer,
  "atlas-search-o1": searchAndAnswer,
  "atlas-r1": modelAlone,
  "atlas-sft": modelAlone,
  "atlas-gold": generatorAlone,
  "atlas-retrieval": {
    ...none,
    corpora: ["atlas"],
    retriever: true,
    questions: ["atlas/held-out"],
    preflight: ["retriever", "questions"],
  },
  "paper-qwen2.5-0.5b": vllmTraining("qwen2.5-0.5b-instruct"),
  "paper-qwen2.5-1.5b": vllmTraining("qwen2.5-1.5b-instruct"),
  "paper-qwen2.5-3b": vllmTraining("qwen2.5-3b-instruct"),
  "paper-qwen2.5-7b": vllmTraining("qwen2.5-7b-instruct"),
  "search-r1-qwen2.5-3b-ppo": searchR1Training("qwen2.5-3b-instruct"),
  "search-r1-qwen2.5-3b-grpo": searchR1Training("qwen2.5-3b-instruct"),
  "search-r1-qwen2.5-7b-ppo": searchR1Training("qwen2.5-7b-instruct"),
  "search-r1-qwen2.5-7b-grpo": searchR1Training("qwen2.5-7b-instruct"),
  "serve-smollm2": { ...none, models: [smollm2], engine: true, preflight: ["model", "engine"] },
  "serve-paper-retriever": {
    ...none,
    corpora: ["wiki-18"],
    retriever: true,
    preflight: ["retriever"],
  },
  "serve-paper-generator": { ...none, vllmGpus: 1, preflight: ["vllm"] },
  "atlas-smollm2-tinker": atlasTraining,
  "paper-full": { ...vllmTraining("qwen2.5-7b-instruct"), vllmGpus: 5 },
};

describe("requirements of a run", () => {
  it("are known for every preset", () => {
    const found = PRESETS.map(
      // tinker-limits.test.ts holds these.
      ({ id, config }) => [id, { ...getRequirements(config), ownEngine: undefined }] as const,
    );
    expect(Object.fromEntries(found)).toEqual(EXPECTED);
  });

  const id = "0198c0de-0000-7000-8000-000000000001";
  const predict = { kind: "predict", name: "p", retriever: { kind: "bm25" } } as const;

  it("of stored episodes are the generator and no search", () => {
    const reuse = { episodesOf: id };
    expect(
      getRequirements({ ...predict, method: "ircot", searcher: { model: "a" }, reuse }),
    ).toEqual({
      ...none,
      slot: "engine",
      models: [smollm2],
      engine: true,
      generator: "engine",
      questions: ["atlas/held-out"],
      preflight: ["engine", "generator", "questions"],
    });
  });

  it("of stored answers are the judge alone, or nothing but the questions", () => {
    const reuse = { episodesOf: id, keepAnswers: true };
    const judged = getRequirements({
      ...predict,
      reuse,
      scorer: "judge",
      judge: { endpoint: "http://127.0.0.1:8000/v1" },
      searcher: { checkpoint: id },
    });
    expect(judged).toMatchObject({
      judge: "endpoint",
      engine: false,
      models: [],
      checkpoint: null,
    });
    expect(judged.preflight).toEqual(["judge", "questions"]);
    expect(getRequirements({ ...predict, reuse }).preflight).toEqual(["questions"]);
  });

  it("of a method at an endpoint are no engine, but a searcher that is probed", () => {
    const found = getRequirements({
      ...predict,
      method: "search-r1",
      retriever: { kind: "remote", url: "http://127.0.0.1:3000/retrieve" },
      searcher: { endpoint: "http://127.0.0.1:8000/v1" },
    });
    expect(found).toMatchObject({ engine: false, searcher: "endpoint", models: [], corpora: [] });
    expect(found.preflight).toEqual(["retriever", "searcher", "questions"]);
  });

  it("of training name the judge's and the critic's models, and the checkpoint", () => {
    const found = getRequirements({
      kind: "train",
      name: "t",
      searcher: { model: "a", checkpoint: id },
      generator: { model: "b" },
      judge: { model: "c" },
      reward: { scorer: "judge" },
      rl: { algorithm: "ppo", critic: { kind: "model", model: "d" } },
      evaluation: { questions: 0 },
    });
    expect([...found.models].sort()).toEqual(["a", "b", "c", "d"]);
    expect(found.questions).toEqual(["atlas/train"]);
    expect(found.checkpoint).toBe(id);
    expect(found.preflight.at(-1)).toBe("checkpoint");
  });

  it("of a run that samples by vLLM are its GPUs, and one for the engine where they are apart", () => {
    const count = (searcher: object) =>
      getRequirements({
        kind: "train",
        name: "t",
        search: { decoding: "free" },
        rl: { oldLogprobs: "trainer" },
        searcher: { sampler: "vllm", ...searcher },
      }).vllmGpus;
    const spread = { samplerReplicas: 2, samplerTensorParallel: 2 } as const;
    expect(count({})).toBe(1);
    expect(count(spread)).toBe(4);
    expect(count({ ...spread, samplerPlacement: "apart" })).toBe(5);
    expect(count({ ...spread, sampler: "engine" })).toBeUndefined();
  });

  it("of an index run are the corpus, unless it imports it", () => {
    expect(getRequirements({ kind: "index", name: "i", corpus: "wiki", worker: "box" })).toEqual({
      ...none,
      corpora: ["wiki"],
      worker: "box",
    });
    const source = { kind: "path", path: "/data/wiki.jsonl" } as const;
    expect(getRequirements({ kind: "index", name: "i", corpus: "wiki", source })).toEqual(none);
  });

  it("of a served retriever are its corpus", () => {
    expect(getRequirements({ kind: "serve", name: "s", corpus: "atlas" })).toEqual({
      ...none,
      corpora: ["atlas"],
      retriever: true,
      preflight: ["retriever"],
    });
  });
});

describe("requirements of turn gains", () => {
  const endpoint = "http://127.0.0.1:8000/v1";
  const gold = { goldIds: ["d0"] };
  const noGold = { goldIds: [] };
  const train = (changes: object) =>
    trainConfigSchema.parse({ kind: "train", name: "t", data: { corpus: "wiki" }, ...changes });
  const predict = (changes: object) =>
    predictConfigSchema.parse({ kind: "predict", name: "p", corpus: "wiki", ...changes });
  const elsewhere = { generator: { endpoint, model: "g" } };

  it("are nothing where the generator has an endpoint, a rule scores and no gold documents are known", () => {
    const found = { ...none, generator: "endpoint" };
    expect(requirementsForTurnGains(train(elsewhere), noGold)).toEqual(found);
    expect(requirementsForTurnGains(predict(elsewhere), noGold)).toEqual(found);
  });

  it("are the judge in the worker's engine, where the scorer asks it", () => {
    const judge = { model: "j" };
    const found = {
      ...none,
      models: ["j"],
      engine: true,
      generator: "endpoint",
      judge: "engine",
    };
    const trained = train({ ...elsewhere, judge, reward: { scorer: "judge" } });
    expect(requirementsForTurnGains(trained, noGold)).toEqual(found);
    const answered = predict({ ...elsewhere, judge, scorer: "generation-accuracy" });
    expect(requirementsForTurnGains(answered, noGold)).toEqual(found);
    expect(requirementsForTurnGains(predict({ ...elsewhere, judge }), noGold).models).toEqual([]);
    const both = predict({ generator: { model: "g" }, judge, scorer: "judge" });
    expect([...requirementsForTurnGains(both, noGold).models].sort()).toEqual(["g", "j"]);
    const asked = predict({ ...elsewhere, judge: { endpoint }, scorer: "judge" });
    expect(requirementsForTurnGains(asked, noGold)).toMatchObject({
      engine: false,
      models: [],
      judge: "endpoint",
    });
  });

  it("are the corpus, where gold documents are looked up in it", () => {
    const find = (retriever: object) => {
      const { corpora, retriever: opens } = requirementsForTurnGains(
        predict({ ...elsewhere, retriever }),
        gold,
      );
      return { corpora, opens };
    };
    expect(find({ kind: "bm25" })).toEqual({ corpora: ["wiki"], opens: true });
    const url = "http://127.0.0.1:9200";
    expect(find({ kind: "opensearch", url, index: "i" })).toEqual({ corpora: [], opens: true });
    expect(find({ kind: "remote", url })).toEqual({ corpora: [], opens: false });
    expect(requirementsForTurnGains(train(elsewhere), gold).corpora).toEqual(["wiki"]);
  });
});
