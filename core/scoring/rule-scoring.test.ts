import { describe, expect, it } from "vitest";
import { normaliseWords } from "./words";
import {
  formatQuestion,
  listOutdatedRules,
  scoreExactMatch,
  scoreByRule,
  scoreByRules,
  scoreSpan,
  scoreTokenF1,
} from "./rule-scoring";

describe("normalisation", () => {
  it.each([
    ["The Eiffel-Tower, a  tower!", ["eiffeltower", "tower"]],
    ["an apple and the pear", ["apple", "and", "pear"]],
    ["U.S.A.", ["usa"]],
    ["+977", ["977"]],
    ["Côte d'Ivoire", ["côte", "divoire"]],
    // A letter of another script is a letter: no article begins or ends beside it.
    ["éa a é", ["éa", "é"]],
    ["  ", []],
    ["A the an", []],
  ])("%j", (text, words) => expect(normaliseWords(text)).toEqual(words));
});

describe("span accuracy", () => {
  it.each([
    ["It is the Nepalese Rupee.", ["nepalese rupee"], 1],
    ["Rupee Nepalese", ["nepalese rupee"], 0],
    ["Nepal", ["Ne"], 0],
    ["977", ["+977", "x"], 1],
    ["", ["x"], 0],
    ["anything", ["the", ""], 0],
    ["Sub-Saharan Africa", ["sub saharan Africa"], 0],
  ])("%j against %j is %i", (prediction, golds, value) =>
    expect(scoreSpan(prediction, golds)).toBe(value),
  );
});

describe("exact match", () => {
  it("compares after normalisation", () => {
    expect(scoreExactMatch("The Quito.", ["Quito"])).toBe(1);
    expect(scoreExactMatch("It is Quito", ["Quito"])).toBe(0);
  });
});

describe("token F1", () => {
  it.each([
    // 2 of 3 words right, 2 of 2 found: 2 * (2/3) * 1 / (5/3) = 0.8
    ["the nepalese rupee note", ["Nepalese Rupee"], 0.8],
    ["rupee rupee", ["rupee"], 2 / 3],
    ["paris", ["london", "Paris, France"], 2 / 3],
    ["", ["x"], 0],
    ["yes it is", ["yes"], 0],
    ["Yes.", ["yes"], 1],
    ["nothing alike", ["other"], 0],
  ])("%j against %j", (prediction, golds, value) =>
    expect(scoreTokenF1(prediction, golds)).toBeCloseTo(value, 12),
  );
});

describe("option letters", () => {
  const options = {
    choices: [
      { letter: "A", text: "Aspirin" },
      { letter: "B", text: "Vitamin B12" },
    ],
    answer: "B",
  };
  it("are scored, and asked below the question", () => {
    expect(scoreByRule("option-letter", "B", { answers: ["Vitamin B12"], options })).toEqual({
      scorer: "option-letter/2",
      value: 1,
    });
    expect(() => scoreByRule("option-letter", "B", { answers: ["x"] })).toThrow(
      /needs questions with options/,
    );
    expect(formatQuestion({ question: "Which?", options })).toBe(
      "Which?\nOptions:\nA. Aspirin\nB. Vitamin B12",
    );
    expect(formatQuestion({ question: "Which?" })).toBe("Which?");
  });
});

it("a rule is outdated where only an earlier version of it has scored", () => {
  expect(listOutdatedRules(["span/1", "option-letter/1", "judge/1 m"])).toEqual([
    "option-letter/2",
  ]);
  expect(listOutdatedRules(["span/1", "option-letter/1", "option-letter/2"])).toEqual([]);
});

it("a score names its scorer and version; every rule that applies is given", () => {
  expect(scoreByRule("span", "in Quito", { answers: ["Quito"] })).toEqual({
    scorer: "span/1",
    value: 1,
  });
  expect(
    scoreByRules("in Quito", { answers: ["Quito"] }).map(({ scorer, value }) => [
      scorer,
      Number(value.toFixed(3)),
    ]),
  ).toEqual([
    ["span/1", 1],
    ["exact-match/1", 0],
    ["f1/1", 0.667],
  ]);
});
