import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  questionReadingSchema,
  type QuestionFormat,
  type QuestionReading,
} from "@/contracts/formats/question-file";
import { readQuestionFile, type QuestionFile } from "./read-question-file";
import { CASES_DIR } from "@/lib/testing/shared";

/** Reads a file of a public bug report, re-made small. */
const read = (
  path: string,
  reading: Partial<QuestionReading> = {},
  format: QuestionFormat = "auto",
): Promise<QuestionFile> =>
  readQuestionFile({
    fileName: path.split("/").at(-1)!,
    content: readFileSync(join(CASES_DIR, path)),
    format,
    reading: questionReadingSchema.parse(reading),
    mapping: {},
  });
const listQuestions = ({ parts }: QuestionFile) =>
  parts.flatMap(({ questions }) => questions.map(({ record }) => record));
const listAnswers = (file: QuestionFile) =>
  listQuestions(file).map(({ id, answers }) => [id, ...answers]);
const listProblems = ({ problems }: QuestionFile) =>
  problems.map(({ where, message }) => `${where} ${message}`);

describe.skipIf(!existsSync(CASES_DIR))("question files of bug reports (../shared/cases)", () => {
  it("01: lists as pandas writes them into cells", async () => {
    const file = await read("01-pandas-list-cell/q.csv");
    expect(listAnswers(file)).toEqual([
      ["q1", "Nerle", "River Nerle"],
      ["q2", "O'Brack", "Tom O'Brack"],
      ["q3", "Pell"],
    ]);
    expect(file.warnings).toEqual([expect.stringContaining("2 values held as Python writes")]);
  });

  it("02: a TSV with the quoting of CSV", async () => {
    const file = await read("02-quoted-tsv/q.tsv");
    expect(listAnswers(file)).toEqual([
      ["1", "pilot", "aviator"],
      ["2", "Oslo"],
    ]);
    expect(listQuestions(file)[1]!.question).toBe('Where is "Lund" from?');
    expect(file).toMatchObject({ format: "tsv", text: { dialect: { quoting: "doubled" } } });
  });

  it("03: rows of more and of fewer fields than the heading has", async () => {
    for (const path of ["03-unquoted-comma/q.csv", "03-unquoted-comma/q-min.csv"]) {
      const file = await read(path);
      expect(listAnswers(file)).toEqual([["1", "Shakespeare"]]);
      expect(listProblems(file)[0]).toMatch(/^line 3 has 4 fields where the heading has 3/);
    }
  });

  it("04: Windows-1252 is refused row by row, and read where it is set", async () => {
    const file = await read("04-cp1252-cli/q.csv");
    expect(listQuestions(file)).toEqual([]);
    expect(listProblems(file)[0]).toMatch(/^line 2 is not UTF-8 but probably Windows-1252/);
    expect(listAnswers(await read("04-cp1252-cli/q.csv", { encoding: "windows-1252" }))).toEqual([
      ["1", "Köln"],
      ["2", "Café"],
    ]);
  });

  it("06: ids of 64 bits", async () => {
    const [first, second] = listQuestions(await read("06-big-int-id/q.jsonl"));
    expect([first!.id, second!.id]).toEqual(["1610521604143693812", "1610521604143693813"]);
    expect(first!.goldIds).toEqual(["9007199254740993"]);
  });

  it("07: a bar within an answer of JSON", async () => {
    expect(listAnswers(await read("07-pipe-in-json-answer/q.jsonl"))).toEqual([["1", "P(A|B)"]]);
  });

  it("08: gold answers within lists and dictionaries", async () => {
    expect(listAnswers(await read("08-nested-golds/q.jsonl"))).toEqual([
      ["1", "red", "scarlet"],
      ["2", "Baltic", "Ostsee"],
      ["3", "Como", "Lario"],
    ]);
  });

  it("09: answers that are true or false", async () => {
    const file = await read("09-boolean-answers/q.jsonl");
    expect(listAnswers(file)).toEqual([
      ["1", "yes"],
      ["2", "no"],
    ]);
    expect(file.warnings).toEqual([expect.stringContaining("2 values true or false")]);
    expect(
      listAnswers(await read("09-boolean-answers/q.jsonl", { booleans: "true-false" }))[0],
    ).toEqual(["1", "true"]);
  });

  it("10: aliases in a column of their own", async () => {
    const file = await read("10-answer-aliases/q.jsonl");
    expect(listAnswers(file)).toEqual([["2hop__1", "USA", "United States", "U.S."]]);
    expect(file.unread).toEqual(["answerable"]);
  });

  it("12, 13, 17: semicolons, byte-order marks, CRLF and capital headings", async () => {
    expect(listAnswers(await read("12-semicolon-csv/q.csv"))).toEqual([
      ["1", "Bonn"],
      ["2", "Ada"],
    ]);
    expect(listAnswers(await read("13-bom-crlf-jsonl/q.jsonl"))).toEqual([
      ["007", "Bond"],
      ["7", "7"],
    ]);
    expect(listAnswers(await read("17-heading-case/q.csv"))).toEqual([
      ["1", "Ada"],
      ["2", "Rome"],
    ]);
  });

  it("14: NaN in a field that is not read", async () => {
    expect(listAnswers(await read("14-nan-json/q.jsonl"))).toEqual([
      ["1", "A"],
      ["2", "B"],
    ]);
  });

  it("16: parquet with 64-bit ids, large strings and dictionaries", async () => {
    const file = await read("16-parquet-int64-large-string/q.parquet");
    expect(file.problems).toEqual([]);
    expect(file.format).toBe("parquet");
    expect(
      file.parts[0]!.questions.map(({ record, goldTitles }) => [
        record.id,
        record.answers,
        record.type,
        goldTitles,
      ]),
    ).toMatchInlineSnapshot(`
      [
        [
          "1610521604143693812",
          [
            "Ann",
            "Anna",
          ],
          "x",
          [
            "T",
          ],
        ],
        [
          "1610521604143693813",
          [
            "Bo",
          ],
          "y",
          [
            "U",
          ],
        ],
      ]
    `);
  });

  it("18: gzip, whatever its name says", async () => {
    for (const format of ["auto", "jsonl"] as const) {
      const file = await read("18-gz-questions/q.jsonl.gz", {}, format);
      expect(file).toMatchObject({ container: "gzip", format: "jsonl", problems: [] });
      expect(listQuestions(file)).toHaveLength(1);
    }
  });

  it("19: a comma at the end of a JSON list", async () => {
    expect(listProblems(await read("19-trailing-comma/q.json"))).toEqual([
      "line 3 is not JSON: has a comma before ]",
    ]);
  });

  it("20: options as Python writes a dictionary and a list", async () => {
    expect(
      listQuestions(await read("20-python-options/q.csv")).map(({ options, answers }) => [
        options!.answer,
        answers,
      ]),
    ).toEqual([
      ["B", ["Iron"]],
      ["B", ["Iron"]],
    ]);
  });
});

