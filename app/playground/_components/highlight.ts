/** Finds the words of a query in a text, also inflected ones. Only for highlighting: no ranking depends on it. */

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

/** Stems of a query's words without stop words; of a query that is all stop words, of all words. */
export function extractStems(query: string): Set<string> {
  const words = query.toLowerCase().match(WORD) ?? [];
  const content = words.filter((word) => !STOP_WORDS.has(word));
  return new Set((content.length > 0 ? content : words).map(stemWord));
}

export interface TextPart {
  text: string;
  matched: boolean;
}

/** A text cut where words of the query begin and end; together the parts are the text. */
export function splitHighlights(text: string, stems: ReadonlySet<string>): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(WORD)) {
    if (!stems.has(stemWord(match[0]))) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index), matched: false });
    end = match.index + match[0].length;
    parts.push({ text: match[0], matched: true });
  }
  if (end < text.length) parts.push({ text: text.slice(end), matched: false });
  return parts;
}
