/**
 * What span scoring compares, since version 2 (docs/method.md has the rule with examples). A text is read as the characters
 * of its words in a row, with the breaks between them: after that one text stands in another where its characters do and
 * no break contradicts. Pure.
 */

/** A text as it is compared. Read it only by `containsSpan`. */
export interface SpanText {
  /** Letters, marks and digits of all words in a row, case folded; in numbers also `.`, `:`, `-` and `^`. */
  readonly characters: string;
  /** The break before each character, and one after the last. */
  readonly breaks: Uint8Array;
}

/** The two characters belong to one word. */
const NONE = 0;
/** A sign stands there, which may be read as a gap or as nothing. */
const SIGN = 1;
/** The words are parted. */
const GAP = 2;
/** Beside a Chinese, Japanese or Korean character a word may begin and end anywhere, and a space may be missing. */
const FREE = 3;

/** White space and line separators, as Python's str.split() knows them. */
const SPACE =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
/** Brackets, also < and >, and double quotation marks. */
const BRACKET = '\\p{Ps}\\p{Pe}<>"\\u201c-\\u201f\\u00ab\\u00bb';
const GAP_CHARACTER = new RegExp(`[${SPACE}${BRACKET}]`, "u");
const PIECE = new RegExp(`[^${SPACE}]+`, "gu");
const DIGIT = /\p{N}/u;
const MARK = /\p{M}/u;
/** Letters, marks and digits, but no invisible ones such as variation selectors. */
const WORD_CHARACTER = /(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}]/u;
const NO_WORD_CHARACTERS = /[^\p{L}\p{M}\p{N}]+|\p{Default_Ignorable_Code_Point}+/gu;
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\u30fc]/u;
const ARTICLES: ReadonlySet<string> = new Set(["a", "an", "the"]);

/** Characters within a number stand for themselves; elsewhere they are signs, so they are kept apart until the end. */
const NUMBER_PARTS: Readonly<Record<string, string>> = {
  "\ue000": ".",
  "\ue001": ":",
  "\ue002": "-",
  "\ue003": "^",
};
const [POINT, COLON, MINUS, EXPONENT] = Object.keys(NUMBER_PARTS) as [
  string,
  string,
  string,
  string,
];

/** Signs that may have another form under NFKC. */
const SYMBOL = /(?![ -\x7f])\p{S}/gu;
/** Superscripts, subscripts and fractions right after a digit, with their signs. */
const RAISED = /(?<=\p{Nd})(?=\p{No})\p{No}+|(?<=\p{Nd})[\u207a\u207b\u208a\u208b](?=\p{No})/gu;

/**
 * Unicode's compatibility form in lower case. First a sign that would turn into letters (№, ™) becomes a word of its own, a
 * spacing accent (´) a plain sign, and a raised or fraction sign after a digit is marked, so that 10³ is not 103.
 */
function normaliseCharacters(text: string): string {
  if (!/[^\x00-\x7f]/.test(text)) return text.toLowerCase();
  const prepared = text
    .replace(/[\ue000-\ue003]/g, "\ue004")
    .replace(SYMBOL, (sign) => {
      const form = sign.normalize("NFKC");
      if (/\p{L}/u.test(form)) return ` ${sign} `;
      return MARK.test(form) ? "'" : sign;
    })
    .replace(RAISED, (raised) => {
      if (/^[\u207b\u208b]/.test(raised)) return `${EXPONENT}${MINUS}`;
      if (/^[\u207a\u208a]/.test(raised)) return EXPONENT;
      return DIGIT.test(raised.normalize("NFKC")[0]!) ? EXPONENT + raised : raised;
    });
  return foldCase(prepared.normalize("NFKC")).normalize("NFKC");
}

