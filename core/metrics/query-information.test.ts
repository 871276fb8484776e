import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { computeQueryInformation, type QuestionQueries } from "./query-information";

const about = (id: string, question: string, ...queries: string[]): QuestionQueries => ({
  id,
  question,
  queries,
});

describe("what queries tell of their questions", () => {
  it("is near its most where each query has its question's words", () => {
    const episodes = [
      about("a", "Who painted the Night Watch?", "painter of night watch"),
      about("b", "Which river flows through Lisbon?", "lisbon river"),
    ];
    expect(computeQueryInformation(episodes)).toBeGreaterThan(0.9);
  });

  it("is worked out by hand for two questions of one query each", () => {
    // The first query has one word of three in its own question, which is rare, and none in the other: logits 10/3 and 0.
    // The second is of words that stand nowhere else: logits 0 and 0.
    const episodes = [about("a", "alpha", "alpha x y"), about("b", "beta", "u v")];
    const first = Math.log(2) + 10 / 3 - Math.log(Math.exp(10 / 3) + 1);
    expect(computeQueryInformation(episodes)).toBeCloseTo(first / 2 / Math.log(2), 12);
  });

  it("counts what the question's other episodes ask together, beyond its words", () => {
    const lone = [about("a", "one", "bridge"), about("b", "two", "tunnel")];
    expect(computeQueryInformation(lone)).toBe(0);
    expect(computeQueryInformation([...lone, ...lone])).toBeGreaterThan(0.9);
  });

  it("reads scripts without spaces by characters", () => {
    const episodes = [
      about("a", "夜巡是谁画的", "夜巡画家"),
      about("b", "里斯本有哪条河", "里斯本河流"),
    ];
    expect(computeQueryInformation(episodes)).toBeGreaterThan(0.8);
  });

  it("is unknown where fewer than two questions were searched for", () => {
    expect(computeQueryInformation([])).toBeNull();
    expect(computeQueryInformation([about("a", "x", "x"), about("b", "y")])).toBeNull();
  });

  const word = fc.constantFrom(..."abcdefghijklmnop");
  const text = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join(" "));
  const questions = fc.uniqueArray(text, { minLength: 2, maxLength: 8 });

  it("is 0 where every query is the same, whatever the questions are", () => {
    fc.assert(
      fc.property(questions, text, fc.integer({ min: 1, max: 4 }), (asked, query, samples) => {
        const episodes = asked.flatMap((question) =>
          Array.from({ length: samples + 1 }, () => about(question, question, query)),
        );
        expect(computeQueryInformation(episodes)).toBeLessThan(1e-9);
      }),
    );
  });

  it("lies between 0 and 1, and does not depend on the order of the episodes", () => {
    fc.assert(
      fc.property(
        questions,
        fc.array(fc.tuple(fc.nat(7), fc.array(text, { maxLength: 3 })), { maxLength: 12 }),
        (asked, rows) => {
          const episodes = rows.map(([i, queries]) => {
            const question = asked[i % asked.length]!;
            return about(question, question, ...queries);
          });
          const found = computeQueryInformation(episodes);
          const turned = computeQueryInformation([...episodes].reverse());
          if (found === null) expect(turned).toBeNull();
          else {
            expect(found).toBeGreaterThanOrEqual(0);
            expect(found).toBeLessThanOrEqual(1);
            expect(turned).toBeCloseTo(found, 9);
          }
        },
      ),
    );
  });
});
