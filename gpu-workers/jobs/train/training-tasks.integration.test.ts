import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunConfigInput } from "@/contracts/run-config/run-config";
import type { ForcedTurn, PlayResult } from "@/contracts/worker-protocol/tasks";
import { toPredictConfig } from "@/core/run/predict-config";
import { executors } from "@/gpu-workers/jobs/executors";
import { playQuestion } from "@/gpu-workers/jobs/predict/play-question";
import { computeTurnGains } from "@/gpu-workers/jobs/predict/turn-gains";
import { loadTokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { LocalServices, MemoryContext } from "@/gpu-workers/testing/memory-context";
import { canTrainHere, smallTrainingConfig } from "@/gpu-workers/testing/small-training";
import { getModelDir } from "@/lib/paths.mjs";
import { runDryRun } from "./dry-run";

describe.skipIf(!canTrainHere)("tasks on the real engine and retriever", () => {
  const services = new LocalServices();
  let folder: string;
  const createContext = (name: string) =>
    new MemoryContext({ config: smallTrainingConfig, services, workDir: join(folder, name) });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tasks-"));
  });
  afterAll(async () => {
    await services.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("tries a configuration in a dry run", async () => {
    const ragRuns = "00000000-0000-4000-8000-00000000000a";
    const config = {
      ...smallTrainingConfig,
      rl: { ...smallTrainingConfig.rl, groupSize: 2, ragRuns },
    };
    const questions = await createContext("questions").readQuestions(config.data.trainQuestions);
    const answer = { key: "k", generator: "g", promptStyle: "p", text: "Lima", seconds: 0 };
    const { question, answers: golds } = questions[0]!;
    const context = new MemoryContext({
      config,
      services,
      workDir: join(folder, "dry-run"),
      baselines: [
        { questionId: "q", question, options: null, golds, imported: false, answer, scores: [] },
      ],
    });
    const result = await runDryRun(
      { taskId: "00000000-0000-4000-8000-000000000003", kind: "dry-run", config },
      { ...createTaskContext(context), reportProgress: () => undefined },
    );
    expect(result).toMatchObject({
      questions: 8,
      episodes: 16,
      groups: 8,
      truncated: 0,
      formatErrors: [],
      ragStored: { held: 1, questions: questions.length },
    });
    expect(result.projectedSeconds).toBeGreaterThan(0);
  }, 600_000);

  it("answers what each turn gained, with the gold documents as the ceiling", async () => {
    const context = createContext("gains");
    const question = (await context.readQuestions("atlas/held-out"))[0]!;
    const retriever = (
      await services.acquireRetriever("atlas", smallTrainingConfig.retriever, context.signal)
    ).value;
    const gold = await retriever.getDocuments(question.goldIds);
    const result = await computeTurnGains(
      {
        taskId: "00000000-0000-4000-8000-000000000004",
        kind: "turn-gains",
        config: smallTrainingConfig,
        question,
        contexts: [
          { turn: 0, documents: gold.slice(0, 1) },
          { turn: 1, documents: gold },
        ],
      },
      { ...createTaskContext(context), reportProgress: () => undefined },
    );
    expect(result.turns.map(({ turn }) => turn)).toEqual([0, 1]);
    expect(result.goldContext).toEqual({
      answer: result.turns[1]!.answer,
      score: result.turns[1]!.score,
    });
  }, 600_000);

  it("plays a question with the untrained searcher, turn by turn, and goes on from a changed selection", async () => {
    const context = createContext("play");
    const question = (await context.readQuestions("atlas/held-out"))[0]!;
    const config = toPredictConfig(smallTrainingConfig);
    const heard: { steps: { kind: string }[]; documents: unknown[] }[] = [];
    const play = (forced: ForcedTurn[], documents: PlayResult["documents"]) =>
      playQuestion(
        {
          taskId: "00000000-0000-4000-8000-000000000005",
          kind: "play",
          config,
          question,
          rewardWeights: smallTrainingConfig.reward.weights,
          forced,
          documents,
        },
        {
          ...createTaskContext(context),
          reportProgress: (_detail, _fraction, partial) =>
            partial && heard.push(partial as (typeof heard)[number]),
        },
      );
    const first = await play([], []);
    const { steps } = first.record.episode;
    expect(steps[0]).toMatchObject({ kind: "retrieve", query: question.question });
    expect(first.record.reward!.value).toBe(
      first.record.score!.value - first.record.baseline!.score.value,
    );
    expect(heard[0]).toMatchObject({ steps: [{ kind: "retrieve" }] });
    const written = steps.find((step) => step.kind === "generate")!;
    expect(written.entropies!.some((entropy) => entropy > 0)).toBe(true);
    const [start] = steps;
    const window = start?.kind === "retrieve" ? start.documents : [];
    const last = window.at(-1)!;
    const changed = await play([{ documents: window, selected: [last.id] }], first.documents);
    expect(changed.record.episode.context[0]).toEqual(last);
    expect(changed.record.episode.steps[0]).toMatchObject({ documents: window });
    const again = await play([{ documents: window, text: written.text }], first.documents);
    expect(again.record.episode.context).toEqual(first.record.episode.context);
    expect(again.record.answer!.text).toBe(first.record.answer!.text);
  }, 600_000);

  it("tokenises as the engine's own tokenizer does", async () => {
    const tokenizer = await loadTokenizer(getModelDir("smollm2-135m-instruct"));
    const { model } = await openModel(services);
    const texts = (await createContext("tokens").readQuestions("atlas/train"))
      .slice(0, 20)
      .map(({ question }) => `Question: ${question}\n<information>`);
    for (const text of texts) {
      const { ids } = await model.encodeGuided({ lark: `start: ${JSON.stringify(text)}`, text });
      expect(tokenizer.encode(text)).toEqual(ids);
    }
  }, 600_000);

  it.each(["paper", "upstream"] as const)(
    "lets the searcher write freely in the %s protocol, and counts what it gets wrong",
    async (protocol) => {
      const { retriever, search, searcher, generator } = smallTrainingConfig;
      const config: RunConfigInput & { kind: "predict" } = {
        kind: "predict",
        name: "free",
        seed: 0,
        method: "s3",
        corpus: "atlas",
        questions: "atlas/held-out",
        limit: 1,
        retriever,
        search: { ...search, protocol, decoding: "free", turnTokens: 48, turns: 2 },
        searcher: { model: searcher.model, adapter: searcher.adapter },
        generator: { ...generator, promptStyle: "chat" },
        scorer: "exact-match",
        documents: 3,
        matchRun: null,
      };
      const workDir = join(folder, `free-${protocol}`);
      const run = new MemoryContext({ config, services, workDir });
      await executors.predict(run);
      expect(run.records()).toHaveLength(1);
      for (const { episode, formatErrors, score } of run.records()) {
        expect(episode.protocol).toBe(protocol);
        expect(episode.steps.filter(({ kind }) => kind === "stop")).toHaveLength(1);
        expect(formatErrors).toEqual(
          episode.steps.flatMap((step) => (step.kind === "reject" ? [step.error] : [])),
        );
        expect(score!.scorer).toBe("exact-match/1");
        for (const step of episode.steps)
          if (step.kind === "generate")
            expect(step.ids!.length - step.fed!).toBeLessThanOrEqual(48);
      }
    },
    600_000,
  );
});

async function openModel(services: LocalServices) {
  const { value: engine } = await services.acquireEngine();
  return {
    model: await engine.createModel("tokens", {
      base: getModelDir("smollm2-135m-instruct"),
      lora: null,
      seed: 0,
    }),
  };
}

/** What a task sees of a context. */
function createTaskContext(context: MemoryContext) {
  return {
    closeRetrievers: () => Promise.resolve(),
    reportCorpora: () => Promise.resolve(),
    signal: context.signal,
    services: context.services,
    workDir: context.workDir,
    readQuestions: (set: string) => context.readQuestions(set),
    readStoredBaselines: () => context.readStoredBaselines(),
    findAnswers: (keys: string[]) => context.findAnswers(keys),
    saveAnswers: (answers: Parameters<MemoryContext["saveAnswers"]>[0]) =>
      context.saveAnswers(answers),
    fetchUpload: () => context.fetchUpload(),
    fetchCheckpoint: (artifactId: string) => context.fetchCheckpoint(artifactId),
  };
}
