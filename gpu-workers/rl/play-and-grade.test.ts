import { describe, expect, it } from "vitest";
import { AppError } from "@/contracts/errors";
import { searchSchema } from "@/contracts/run-config/search";
import type { Question } from "@/contracts/worker-protocol/questions";
import { Generator, type GeneratorBackend } from "@/gpu-workers/llm/generator/generator";
import { createChatStyle } from "@/gpu-workers/llm/generator/prompt-style";
import { AnswerScorer } from "@/gpu-workers/llm/scoring/answer-scorer";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { gatherSearches } from "@/gpu-workers/retrieval/service/coalescer";
import { Stopwatch, type StepPhase } from "@/gpu-workers/runtime/stopwatch";
import { runEpisodes } from "@/gpu-workers/searcher/episode";
import { EpisodeGrader } from "@/gpu-workers/searcher/episode-grader";
import {
  makeDocument,
  sampling,
  createScriptedSearcher,
} from "@/gpu-workers/searcher/testing/scripted-searcher";
import { playAndGrade } from "./play-and-grade";

const never = new AbortController().signal;
const question = (n: number): Question => ({
  id: `q${n}`,
  question: `${n}`,
  answers: ["yes"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
});
/** Searches once more, then stops. */
const TEXTS = [
  '<important_info>[1]</important_info><query>{"query": "7"}</query>',
  "<important_info>[1]</important_info><search_complete>True</search_complete>",
];

/** Real episodes, generator and grader; retriever, searcher and backend say in `events` what they are asked. */
function setUp(batchesItself: boolean, failure?: AppError) {
  const events: string[] = [];
  const held = new Map<string, () => void>();
  const documents = new DocumentStore();
  const settings = searchSchema.parse({ turns: 1, decoding: "free", retrieve: 1, select: 1 });
  let batches = 0;
  const retriever = gatherSearches({
    async search(queries, k, signal) {
      events.push(`search ${queries.join(" ")}`);
      batches += 1;
      // Question 0 waits until the test lets it go on.
      if (queries.includes("0"))
        await new Promise<void>((resolve, reject) => {
          held.set("0", resolve);
          signal!.addEventListener("abort", () => {
            events.push("cancelled");
            reject(new AppError("cancelled", "the search was cancelled"));
          });
        });
      return queries.map((query) =>
        Array.from({ length: k }, (_, i) => makeDocument(Number(query) + i)),
      );
    },
    getDocuments: () => Promise.resolve([]),
    describe: () => ({ kind: "dense", key: "test", title: "test", documents: null }),
    close: () => Promise.resolve(),
  });
  const { searcher, ended } = createScriptedSearcher((_, turn) => ({ text: TEXTS[turn]! }));
  const sample = searcher.model.sample.bind(searcher.model);
  searcher.model.sample = (body, options) => {
    events.push(`sample ${body.sequences.length}`);
    return sample(body, options);
  };
  const backend: GeneratorBackend = {
    identity: {},
    batchSize: 32,
    complete(requests) {
      events.push(`answer ${requests.length}`);
      const answer = { text: "yes", content: "yes", thoughts: null, seconds: 0 };
      return requests.map(() =>
        failure ? Promise.reject(failure) : Promise.resolve({ ...answer, finish: "stop" as const }),
      );
    },
  };
  const store = {
    findAnswers: () => Promise.resolve(new Map()),
    saveAnswers: () => Promise.resolve(),
  };
  const generator = new Generator("g", createChatStyle(), 8, backend, store);
  const scorer = new AnswerScorer("span", () => Promise.reject(new Error("no judge")));
  const grader = new EpisodeGrader(generator, documents, scorer);
  const stopwatch = new Stopwatch<StepPhase>();
  const environment = { retriever, documents, settings };
  const run = (count: number, signal = never) =>
    playAndGrade(
      { grader, stopwatch },
      batchesItself ? { batchesItself } : {},
      Array.from({ length: count }, (_, i) => ({ question: question(i), sampleIndex: 0 })),
      (items, own) => runEpisodes(searcher, environment, sampling, items, stopwatch, own),
      signal,
    );
  const release = async (): Promise<void> => {
    while (!held.has("0")) await tick();
    held.get("0")!();
  };
  return { events, run, release, ended, countBatches: () => batches };
}
const tick = () => new Promise((resolve) => setTimeout(resolve, 1));

describe("episodes of a searcher that batches by itself", () => {
  it("are written and answered while another's retrieval is slow", async () => {
    const { events, run, release } = setUp(true);
    const running = run(8);
    const isAnswered = () => events.filter((event) => event.startsWith("answer")).length > 0;
    const start = performance.now();
    // Never so in lock-step: there nothing is sampled before the slow search has ended.
    while (!isAnswered() && performance.now() - start < 5_000) await tick();
    expect(isAnswered()).toBe(true);
    await release();
    const graded = await running;
    expect(graded.map(({ episode }) => episode.questionId)).toEqual(
      Array.from({ length: 8 }, (_, i) => `q${i}`),
    );
    for (const { episode, outcome } of graded) {
      expect(episode.steps.filter(({ kind }) => kind === "generate")).toHaveLength(2);
      expect(outcome.score.value).toBe(1);
    }
  });

  it("search together where they search at the same time", async () => {
    const { run, release, countBatches } = setUp(true);
    const running = run(40);
    await release();
    await running;
    // 80 searches, each asked for by itself.
    expect(countBatches()).toBeLessThan(30);
  });

  it("are cancelled by the first failure, which is told, and have all ended then", async () => {
    const { run, events, ended } = setUp(true, new AppError("generator-unavailable", "gone"));
    await expect(run(3)).rejects.toMatchObject({ code: "generator-unavailable" });
    expect(events).toContain("cancelled");
    expect(ended).toHaveLength(3);
    const done = [...events];
    for (let i = 0; i < 20; i++) await tick();
    expect(events, "nothing goes on").toEqual(done);
  });

  it("end with the run that they are of", async () => {
    const { run, events, ended } = setUp(true);
    const stop = new AbortController();
    const running = run(1, stop.signal);
    running.catch(() => undefined);
    while (!events.includes("search 0")) await tick();
    stop.abort(new AppError("cancelled", "The run was cancelled."));
    await expect(running).rejects.toMatchObject({ code: "cancelled" });
    expect(ended).toHaveLength(1);
    expect(events).toEqual(["search 0", "cancelled"]);
  });
});

describe("episodes of the engine", () => {
  it("are played and answered as one batch", async () => {
    const { events, run, release } = setUp(false);
    const running = run(3);
    for (let i = 0; i < 20; i++) await tick();
    expect(events).toEqual(["search 0 1 2"]);
    await release();
    await running;
    expect(events).toEqual(["search 0 1 2", "sample 3", "search 7 7 7", "sample 3", "answer 3"]);
  });
});
