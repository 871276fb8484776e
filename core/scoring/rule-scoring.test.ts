import { describe, expect, it } from "vitest";
import { scorerSchema } from "@/contracts/run-config/scoring";
import {
  combineWithVerdicts,
  formatJudgedId,
  formatUnreadId,
  isOfPresentVersion,
  parseUnreadId,
} from "./judged-scoring";
import { scoreUpstreamSpan } from "./upstream-span";
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
    ["Sub-Saharan Africa", ["sub saharan Africa"], 1],
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
      scorer: "option-letter/3",
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
    "span/2",
    "option-letter/3",
  ]);
  expect(
    listOutdatedRules([
      "span/1",
      "span/2",
      "span/upstream-1",
      "option-letter/1",
      "option-letter/3",
    ]),
  ).toEqual([]);
  expect(listOutdatedRules(["span/upstream-1"])).toEqual([]);
});

it("a score names its scorer and version; every rule of this product that applies is given", () => {
  expect(scoreByRule("span", "in Quito", { answers: ["Quito"] })).toEqual({
    scorer: "span/2",
    value: 1,
  });
  expect(scoreByRule("span/upstream", "in 1.5", { answers: ["15"] })).toEqual({
    scorer: "span/upstream-1",
    value: 1,
  });
  expect(
    scoreByRules("in Quito", { answers: ["Quito"] }).map(({ scorer, value }) => [
      scorer,
      Number(value.toFixed(3)),
    ]),
  ).toEqual([
    ["span/2", 1],
    ["exact-match/1", 0],
    ["f1/1", 0.667],
  ]);
});

describe("upstream's span", () => {
  it.each([
    ["It is in Paris.", ["paris"], 1],
    ["panther", ["pan"], 0],
    // Its defects: deleted punctuation, other signs as tokens, golds of which nothing is left.
    ["1.5 million", ["15 million"], 1],
    ["1990-1995", ["1990"], 0],
    ["1990–1995", ["1990"], 1],
    ["O’Brien", ["O'Brien"], 0],
    ["答案是北京", ["北京"], 0],
    ["anything", ["the"], 1],
    ["", [""], 1],
    ["anything", [], 0],
  ])("%j against %j is %i", (prediction, golds, value) =>
    expect(scoreUpstreamSpan(prediction, golds)).toBe(value),
  );

  it("looks for letter and text of the right option, as upstream's rows have it as gold answer", () => {
    const score = (answer: "A" | "B", prediction: string): number => {
      const choices = [
        { letter: "A", text: "aspirin" },
        { letter: "B", text: "ibuprofen" },
      ];
      const answers = [answer === "A" ? "aspirin" : "ibuprofen"];
      return scoreByRule("span/upstream", prediction, { answers, options: { choices, answer } })
        .value;
    };
    // A is taken for an article.
    expect([score("A", "aspirin"), score("B", "ibuprofen"), score("B", "B: ibuprofen")]).toEqual([
      1, 0, 1,
    ]);
  });
});

describe("names of judged scores", () => {
  it("hold scorer, version, prompt and model", () => {
    expect(formatJudgedId("judge", "1 m")).toBe("judge/2.1 m");
    expect(formatJudgedId("generation-accuracy", "1 m")).toBe("generation-accuracy/3.1 m");
    expect(formatJudgedId("generation-accuracy/upstream", "1 m")).toBe(
      "generation-accuracy/upstream-1.1 m",
    );
    const unread = formatUnreadId("generation-accuracy/upstream-1.1 m");
    expect([parseUnreadId(unread), parseUnreadId("judge/1 m")]).toEqual([
      "generation-accuracy/upstream-1.1 m",
      null,
    ]);
  });

  it("say whether the present version gave them", () => {
    expect(
      [
        ["span", "span/2"],
        ["span", "span/1"],
        ["span", "span/upstream-1"],
        ["span/upstream", "span/upstream-1"],
        ["judge", "judge/1 m"],
        ["judge", "judge/2.1 m"],
        ["generation-accuracy", "generation-accuracy/3.1 m"],
        ["generation-accuracy", "generation-accuracy/2.1 m"],
        ["generation-accuracy", "generation-accuracy/1 m"],
        ["generation-accuracy", "generation-accuracy/upstream-1.1 m"],
        ["generation-accuracy/upstream", "generation-accuracy/upstream-1.1 m"],
        ["generation-accuracy/upstream", "generation-accuracy/upstream-file"],
      ].filter(([name, stored]) => isOfPresentVersion(scorerSchema.parse(name), stored!)),
    ).toEqual([
      ["span", "span/2"],
      ["span/upstream", "span/upstream-1"],
      ["judge", "judge/2.1 m"],
      ["generation-accuracy", "generation-accuracy/3.1 m"],
      ["generation-accuracy/upstream", "generation-accuracy/upstream-1.1 m"],
    ]);
  });

  it("of generation accuracy follow from stored verdicts", () => {
    expect(
      combineWithVerdicts("in 1990-1995", ["1990"], {
        "judge/2.1 m": 0,
        "judge/2.edited-0 n": 1,
        "judge/1 m": 0,
        "judge/edited-0 n": 1,
      }),
    ).toEqual([
      { scorer: "generation-accuracy/3.1 m", value: 1 },
      { scorer: "generation-accuracy/3.edited-0 n", value: 1 },
      // Of the judge's first version the names stay.
      { scorer: "generation-accuracy/2.1 m", value: 1 },
      { scorer: "generation-accuracy/2.edited-0 n", value: 1 },
    ]);
    expect(combineWithVerdicts("x", ["y"], { "judge/1 m": 0 })).toMatchObject([{ value: 0 }]);
    expect(combineWithVerdicts("x", ["x"], {})).toEqual([]);
  });
});