/** Unicode's full default case folding: ß is ss. No Turkish rule: a dotless i stays itself. */
const foldCase = (text: string): string =>
  text
    .split("ı")
    .map((part) => part.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ"))
    .join("ı");

/** Groups of three digits behind the first, between them always the same separator. 0,123 is no such group. */
const GROUPED =
  /(?<!\p{Nd})(?<!\p{Nd}[.,:])(?!0)\p{Nd}{1,3}([,'’ ])\p{Nd}{3}(?:\1\p{Nd}{3})*(?!\p{Nd})/gu;
/** A minus before a number, and not a hyphen or range behind a word, number, bracket or sign of one. */
const NEGATIVE = new RegExp(
  `(?<=^|[${SPACE}\\p{Ps}\\p{Pi}\\p{Sc}"'=<>≤≥≈~:;,/|*_])[-−](?=\\p{Nd})`,
  "gu",
);

/** Makes every number one word: thousands without separators, one decimal mark, with its colon and minus. */
const joinNumbers = (text: string): string =>
  /\p{Nd}/u.test(text)
    ? text
        .replace(GROUPED, (number) => number.replace(/[,'’ ]/g, ""))
        .replace(/(?<=\p{Nd})[.,](?=\p{Nd})/gu, POINT)
        .replace(/(?<=\p{Nd}):(?=\p{Nd})/gu, COLON)
        .replace(NEGATIVE, MINUS)
    : text;

/** Leaves out what stands between white space and is an article, its signs aside. */
const dropArticles = (text: string): string =>
  text.replace(PIECE, (piece) =>
    ARTICLES.has(piece.replace(NO_WORD_CHARACTERS, "")) ? " " : piece,
  );

/** What a character is: one of a word, with its form there; a sign; or a gap. */
type Character =
  { kind: "word"; form: string; unspaced: boolean; mark: boolean; digit: boolean } | "sign" | "gap";

const known = new Map<string, Character>();

function classifyCharacter(character: string): Character {
  const found = known.get(character);
  if (found !== undefined) return found;
  const made = describeCharacter(character);
  // Texts of all scripts together have some thousand characters; a text of random ones must not fill the memory.
  if (known.size < 20_000) known.set(character, made);
  return made;
}

function describeCharacter(character: string): Character {
  const part = NUMBER_PARTS[character];
  if (part !== undefined)
    return { kind: "word", form: part, unspaced: false, mark: false, digit: true };
  if (!WORD_CHARACTER.test(character)) return GAP_CHARACTER.test(character) ? "gap" : "sign";
  return {
    kind: "word",
    form: character,
    unspaced: UNSPACED.test(character),
    mark: MARK.test(character),
    digit: DIGIT.test(character),
  };
}

/** Reads a text for `containsSpan`: linear in its length. */
export function readSpanText(text: string): SpanText {
  // Articles first: what they are must not depend on the numbers beside them.
  const prepared = joinNumbers(dropArticles(normaliseCharacters(text)));
  const breaks: number[] = [];
  let characters = "";
  let before: Exclude<Character, string> | null = null;
  let pending = GAP;
  for (const character of prepared) {
    const read = classifyCharacter(character);
    if (typeof read === "string") {
      pending = Math.max(pending, read === "gap" ? GAP : SIGN);
      continue;
    }
    breaks.push(before === null ? GAP : chooseBreak(before, pending, read));
    for (let i = 1; i < read.form.length; i++) breaks.push(NONE);
    characters += read.form;
    before = read;
    pending = NONE;
  }
  breaks.push(GAP);
  return { characters, breaks: Uint8Array.from(breaks) };
}

/** The break between two neighbouring characters of words. Between two digits a sign is never nothing. */
function chooseBreak(
  before: Exclude<Character, string>,
  between: number,
  after: Exclude<Character, string>,
): number {
  if (after.mark && between === NONE) return NONE;
  if (before.unspaced || after.unspaced) return FREE;
  return between === SIGN && before.digit && after.digit ? GAP : between;
}

/** Whether the words of `part` stand in `whole` in a row. Never where nothing is left of `part`. */
export function containsSpan(whole: SpanText, part: SpanText): boolean {
  const { length } = part.characters;
  if (length === 0) return false;
  for (
    let at = whole.characters.indexOf(part.characters);
    at >= 0;
    at = whole.characters.indexOf(part.characters, at + 1)
  )
    if (
      whole.breaks[at] !== NONE &&
      whole.breaks[at + length] !== NONE &&
      agreeInBreaks(whole.breaks, at, part.breaks)
    )
      return true;
  return false;
}

/** Whether no break within the part is a gap where the whole has nothing, or the other way round. */
function agreeInBreaks(whole: Uint8Array, at: number, part: Uint8Array): boolean {
  for (let i = 1; i < part.length - 1; i++) {
    const [one, other] = [whole[at + i], part[i]];
    if ((one === NONE && other === GAP) || (one === GAP && other === NONE)) return false;
  }
  return true;
}
