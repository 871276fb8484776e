import fc from "fast-check";
import { expect, it } from "vitest";
import {
  computeObservedHeldOutMetrics,
  computeObservedTrainingMetrics,
  type ObservedEpisode,
} from "./step-metrics";

const build = (changes: Partial<ObservedEpisode>): ObservedEpisode => ({
  questionId: "q",
  question: "Who?",
  reward: 1,
  isRight: true,
  naive: 0,
  queries: [],
  ...changes,
});

it("a step's rollouts give its reward, quadrants, groups and queries", () => {
  const values = computeObservedTrainingMetrics([
    build({ queries: ["who", "other"] }),
    build({ reward: 0, isRight: false, naive: 1 }),
    build({ questionId: "r", reward: 0, isRight: false, naive: null }),
    build({ questionId: "r", reward: 0, isRight: false, naive: null }),
  ]);
  expect(values).toMatchObject({
    "reward/mean": 0.25,
    "reward/generation_accuracy": 0.25,
    "reward/utility_1_gen_1": 0.5,
    "reward/utility_-1_gen_0": 0.5,
    "reward/utility_0_gen_1": 0,
    "groups/without_variance": 0.5,
    "groups/dead_questions": 0.5,
    "search/searches": 0.5,
    "search/copied_question": 0.5,
  });
});

it("what rollouts do not tell has no value", () => {
  const values = computeObservedTrainingMetrics([
    build({ reward: null, isRight: null, naive: null, queries: null }),
  ]);
  expect(values).toEqual({});
  expect(computeObservedHeldOutMetrics([build({ naive: null, queries: null })])).toEqual({
    "held-out/accuracy": 1,
  });
});

it("searches are 0 where rollouts say that none was made, and of unknown number where none says anything", () => {
  const count = (...queries: ObservedEpisode["queries"][]): number | undefined =>
    computeObservedTrainingMetrics(queries.map((one) => build({ queries: one })))[
      "search/searches"
    ];
  expect(count([])).toBe(0);
  expect(count(null, null)).toBeUndefined();
  expect(count(null, ["a", "b"]), "an episode without one, beside others").toBe(1);
});

it("quadrants add up to one wherever naive RAG is known, and their difference is the gain", () => {
  const episode = fc
    .record({ isRight: fc.boolean(), naive: fc.constantFrom(0, 1, null) })
    .map((changes) => build(changes));
  fc.assert(
    fc.property(fc.array(episode, { minLength: 1, maxLength: 30 }), (episodes) => {
      const values = computeObservedHeldOutMetrics(episodes);
      const [gained, lost] = [values["held-out/gained"], values["held-out/lost"]];
      if (gained === undefined)
        return void expect(episodes.every(({ naive }) => naive === null)).toBe(true);
      const both = values["held-out/both_right"]! + values["held-out/both_wrong"]!;
      expect(gained + lost! + both).toBeCloseTo(1);
      expect(values["held-out/gbr"]).toBeCloseTo(gained - lost!);
    }),
  );
});
