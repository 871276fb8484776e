import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  LineError,
  encodeContents,
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
      contents: "no title\nsecond line",
    });
    expect(parseCorpusLine('{"id": "a", "text": "body", "url": "ignored"}', 1)).toEqual({
      id: "a",
      title: "",
      text: "body",
    });
  });

  it.each([
    ['{"id": "a", "text"', "line 17 is not JSON"],
    ['{"id": "a", "text": "b", "text": "c"}', 'line 17 holds the key "text" twice'],
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

  it("keeps contents of any form, by a name where title and text give it", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.oneof(
          fc.string(),
          fc.constantFrom('"T"\r\ny', '"T"', "⏎text", "T. y", "T\ny", '"T" x\ny', '"A\rB"\ny'),
        ),
        (title, text, contents) => {
          fc.pre(contents.trim() !== "");
          for (const line of [{ contents }, { title, contents }, { title, text, contents }]) {
            const record = parseCorpusLine(JSON.stringify({ id: "a", ...line }), 1);
            const { contents: own = formatContents(record), ...document } = record;
            expect(own).toBe(contents);
            const stored = JSON.stringify({ ...document, ...encodeContents(record) });
            expect(parseCorpusLine(stored, 1)).toEqual(record);
          }
        },
      ),
    );
    expect(
      ["T. y", '"T"\r\ny', "T\ny", "y", "else"].map((contents) =>
        encodeContents({ id: "a", title: "T", text: "y", contents }),
      ),
    ).toEqual([
      { contentsForm: "sentence" },
      { contentsForm: "quoted-crlf" },
      { contentsForm: "title-line" },
      { contentsForm: "text" },
      { contents: "else" },
    ]);
    // A column of that name that a file has of its own says nothing.
    expect(
      parseCorpusLine('{"id": "a", "title": "T", "text": "y", "contentsForm": "constructor"}', 1),
    ).toEqual({ id: "a", title: "T", text: "y" });
  });

  it.each([
    ['"Paris"\nParis is', "Paris", "Paris is"],
    ["Paris\nParis is", "", "Paris\nParis is"],
    ['"A "B" C"\ntext', 'A "B" C', "text"],
    ["no line break", "", "no line break"],
    ['"T" x\ny', "", '"T" x\ny'],
    ["\ntext", "", "\ntext"],
    ['"T"\r\ny', "T", "y"],
    [{ title: "T", text: "x" }, "T", "x"],
    [{ title: "T", contents: "T. c" }, "T", "T. c"],
  ])(
    "sends every line of the released code's corpora back as it stands: %s",
    (line, title, text) => {
      const fields = typeof line === "string" ? { contents: line } : line;
      const record = parseCorpusLine(JSON.stringify({ id: "a", ...fields }), 1);
      expect([record.title, record.text]).toEqual([title, text]);
      const sent = record.contents ?? formatContents(record);
      expect(sent).toBe("contents" in fields ? fields.contents : '"T"\nx');
    },
  );

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

  it("holds questions with one stem and other options", () => {
    const ask = (id: string, ...texts: string[]) =>
      question({
        id,
        options: {
          choices: texts.map((text, i) => ({ letter: "AB"[i], text })),
          answer: "A",
        },
      });
    expect(parseQuestionSet([ask("q", "x", "y"), ask("r", "x", "z")])).toHaveLength(2);
    expect(() => parseQuestionSet([ask("q", "x", "y"), ask("r", "X", "y")])).toThrow(
      /repeats the question of line 1/,
    );
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
