import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  LineError,
  formatContents,
  parseContents,
  parseCorpusLine,
  parseQuestionSet,
} from "./corpus-lines";

const question = (fields: Record<string, unknown>): string =>
  JSON.stringify({ id: "q", question: "Who?", answers: ["x"], ...fields });

describe("a corpus line", () => {
  it("is read in both formats", () => {
    expect(parseCorpusLine('{"id": "a", "title": "T", "text": "body"}', 1)).toEqual({
      id: "a",
      title: "T",
      text: "body",
    });
    expect(parseCorpusLine('{"id": 7, "contents": "\\"T\\"\\nbody"}', 1)).toEqual({
      id: "7",
      title: "T",
      text: "body",
    });
    expect(parseCorpusLine('{"id": "a", "contents": "no title\\nsecond line"}', 1)).toEqual({
      id: "a",
      title: "",
      text: "no title\nsecond line",
    });
    expect(parseCorpusLine('{"id": "a", "text": "body", "url": "ignored"}', 1)).toEqual({
      id: "a",
      title: "",
      text: "body",
    });
  });

  it.each([
    ['{"id": "a", "text"', "line 17 is not JSON"],
    ["[1]", "line 17 is not a document"],
    ['{"id": "a"}', "line 17 is not a document: (root): needs `contents`, or `title` and `text`"],
    ['{"text": "body"}', "line 17 is not a document: id:"],
    ['{"id": "", "text": "body"}', "line 17 is not a document: id: must not be empty"],
    ['{"id": "a", "text": 5}', "line 17 is not a document: text:"],
  ])("that is wrong says which and why: %s", (line, message) => {
    expect(() => parseCorpusLine(line, 17)).toThrow(message);
    expect(() => parseCorpusLine(line, 17)).toThrow(LineError);
  });

  it("keeps titles with quotes, brackets and no body in upstream's contents", () => {
    for (const title of ['He said "no"', "Mercury (planet)", '"', ""]) {
      expect(parseContents(formatContents({ title, text: "a\n\nb" }))).toEqual({
        title,
        text: "a\n\nb",
      });
    }
    expect(parseContents('"Only a title"')).toEqual({ title: "Only a title", text: "" });
  });

  it("goes through upstream's contents and back unchanged", () => {
    const title = fc.string({ unit: "grapheme" }).filter((t) => !/[\r\n]/.test(t));
    fc.assert(
      fc.property(title, fc.string({ unit: "grapheme" }), (title, text) => {
        expect(parseContents(formatContents({ title, text }))).toEqual({ title, text });
      }),
    );
  });
});

describe("a question set", () => {
  it("gets the defaults of what a line leaves out", () => {
    expect(parseQuestionSet([question({ question: " Who? " }), ""])).toEqual([
      {
        id: "q",
        question: "Who?",
        answers: ["x"],
        goldIds: [],
        type: null,
        group: null,
        goldQueries: [],
      },
    ]);
  });

  it.each([
    [[question({ question: "  " })], "line 1 is not a question: question: must not be empty"],
    [[question({ answers: [] })], "line 1 is not a question: answers: needs at least one answer"],
    [[question({}), question({ question: "Other?" })], 'line 2 repeats the id "q" of line 1'],
    [
      [question({}), "", question({ id: "r", question: "who? " })],
      'line 3 repeats the question of line 1: "who?"',
    ],
    [["not json"], "line 1 is not JSON: not json"],
    [["", " "], "the question file holds no question"],
  ])("that is wrong says which line and why: %j", (lines, message) => {
    expect(() => parseQuestionSet(lines)).toThrow(message);
  });
});
