import { normaliseWords } from "@/core/scoring/words";

/**
 * Finds the words of a query in a text, also inflected ones, and answers by their words. Scripts that are
 * written without spaces are compared by characters. Only for highlighting: no ranking and no score depends on it.
 */

const STOP_WORDS = new Set(
  "a about an and are as at be been but by can did do does for from had has have how if in into is it its of on or that the their them then there these they this to was were what when where which who whom whose why will with would".split(
    " ",
  ),
);

/** Endings of English words, the longest first. */
const ENDINGS = [
  "ization",
  "fulness",
  "ousness",
  "ational",
  "ations",
  "ically",
  "ation",
  "ities",
  "ators",
  "ments",
  "ional",
  "ator",
  "ious",
  "ical",
  "ings",
  "ions",
  "able",
  "ible",
  "ment",
  "ness",
  "ing",
  "ity",
  "ion",
  "ous",
  "ive",
  "ied",
  "ers",
  "al",
  "ly",
  "ed",
  "er",
  "or",
  "e",
  "y",
];
const SHORTEST_STEM = 3;

function stripPlural(word: string): string {
  if (word.endsWith("ies") && word.length > 4) return `${word.slice(0, -3)}y`;
  if (/(?:s|x|z|ch|sh)es$/.test(word)) return word.slice(0, -2);
  if (word.endsWith("s") && !/(?:ss|us|is)$/.test(word) && word.length > 3)
    return word.slice(0, -1);
  return word;
}

/** A word without its ending: coarser than Porter's stem, so that "religion" and "religious" have the same. */
export function stemWord(word: string): string {
  const base = stripPlural(word.toLowerCase());
  const ending = ENDINGS.find((e) => base.endsWith(e) && base.length - e.length >= SHORTEST_STEM);
  const stem = ending === undefined ? base : base.slice(0, -ending.length);
  // running -> runn -> run
  return stem.length > SHORTEST_STEM && /([bdfgmnprt])\1$/.test(stem) ? stem.slice(0, -1) : stem;
}

const WORD = /[\p{L}\p{N}]+/gu;
/** Runs of scripts without spaces between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]+/gu;

/** Stems of a query's words without stop words; of a query that is all stop words, of all words. */
function extractStems(query: string): Set<string> {
  const words = query.toLowerCase().replace(UNSPACED, " ").match(WORD) ?? [];
  const content = words.filter((word) => !STOP_WORDS.has(word));
  return new Set((content.length > 0 ? content : words).map(stemWord));
}

/** What is looked for in texts. */
export interface Terms {
  stems: ReadonlySet<string>;
  /** Every two neighbouring characters of the query's parts without spaces. */
  pairs: ReadonlySet<string>;
  /** Answers as words. */
  answers: readonly string[][];
  /** Answers in a script without spaces, as they are. */
  unspacedAnswers: readonly string[];
}

/** The terms of a query and of a question's answers. */
export function collectTerms(query: string, answers: readonly string[] = []): Terms {
  const runs = query.match(UNSPACED) ?? [];
  return {
    stems: extractStems(query),
    pairs: new Set(runs.flatMap((run) => (run.length === 1 ? [run] : listPairs(run)))),
    answers: answers.map(normaliseWords).filter((words) => words.length > 0),
    unspacedAnswers: answers
      .map((answer) => answer.trim())
      .filter((answer) => answer.match(UNSPACED) !== null),
  };
}

const listPairs = (run: string): string[] =>
  Array.from({ length: run.length - 1 }, (_, i) => run.slice(i, i + 2));

type Mark = "query" | "answer";

export interface TextPart {
  text: string;
  mark: Mark | null;
}

/** A text cut where terms begin and end; together the parts are the text. An answer hides the words within it. */
export function splitHighlights(text: string, terms: Terms): TextPart[] {
  const marks = new Array<Mark | null>(text.length).fill(null);
  for (const match of text.matchAll(WORD))
    if (terms.stems.has(stemWord(match[0])))
      marks.fill("query", match.index, match.index + match[0].length);
  for (const term of terms.pairs) fillOccurrences(text, term, "query", marks);
  for (const answer of terms.unspacedAnswers) fillOccurrences(text, answer, "answer", marks);
  if (terms.answers.length > 0) fillAnswers(text, terms.answers, marks);

  const parts: TextPart[] = [];
  for (let start = 0, end = 1; end <= text.length; end++) {
    if (end < text.length && marks[end] === marks[start]) continue;
    parts.push({ text: text.slice(start, end), mark: marks[start]! });
    start = end;
  }
  return parts;
}

function fillOccurrences(text: string, term: string, mark: Mark, marks: (Mark | null)[]): void {
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1))
    marks.fill(mark, at, at + term.length);
}

/** Marks the answers whose words follow each other in SQuAD's normalisation. */
function fillAnswers(text: string, answers: readonly string[][], marks: (Mark | null)[]): void {
  const words = [...text.matchAll(/\S+/g)].flatMap(({ 0: run, index }) => {
    // Punctuation and articles vanish; a run without spaces is one word at most.
    const [word] = normaliseWords(run);
    if (word === undefined) return [];
    const start = index + run.search(/[\p{L}\p{N}]/u);
    const end = index + run.replace(/[^\p{L}\p{N}]+$/u, "").length;
    return end > start ? [{ word, start, end }] : [];
  });
  for (const answer of answers)
    for (let first = 0; first + answer.length <= words.length; first++)
      if (answer.every((word, i) => words[first + i]!.word === word))
        marks.fill("answer", words[first]!.start, words[first + answer.length - 1]!.end);
}
