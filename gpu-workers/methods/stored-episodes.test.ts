import { describe, expect, it } from "vitest";
import type { Episode } from "@/contracts/records/episode";
import type { WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { Question } from "@/contracts/worker-protocol/questions";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { StoredEpisodes } from "./stored-episodes";
import { chunk } from "@/lib/chunk";

const RUN = "00000000-0000-4000-8000-000000000009";
const questions: Question[] = Array.from({ length: 300 }, (_, i) => ({
  id: `q${i}`,
  question: `Question ${i}?`,
  answers: ["x"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
}));
const buildDocument = (id: string) => ({
  id: `d-${id}`,
  hash: `d-${id}`,
  title: id,
  text: `text of ${id}`,
});
const buildEpisode = (id: string): Episode => ({
  key: id,
  method: "rag",
  protocol: "paper",
  questionId: id,
  sampleIndex: 0,
  steps: [],
  context: [{ id: `d-${id}`, hash: `d-${id}`, score: 1 }],
});

/**
 * A server that has the episodes of all questions but `missing`, refuses the first `refusals` calls, and counts what it
 * is asked.
 */
function createServer(missing: readonly string[] = [], refusals = 0) {
  const calls: string[][] = [];
  const readStoredEpisodes = (
    _run: string,
    ids: string[],
  ): Promise<WorkerResponse<"storedEpisodes">> => {
    calls.push(ids);
    if (calls.length <= refusals) return Promise.reject(new Error("the connection is gone"));
    const there = ids.filter((id) => !missing.includes(id));
    return Promise.resolve({
      episodes: there.reverse().map((id) => ({ episode: buildEpisode(id), answer: null })),
      documents: there.map(buildDocument),
    });
  };
  return { calls, readStoredEpisodes };
}

describe("stored episodes", () => {
  it("come in the order of the questions with their texts, each asked for once, ahead of need", async () => {
    const there = createServer();
    const book = new DocumentStore();
    const stored = new StoredEpisodes(there, RUN, book, questions);
    const seen: string[] = [];
    for (const [i, batch] of chunk(questions, 25).entries()) {
      const end = book.openBatch();
      for (const { episode } of await stored.getEpisodes(batch)) {
        seen.push(episode.questionId);
        expect(book.getText(episode.context[0]!).text).toBe(`text of ${episode.questionId}`);
      }
      if (i === 0) expect(there.calls.length, "the next page is on its way").toBe(2);
      end();
    }
    expect(seen).toEqual(questions.map(({ id }) => id));
    expect(there.calls.flat()).toEqual(seen);
    expect(Math.max(...there.calls.map((ids) => ids.length))).toBeLessThanOrEqual(500);
  });

  it("that are not there are named; those beside them are given", async () => {
    const stored = new StoredEpisodes(createServer(["q3"]), RUN, new DocumentStore(), questions);
    await expect(stored.getEpisodes(questions.slice(0, 5))).rejects.toThrow(
      /has stored no episode of question q3/,
    );
    expect((await stored.getEpisodes(questions.slice(0, 3))).length).toBe(3);
  });

  it("are asked for again after a failure", async () => {
    const there = createServer([], 2);
    const stored = new StoredEpisodes(there, RUN, new DocumentStore(), questions);
    await expect(stored.getEpisodes(questions.slice(0, 5))).rejects.toThrow(/connection is gone/);
    expect(
      (await stored.getEpisodes(questions.slice(115, 125))).map(
        ({ episode }) => episode.questionId,
      ),
    ).toEqual(questions.slice(115, 125).map(({ id }) => id));
  });
});