describe("what a question file may hold", () => {
  const readText = (text: string, mapping = {}, fileName = "q.csv"): Promise<QuestionFile> =>
    readQuestionFile({
      fileName,
      content: new TextEncoder().encode(text),
      format: "auto",
      reading: questionReadingSchema.parse({}),
      mapping,
    });

  it("names a value that is none for its field, with its column", async () => {
    const lines = [
      { id: 1, question: "Q?", answers: { score: 3 } },
      { id: 2, question: { text: "Q?" }, answers: ["a"] },
      { id: null, question: "Q?", answers: ["a"] },
      { id: 4, question: "Q?", answers: ["a", ["b", { text: ["c"] }]], type: { a: 1 } },
      { id: 5, question: "Q?", answers: "['a', 'b" },
      { id: 6, question: "Q?", answers: "['a', 'b']" },
    ];
    const file = await readText(
      lines.map((line) => JSON.stringify(line)).join("\n"),
      {},
      "q.jsonl",
    );
    expect(listProblems(file)).toEqual([
      expect.stringMatching(/^line 1 .*answers holds a dictionary \(score\)/),
      expect.stringMatching(/^line 2 .*question holds a dictionary/),
      expect.stringMatching(/^line 3 .*id is empty/),
      expect.stringMatching(/^line 4 .*type holds a dictionary/),
      expect.stringMatching(/^line 5 .*answers looks like a list/),
    ]);
    expect(listAnswers(file)).toEqual([["6", "a", "b"]]);
  });

  it("asks for the columns that cannot be told, and numbers nothing unasked", async () => {
    const text = "question,answer\nWho?,Ada\n";
    const undecided = await readText(text);
    expect(undecided.undecided).toEqual([expect.stringContaining("hold the ids")]);
    const numbered = await readText(text, { id: null });
    expect([numbered.undecided, listAnswers(numbered)]).toEqual([[], [["line-2", "Ada"]]]);
    const wrong = await readText(text, { id: null, type: "kind" });
    expect(wrong.undecided).toEqual([expect.stringContaining('There is no column "kind"')]);
  });

  it("is no key of an object's own making", async () => {
    const file = await readText(
      '{"id": "constructor", "question": "Q?", "answers": ["a"], "__proto__": 1, "toString": 2}\n',
      { group: "hasOwnProperty" },
      "q.jsonl",
    );
    expect(listAnswers(file)).toEqual([["constructor", "a"]]);
    expect(file.undecided).toEqual([expect.stringContaining("hasOwnProperty")]);
  });

  const readLines = (...lines: unknown[]): Promise<QuestionFile> =>
    readText(lines.map((line) => JSON.stringify(line)).join("\n"), {}, "q.jsonl");

  it("names the right option in one way, or is a problem", async () => {
    const read = async (row: object) => {
      const file = await readLines({ id: 1, question: "Q?", ...row });
      const [question] = listQuestions(file);
      return question
        ? [question.options?.answer ?? null, ...question.answers]
        : listProblems(file)[0];
    };
    const options = ["x", "y"];
    expect(await read({ options, answer: 1 })).toEqual(["B", "y"]);
    expect(await read({ options: { A: "x", B: "y" }, answer: ["b"] })).toEqual(["B", "y"]);
    // As MMLU has them: the number is a place, whatever the options say.
    expect(await read({ options: ["1", "2", "3"], answer: 2 })).toEqual(["C", "3"]);
    expect(await read({ options: [1, 2, 3], answer: 3 })).toEqual(["C", "3"]);
    expect(await read({ options: ["yes", "no"], answer: false })).toEqual(["B", "no"]);
    expect(await read({ options: [true, false], answer: false })).toEqual(["B", "no"]);
    // Some questions of ARC have numbers for letters.
    const arc = { choices: { text: options, label: ["1", "2"] }, answerKey: "2" };
    expect(await read(arc)).toEqual(["B", "y"]);
    expect(await read({ options: [], answer: "free" })).toEqual([null, "free"]);
    expect(await read({ options: ["1", "2", "3"], answer: "1" })).toContain("may be the letter");
    expect(await read({ options: ["B", "A"], answer: "A" })).toContain("may be the letter");
    expect(await read({ options: ["B", "A"], answerKey: "A" })).toEqual(["A", "B"]);
    expect(await read({ options, answer: ["A", "B"] })).toContain("names several");
    expect(await read({ options, answer: "y", answer_idx: "A" })).toContain("names several");
    expect(await read({ options, answer: 2 })).toContain("counted from 0");
    const warned = await readLines(
      { id: 1, question: "Q?", options, answer: 1 },
      { id: 2, question: "Q2?", answer: "B", A: "x" },
    );
    expect(warned.warnings).toEqual([
      expect.stringContaining("place of an option"),
      expect.stringContaining("a single letter"),
    ]);
  });

  it("is missing where pandas wrote NaN, and a list of numbers where ids stand", async () => {
    const table = await readText(
      "id,question,answers,aliases\n1,Q?,a,nan\n2,R?,NaN,x\n3,S?,None,\n",
    );
    expect(listAnswers(table)).toEqual([
      ["1", "a"],
      ["2", "x"],
      ["3", "None"],
    ]);
    expect(table.warnings).toEqual([expect.stringContaining("1 value with the look of")]);
    const text = (await readText("id,question,answers\n1,Q?,nan\n", {}, "q.csv")).problems;
    expect(text).toEqual([expect.objectContaining({ where: "line 2" })]);
    const json = await readText(
      '{"id": 1, "question": "Q?", "answers": ["a"], "aliases": NaN, "goldIds": "[12345678901234567890, 2]"}\n{"id": NaN, "question": "Q?", "answers": ["a"]}\n',
      {},
      "q.jsonl",
    );
    expect(listQuestions(json)[0]!.goldIds).toEqual(["12345678901234567890", "2"]);
    expect(listProblems(json)).toEqual([expect.stringMatching(/^line 2 .*id is empty/)]);
  });

  it("asks how quotes are meant where values would differ", async () => {
    const text = 'id\tquestion\tanswers\n1\t"Low" by whom?\tDavid\n2\tWhich?\t"Low"\n';
    expect((await readText(text, {}, "q.tsv")).undecided).toEqual([
      expect.stringContaining("set the quoting"),
    ]);
  });

  it("keeps the first problems of millions, and counts all", async () => {
    const file = await readText("x\n".repeat(300_000), {}, "bad.jsonl");
    expect([file.problems.length, file.problemCount, file.rows]).toEqual([200, 300_000, 300_000]);
  }, 20_000);
});
