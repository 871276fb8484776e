import { describe, expect, it } from "vitest";
import type { Question } from "@/contracts/worker-protocol/questions";
import { drawQuestions, QuestionPool } from "./question-pool";

const questions = Array.from({ length: 10 }, (_, i): Question => ({
  id: `q${i}`,
  question: `${i}?`,
  answers: ["x"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
}));
const ids = (list: readonly Question[]) => list.map(({ id }) => id);

describe("the pool", () => {
  it("gives every question once an epoch, in another order each", () => {
    const pool = new QuestionPool(questions, 7);
    const first = ids(pool.take(10));
    const second = ids(pool.take(10));
    expect([...first].sort()).toEqual(ids(questions));
    expect([...second].sort()).toEqual(ids(questions));
    expect(second).not.toEqual(first);
  });

  it("goes on from a cursor as if never stopped", () => {
    const pool = new QuestionPool(questions, 7);
    pool.take(13);
    expect(ids(new QuestionPool(questions, 7, 13).peek(9))).toEqual(ids(pool.take(9)));
  });

  it("refuses an empty set", () => expect(() => new QuestionPool([], 0)).toThrow("empty"));
});

describe("drawing", () => {
  const odd = (candidates: Question[]) =>
    Promise.resolve(candidates.map(({ id }) => Number(id.slice(1)) % 2 === 1));

  it("keeps the pool's order and ends right after the last one drawn", async () => {
    const pool = new QuestionPool(questions, 7);
    const order = ids(pool.peek(10));
    const drawn = ids(await drawQuestions(pool, 3, odd));
    expect(drawn).toEqual(order.filter((id) => Number(id.slice(1)) % 2 === 1).slice(0, 3));
    expect(pool.cursor).toBe(order.indexOf(drawn[2]!) + 1);
  });

  it("says so where nothing can be kept", async () => {
    await expect(
      drawQuestions(new QuestionPool(questions, 7), 1, (c) => Promise.resolve(c.map(() => false))),
    ).rejects.toThrow("answers every training question");
  });
});
