import { expect, test } from "vitest";
import { coldStartSchema } from "@/contracts/run-config/training";
import { computeColdStartRate, listValidatedBatches, splitValidationPart } from "./cold-start";

const settings = (changes: Partial<ReturnType<typeof coldStartSchema.parse>> = {}) => ({
  ...coldStartSchema.parse({}),
  ...changes,
});

const questions = Array.from({ length: 40 }, (_, i) => ({
  id: `q${i}`,
  question: `question ${i}`,
  answers: ["a"],
  goldIds: [],
  goldQueries: [],
  type: null,
  group: `country ${i % 8}`,
}));

test("a validation part is whole groups, as large as asked or a little more, and the same for all", () => {
  const { training, validation } = splitValidationPart(questions, 8);
  expect(validation).toHaveLength(10);
  expect([...training, ...validation].map(({ id }) => id).sort()).toEqual(
    questions.map(({ id }) => id).sort(),
  );
  const apart = new Set(validation.map(({ group }) => group));
  expect(training.filter(({ group }) => apart.has(group))).toEqual([]);
  expect(new Set(splitValidationPart(questions.toReversed(), 8).validation)).toEqual(
    new Set(validation),
  );
});

test("without validation every question is trained on, in its order", () => {
  expect(splitValidationPart(questions, 0)).toEqual({ training: questions, validation: [] });
});

test("a validation part that leaves nothing to train on is refused", () => {
  expect(() => splitValidationPart(questions, 36)).toThrow(/coldStart.validationQuestions/);
});

test("the rate is constant, or falls evenly to one batch's share", () => {
  const rates = (schedule: "constant" | "linear") =>
    [0, 1, 2, 3].map((batch) =>
      computeColdStartRate(settings({ schedule, learningRate: 0.4 }), batch, 4),
    );
  expect(rates("constant")).toEqual([0.4, 0.4, 0.4, 0.4]);
  expect(rates("linear").map((rate) => rate.toFixed(2))).toEqual(["0.40", "0.30", "0.20", "0.10"]);
});

test("weights are compared after the last batch and every n before it", () => {
  const list = (validationQuestions: number, validateEvery: number) => [
    ...listValidatedBatches(
      settings({ demonstrations: 55, batchSize: 8, validationQuestions, validateEvery }),
    ),
  ];
  expect(list(24, 3)).toEqual([6, 3, 0]);
  expect(list(24, 7)).toEqual([]);
  expect(list(0, 3)).toEqual([]);
});
