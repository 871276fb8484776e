import { describe, expect, it } from "vitest";
import { hashDocument } from "@/core/episode/document-hash";
import { AppError } from "@/contracts/errors";
import { computeMeanMetric, RANKING_METRICS, rankGold } from "@/core/metrics/ranking-metrics";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Services } from "@/gpu-workers/jobs/context/run-context";
import { MemoryContext } from "@/gpu-workers/testing/memory-context";
import { evaluateRetriever } from "./evaluate";
import { findUnknownDocuments } from "@/gpu-workers/retrieval/corpus/find-unknown-documents";
import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";

const CORPUS = Array.from({ length: 30 }, (_, i) => ({
  id: `d${i}`,
  title: `Title ${i}`,
  text: `word${i} word${i % 5}`,
}));
const question = (id: string, text: string, goldIds: string[]): Question => ({
  id,
  question: text,
  answers: ["a"],
  goldIds,
  type: null,
  group: null,
  goldQueries: [],
});

/** Ranks by the number of shared words, ties in the order of the corpus. */
class WordRetriever implements Retriever {
  readonly asked: string[] = [];
  constructor(private readonly options: { byId?: boolean; repeat?: boolean } = {}) {}
  search(queries: readonly string[], k: number): Promise<RankedDocument[][]> {
    return Promise.resolve(
      queries.map((query) => {
        this.asked.push(query);
        const words = new Set(query.split(" "));
        const ranked = CORPUS.map((d) => ({
          ...d,
          hash: hashDocument(d),
          score: d.text.split(" ").filter((w) => words.has(w)).length,
        })).sort((a, b) => b.score - a.score);
        return (this.options.repeat ? ranked.flatMap((d) => [d, d]) : ranked).slice(0, k);
      }),
    );
  }
  getDocuments(ids: readonly string[]) {
    if (this.options.byId === false)
      return Promise.reject(new AppError("unsupported", "not by id"));
    return Promise.resolve(
      ids.map((id) => {
        const found = CORPUS.find((d) => d.id === id);
        if (!found) throw new AppError("not-found", `no ${id}`);
        return { ...found, hash: hashDocument(found) };
      }),
    );
  }
  describe() {
    return {
      kind: "remote" as const,
      key: "words",
      title: "shared words",
      documents: CORPUS.length,
    };
  }
  async close() {}
}

class Context extends MemoryContext {
  stored = new Map<string, number[]>();
  override readRankedQuestions() {
    return Promise.resolve(this.stored);
  }
}

function createContext(
  retriever: Retriever,
  questions: Question[],
  config: Record<string, unknown> = {},
): Context {
  let open = 0;
  const services: Services & { open: () => number } = {
    acquireEngine: () => Promise.reject(new Error("an evaluate run needs no engine")),
    acquireSampler: () => Promise.reject(new Error("no sampler is needed")),
    acquireRetriever: () => {
      open += 1;
      return Promise.resolve({ value: retriever, release: () => void (open -= 1) });
    },
    acquireVllm: () => Promise.reject(new Error("an evaluate run needs no vLLM")),
    open: () => open,
  };
  return new Context({
    config: {
      kind: "evaluate",
      name: "test",
      corpus: "c",
      questions: "set",
      k: 10,
      ...config,
    } as never,
    services,
    workDir: "",
    questions: () => Promise.resolve(questions),
  });
}

const QUESTIONS = Array.from({ length: 200 }, (_, i) =>
  question(`q${i}`, `word${i % 30} word${i % 4}`, [`d${i % 30}`, `d${(i * 7) % 30}`]),
);

