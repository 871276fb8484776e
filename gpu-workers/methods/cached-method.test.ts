import { describe, expect, it } from "vitest";
import type { Episode } from "@/contracts/records/episode";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import { computeOwnAnswerKey } from "@/gpu-workers/searcher/episode-grader";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { CachedMethod, canReuseByKey } from "./cached-method";
import type { ModelMethod } from "@/gpu-workers/searcher/method";

const questions: Question[] = ["a", "b", "c", "d"].map((id) => ({
  id,
  question: `${id}?`,
  answers: ["x"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
}));
const buildEpisode = (id: string, made: "stored" | "anew"): Episode => ({
  key: `key of ${id}`,
  method: "cot",
  protocol: "paper",
  questionId: id,
  sampleIndex: 0,
  steps: [{ kind: "generate", turn: 0, seconds: 0, text: made }],
  context: [{ id: "d", hash: `hash of ${id}`, score: 1 }],
});
const buildDocument = (id: string) => ({
  id: "d",
  hash: `hash of ${id}`,
  title: "",
  text: `text for ${id}`,
});

function createMethod(
  stored: Record<string, string>,
  answersAs: ModelMethod["ownAnswerLabel"] = null,
) {
  const asked: string[] = [];
  const book = new DocumentStore();
  const method: ModelMethod = {
    name: "cot",
    ownAnswerLabel: answersAs,
    computeEpisodeKey: ({ id }) => `key of ${id}`,
    run: (some) =>
      Promise.resolve(
        some.map(
          ({ id }) => (
            asked.push(id),
            book.add({ ...buildDocument(id), score: 1 }),
            buildEpisode(id, "anew")
          ),
        ),
      ),
  };
  const there = (keys: string[]): string[] =>
    Object.keys(stored)
      .filter((id) => keys.includes(`key of ${id}`))
      .reverse();
  const equal = new CachedMethod(
    method,
    {
      findEpisodes: (keys) =>
        Promise.resolve({
          episodes: there(keys).map((id) => ({
            episode: buildEpisode(id, "stored"),
            answer: {
              key: stored[id]!,
              generator: "m",
              promptStyle: "p",
              text: `answer to ${id}`,
              seconds: 0,
            },
          })),
          documents: there(keys).map(buildDocument),
        }),
    },
    book,
  );
  return { equal, asked, book };
}
const signal = new AbortController().signal;

describe("equal episodes", () => {
  it("are taken over with their texts, in their places; the others are made", async () => {
    const { equal, asked, book } = createMethod({ b: "", d: "" });
    const episodes = await equal.run(questions, signal);
    expect(episodes.map(({ questionId, steps }) => [questionId, steps[0]])).toEqual(
      ["a", "b", "c", "d"].map((id) => [
        id,
        expect.objectContaining({ text: "bd".includes(id) ? "stored" : "anew" }) as unknown,
      ]),
    );
    expect([asked, equal.reusedCount]).toEqual([["a", "c"], 2]);
    for (const { questionId, context } of episodes)
      expect(book.getText(context[0]!).text).toBe(`text for ${questionId}`);
    // A batch that failed afterwards is tried question by question.
    await equal.run([questions[1]!], signal);
    expect(equal.reusedCount).toBe(2);
  });

  it("of a method that answers itself come with its own answer, or not at all", async () => {
    const answersAs = { model: "m", prompt: "cot/1" };
    const { equal, asked } = createMethod(
      { a: computeOwnAnswerKey("key of a", answersAs), b: "a generator's" },
      answersAs,
    );
    const [a, b] = await equal.run(questions.slice(0, 2), signal);
    expect(a!.ownAnswer).toEqual({ ...answersAs, text: "answer to a" });
    expect([b!.ownAnswer, asked]).toEqual([undefined, ["b"]]);
  });
});

describe("keys suffice", () => {
  const suffices = (over: object, documents: number | null = 5): boolean =>
    canReuseByKey(predictConfigSchema.parse({ kind: "predict", name: "p", ...over }), {
      describe: () => ({ kind: "dense", key: "k", title: "", documents }),
    });
  const endpoint = { searcher: { endpoint: "http://127.0.0.1:1/v1" } };
  const remote = { retriever: { kind: "remote", url: "http://127.0.0.1:2/retrieve" } };
  const qdrant = { retriever: { kind: "qdrant", url: "http://127.0.0.1:3", collection: "c" } };
  it("where they hold the weights and the documents", () => {
    expect([suffices({}), suffices({ retriever: { kind: "bm25" } }), suffices(remote)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(canReuseByKey(predictConfigSchema.parse({ kind: "predict", name: "p" }), null)).toBe(
      true,
    );
  });
  it("not where a name may come to mean something else, unless a person says so", () => {
    for (const over of [endpoint, qdrant])
      expect([suffices(over), suffices({ ...over, reuse: { equalEpisodes: "always" } })]).toEqual([
        false,
        true,
      ]);
    expect(suffices(remote, null), "a server that does not say what it serves").toBe(false);
    expect(suffices({ reuse: { equalEpisodes: "never" } })).toBe(false);
  });
});
