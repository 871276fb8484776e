import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ROOT } from "@/lib/paths.mjs";
import { SETS_DIR, SHARED_DIR } from "@/lib/testing/shared";
import { scoreExactMatch, scoreSpan } from "./rule-scoring";
import { containsSpan, readSpanText } from "./span-words";
import { scoreUpstreamSpan } from "./upstream-span";
import { containsWords, normaliseWords } from "./words";

/** Rows and questions beside the checkout; line feeds alone end a line, as texts hold every other separator. */
const readLines = (path: string): unknown[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);

const ANSWERS = join(SHARED_DIR, "reference", "answers.jsonl");
const noAnswers = existsSync(ANSWERS) ? "" : " (skipped: ../shared/reference is absent)";

describe(`tricky strings${noAnswers}`, () => {
  interface Row {
    answer: string;
    gold: string[];
    upstreamSpan: 0 | 1;
    upstreamEm: 0 | 1;
    expected: 0 | 1;
  }
  const rows = noAnswers === "" ? (readLines(ANSWERS) as Row[]) : [];
  const compare = (
    score: (row: Row) => number,
    column: "upstreamSpan" | "upstreamEm" | "expected",
  ) => rows.filter((row) => score(row) !== row[column]);

  it.skipIf(rows.length === 0)("all 437 as expected, and as upstream has them", () => {
    expect(rows).toHaveLength(437);
    expect(compare(({ answer, gold }) => scoreSpan(answer, gold), "expected")).toEqual([]);
    expect(compare(({ answer, gold }) => scoreUpstreamSpan(answer, gold), "upstreamSpan")).toEqual(
      [],
    );
    expect(compare(({ answer, gold }) => scoreExactMatch(answer, gold), "upstreamEm")).toEqual([]);
  });
});

const SETS = ["2wiki", "hotpotqa", "pubmedqa"];
const noSets = SETS.every((set) => existsSync(join(SETS_DIR, set)))
  ? ""
  : " (skipped: ../shared/data is absent)";

it.skipIf(noSets !== "")(`ordinary English scores as by span/1${noSets}`, () => {
  let texts = 0;
  const differing: { golds: string[]; before: boolean }[] = [];
  for (const set of SETS) {
    const read = (file: string) => readLines(join(SETS_DIR, set, file));
    type Passage = { id: string; title: string; text: string };
    const passages = new Map((read("passages.jsonl") as Passage[]).map((each) => [each.id, each]));
    for (const { answers, support } of read("questions.jsonl") as {
      answers: string[];
      support: string[];
    }[])
      for (const id of support) {
        const passage = passages.get(id);
        if (!passage) continue;
        const text = `${passage.title} ${passage.text}`;
        const words = normaliseWords(text);
        const before = answers.some((gold) => containsWords(words, normaliseWords(gold)));
        texts += 1;
        if (before !== (scoreSpan(text, answers) === 1)) differing.push({ golds: answers, before });
      }
  }
  expect(texts).toBe(5556);
  // None was found before, as a hyphen, slash or apostrophe beside it was deleted: Camden-based, Richard Nixon's, no-ENBD.
  expect(differing.filter(({ before }) => before)).toEqual([]);
  expect(differing.map(({ golds }) => golds.join()).sort()).toEqual([
    "19th century",
    "Camden",
    "Cesar Millan",
    "Friedrich Wilhelm, Duke of Schleswig-Holstein-Sonderburg-Glücksburg",
    "Richard Nixon",
    ...new Array<string>(6).fill("no"),
    "yes",
  ]);
});

describe("the examples of docs/method.md", () => {
  const table = readFileSync(join(ROOT, "docs", "method.md"), "utf8")
    .split(/^### /m)
    .find((part) => part.startsWith("Span\n"))!;
  const examples = table
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (?:answer|-)/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([, answer, gold, ours, upstream]) => [answer!, gold!, ours!, upstream!] as const)
    // Said in words, as its character is invisible.
    .filter(([answer]) => !answer.includes("zero-width"));

  it("are some", () => expect(examples.length).toBeGreaterThan(12));
  it.each(examples)("%s, %s: %s, and %s by upstream's", (answer, gold, ours, upstream) => {
    expect([scoreSpan(answer, [gold]), scoreUpstreamSpan(answer, [gold])].map(String)).toEqual([
      ours,
      upstream,
    ]);
  });
});