describe("an evaluate run", () => {
  it("stores a ranking for each question as one retrieve step, its texts once, and reports the means", async () => {
    const context = createContext(new WordRetriever(), QUESTIONS);
    await evaluateRetriever(context);
    const records = context.records();
    expect(records.map((r) => r.episode.questionId)).toEqual(QUESTIONS.map((q) => q.id));
    expect(
      records.every(
        (r) =>
          r.episode.method === "retrieval" &&
          r.phase === "predict" &&
          r.answer === null &&
          r.episode.steps.length === 1,
      ),
    ).toBe(true);
    expect(new Set(records.map((r) => r.episode.key)).size).toBe(200);
    const texts = context.reports.flatMap((item) =>
      item.kind === "episodes" ? item.documents.map((d) => d.hash) : [],
    );
    expect(new Set(texts).size).toBe(texts.length);
    const results = records.map((record, i) => {
      const [step] = record.episode.steps;
      if (step?.kind !== "retrieve") throw new Error("no ranking");
      expect(step.documents).toHaveLength(10);
      return rankGold(
        step.documents.map((d) => d.id),
        QUESTIONS[i]!.goldIds,
        10,
      );
    });
    for (const metric of RANKING_METRICS.filter((m) => (m.k ?? 0) <= 10))
      expect(context.points(`retrieval/${metric.key}`).at(-1)?.value).toBeCloseTo(
        computeMeanMetric(results, metric)!,
        12,
      );
    expect(context.points("retrieval/recall@100")).toEqual([]);
    expect(context.progressed.at(-1)).toMatchObject({ phase: "evaluating", done: 200, total: 200 });
    expect(context.preflightItems.map((i) => [i.name, i.state])).toEqual([
      ["retriever", "ready"],
      ["questions", "ready"],
    ]);
    expect((context.services as unknown as { open: () => number }).open()).toBe(0);
  });

  it("goes on where it stopped and counts what was stored", async () => {
    const whole = createContext(new WordRetriever(), QUESTIONS);
    await evaluateRetriever(whole);
    const retriever = new WordRetriever();
    const context = createContext(retriever, QUESTIONS);
    const done = whole.records().slice(0, 150);
    for (const { episode } of done) {
      const [step] = episode.steps;
      if (step?.kind === "retrieve")
        context.stored.set(episode.questionId, [
          ...rankGold(
            step.documents.map((d) => d.id),
            QUESTIONS.find((q) => q.id === episode.questionId)!.goldIds,
            10,
          ).ranks,
        ]);
    }
    await evaluateRetriever(context);
    expect(context.records()).toHaveLength(50);
    expect(retriever.asked.filter((q) => q !== "ready?")).toHaveLength(50);
    expect(context.points("retrieval/mrr").at(-1)).toMatchObject({
      step: 200,
      value: expect.closeTo(whole.points("retrieval/mrr").at(-1)!.value, 12) as number,
    });
  });

  it("leaves out questions without gold documents and refuses a set of nothing else", async () => {
    const context = createContext(new WordRetriever(), [
      ...QUESTIONS.slice(0, 3),
      question("bare", "word1", []),
    ]);
    await evaluateRetriever(context);
    expect(context.records().map((r) => r.episode.questionId)).toEqual(["q0", "q1", "q2"]);
    expect(context.preflightItems.find((i) => i.name === "questions")?.detail).toContain(
      "1 without",
    );
    const none = createContext(new WordRetriever(), [question("bare", "word1", [])]);
    await expect(evaluateRetriever(none)).rejects.toThrow(
      /none of the 1 questions of "set" names gold documents/,
    );
    expect(none.preflightItems.find((i) => i.name === "questions")?.state).toBe("failed");
  });

  it("counts gold documents that the corpus lacks, and refuses a set of another corpus", async () => {
    const context = createContext(new WordRetriever(), [
      question("a", "word1", ["d1", "x"]),
      question("b", "word2", ["d2"]),
    ]);
    await evaluateRetriever(context);
    expect(context.points("retrieval/unknown_gold")[0]?.value).toBe(1);
    expect(context.points("retrieval/unknown_gold_questions")[0]?.value).toBe(1);
    expect(context.logged.find(([level]) => level === "warn")?.[1]).toContain('"x"');
    expect(context.points("retrieval/recall@10").at(-1)?.value).toBe(0.75);
    await expect(
      evaluateRetriever(createContext(new WordRetriever(), [question("a", "word1", ["x", "y"])])),
    ).rejects.toThrow(/another corpus/);
    const silent = createContext(new WordRetriever({ byId: false }), [
      question("a", "word1", ["x"]),
    ]);
    await evaluateRetriever(silent);
    expect(silent.points("retrieval/unknown_gold")).toEqual([]);
  });

  it("counts a document that a retriever repeats once, and says so", async () => {
    const context = createContext(new WordRetriever({ repeat: true }), [
      question("a", "word1", ["d1"]),
    ]);
    await evaluateRetriever(context);
    const [step] = context.records()[0]!.episode.steps;
    expect(step?.kind === "retrieve" && step.documents.length).toBe(5);
    expect(context.logged.some(([, message]) => message.includes("repeated 5 documents"))).toBe(
      true,
    );
  });
});

it("finds unknown ids by halving", async () => {
  let calls = 0;
  const known = new Set(Array.from({ length: 2000 }, (_, i) => `k${i}`));
  const retriever: Pick<Retriever, "getDocuments"> = {
    getDocuments(ids) {
      calls += 1;
      if (ids.some((id) => !known.has(id)))
        return Promise.reject(new AppError("not-found", "unknown"));
      return Promise.resolve([]);
    },
  };
  const ids = [...known];
  ids.splice(700, 0, "u1");
  ids.splice(1500, 0, "u2");
  expect(await findUnknownDocuments(retriever, ids)).toEqual(new Set(["u1", "u2"]));
  expect(calls).toBeLessThan(60);
});
