import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { EpisodeRecord } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import type { Question } from "@/contracts/worker-protocol/questions";
import { answerBatch, FailureStreak, runConcurrently } from "./predict-batch";

const question = (id: string): Question => ({
  id,
  question: `${id}?`,
  answers: ["x"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
});
const record = (id: string) => ({ episode: { questionId: id } }) as EpisodeRecord;
const questions = ["a", "b", "c", "d"].map(question);
const { signal } = new AbortController();

describe("a batch", () => {
  it("with one question that fails answers the others, and says why", async () => {
    const calls: number[] = [];
    const { records, failures } = await answerBatch(
      questions,
      (batch) => {
        calls.push(batch.length);
        if (batch.some(({ id }) => id === "c"))
          return Promise.reject(new AppError("generator-unavailable", "too long"));
        return Promise.resolve(batch.map(({ id }) => record(id)));
      },
      signal,
    );
    expect(calls).toEqual([4, 1, 1, 1, 1]);
    expect(records.map(({ episode }) => episode.questionId)).toEqual(["a", "b", "d"]);
    expect(failures).toEqual([
      { questionId: "c", code: "generator-unavailable", reason: "too long" },
    ]);
  });

  it("ends the attempt for what is no matter of a question", async () => {
    await expect(
      answerBatch(questions, () => Promise.reject(new AppError("stale-attempt", "gone")), signal),
    ).rejects.toMatchObject({ code: "stale-attempt" });
    const abort = new AbortController();
    abort.abort(new AppError("cancelled", "a person wants it"));
    await expect(
      answerBatch(questions, () => Promise.reject(new Error("half way")), abort.signal),
    ).rejects.toMatchObject({ message: "a person wants it" });
  });
});

describe("failures in a row", () => {
  const failures = (...ids: string[]) =>
    ids.map((questionId) => ({ questionId, code: "engine-unavailable" as const, reason: "down" }));
  it("stop the run, across batches; an answer between them begins the count anew", () => {
    const row = new FailureStreak(3);
    row.record(questions, failures("a", "b", "d"));
    expect(() => row.record(questions, failures("a", "b"))).toThrow(
      /3 questions in a row .* b: down/s,
    );
    const other = new FailureStreak(3);
    other.record(questions, failures("a", "b", "d"));
    expect(() => other.record(questions, failures("b", "c"))).not.toThrow();
  });
});

describe("lanes", () => {
  it("work side by side, begin in order and end with all done", async () => {
    const begun: number[] = [];
    let active = 0;
    let most = 0;
    await runConcurrently(
      [0, 1, 2, 3, 4, 5, 6],
      3,
      async (item) => {
        begun.push(item);
        most = Math.max(most, ++active);
        await sleep(5);
        active--;
      },
      signal,
    );
    expect([begun, most, active]).toEqual([[0, 1, 2, 3, 4, 5, 6], 3, 0]);
  });
  it("stop at the first error, whose reason those under way are told", async () => {
    const begun: number[] = [];
    let told: unknown;
    const work = async (item: number, inner: AbortSignal): Promise<void> => {
      begun.push(item);
      if (item === 1) throw new Error("broken");
      await new Promise((resolve) => inner.addEventListener("abort", resolve));
      told = inner.reason;
      throw inner.reason;
    };
    await expect(runConcurrently([0, 1, 2, 3], 2, work, signal)).rejects.toThrow("broken");
    expect(begun).toEqual([0, 1]);
    expect(told).toMatchObject({ message: "broken" });
  });
});