describe("the rule", () => {
  it.each([
    // 1: signs that are letters in another form, raised figures
    ["№5", "5", 1],
    ["№5", "no 5", 1],
    ["Windows™", "Windows", 1],
    ["10³", "103", 0],
    ["10³", "10", 0],
    ["10⁻³", "10", 0],
    ["10⁻³", "10⁻³", 1],
    ["x²", "x2", 1],
    // 2: Unicode
    ["ＰＡＲＩＳ", "Paris", 1],
    ["ΟΔΟΣ", "οδος", 1],
    ["GROẞ", "gross", 1],
    ["O´Brien", "O'Brien", 1],
    // 3: signs, brackets, invisible characters
    ["❤️", "❤️", 0],
    ["Sub-Saharan Africa", "sub saharan Africa", 1],
    ["U.S.A.", "USA", 1],
    ["f(x)", "fx", 0],
    ["1999[1]", "1999", 1],
    ["Pa\u200bris", "Paris", 1],
    ["2001-06-01", "20010601", 0],
    // 4: numbers
    ["12 300 km", "12,300", 1],
    ["12’300", "12300", 1],
    ["1,000.5", "1000,5", 1],
    ["0,123", "0.123", 1],
    ["2001 300", "2001300", 0],
    ["100, 200", "100200", 0],
    ["1,000 200", "1000", 1],
    ["−5 °C", "-5 °C", 1],
    ["from -5 to 5", "5", 1],
    ["10%-20%", "20%", 1],
    ["COVID-19", "COVID 19", 1],
    ["1939年-1945年", "1945年", 1],
    ["(-5)", "5", 0],
    ["12:30", "12", 0],
    // 5: articles
    ["Vitamin A", "vitamin", 1],
    ["“The” Beatles", "the beatles", 1],
    ["A-team", "a team", 1],
    // 6: Chinese, Japanese and Korean
    ["首都是北京。", "北京", 1],
    ["東 京", "東京", 1],
    ["2008年", "2008", 1],
    ["iPhone手机", "phone", 0],
    ["か\u0300", "か", 0],
    // 7: nothing is left
    ["A", "A", 0],
    ["", "", 0],
  ])("%j against %j is %i", (answer, gold, value) => expect(scoreSpan(answer, [gold])).toBe(value));

  it("needs one of the gold answers", () => {
    expect(scoreSpan("Paris", ["", "Lima", "paris"])).toBe(1);
    expect(scoreSpan("Paris", [])).toBe(0);
  });
});

/** Texts with the characters that the rule is about, in any order. */
const tricky = fc
  .array(
    fc.oneof(
      fc.constantFrom(..."aAtheß.,:'’\"-−–/()[] \u00a0\u200b\u0301²½™№北京カが5013𝟗😀ıİςΣ"),
      fc.constantFrom("the ", " a ", "1,000", "12:30", "-5", "10³", "\ue000", "\ud800"),
      fc.string({ unit: "binary", maxLength: 2 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));
const isLeft = (text: string): boolean => readSpanText(text).characters !== "";
const words = fc.array(fc.constantFrom("blue", "is", "the", "Ärger", "北京", "yes."), {
  maxLength: 3,
});

describe("whatever the texts", () => {
  it("a text of which something is left holds itself, and one of which nothing is left is nowhere", () =>
    fc.assert(
      fc.property(tricky, tricky, (text, other) => {
        expect(scoreSpan(text, [text])).toBe(isLeft(text) ? 1 : 0);
        if (!isLeft(text)) expect(scoreSpan(other, [text])).toBe(0);
      }),
      { numRuns: 3000 },
    ));

  it("what is found stays found between further words", () =>
    fc.assert(
      fc.property(tricky, tricky, words, words, (text, gold, before, after) => {
        const longer = [...before, text, ...after].join(" ");
        if (isLeft(text)) expect(scoreSpan(longer, [text])).toBe(1);
        if (scoreSpan(text, [gold]) === 1) expect(scoreSpan(longer, [gold])).toBe(1);
      }),
      { numRuns: 3000 },
    ));

  it("case and Unicode form do not matter", () =>
    fc.assert(
      fc.property(tricky, (text) => {
        const read = readSpanText(text);
        expect(readSpanText(text.normalize("NFD"))).toEqual(readSpanText(text.normalize("NFC")));
        expect(read.breaks).toHaveLength(read.characters.length + 1);
        if (isLeft(text))
          expect(containsSpan(readSpanText(text.normalize("NFC")), read)).toBe(true);
      }),
      { numRuns: 1000 },
    ));
});

it("a long answer is read in a time that grows with its length", () => {
  const start = performance.now();
  for (const part of ["1 000 ", "1,000,", "a ", "the-", "²½", "5:5.5-", "北", "(", "\u0301"])
    scoreSpan(part.repeat(20_000), ["1000 b", part.repeat(50)]);
  expect(performance.now() - start).toBeLessThan(10_000);
});
