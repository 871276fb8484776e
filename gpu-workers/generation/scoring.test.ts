import { describe, expect, it } from "vitest";
import { exactMatch, normalisedWords, scoreAnswer, spanAccuracy } from "./scoring";

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
  ])("%j", (text, words) => expect(normalisedWords(text)).toEqual(words));
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
  ])("%j against %j is %i", (prediction, golds, value) => expect(spanAccuracy(prediction, golds)).toBe(value));
});

describe("exact match", () => {
  it("compares after normalisation", () => {
    expect(exactMatch("The Quito.", ["Quito"])).toBe(1);
    expect(exactMatch("It is Quito", ["Quito"])).toBe(0);
  });
});

it("a score names its scorer and version", () => {
  expect(scoreAnswer("span", "in Quito", ["Quito"])).toEqual({ scorer: "span/1", value: 1 });
  expect(scoreAnswer("exact-match", "in Quito", ["Quito"])).toEqual({ scorer: "exact-match/1", value: 0 });
});
