import type { MultipleChoice } from "@/contracts/formats/corpus-lines";
import { splitThoughts } from "@/core/episode/thoughts";
import { containsWords, normaliseWords } from "./words";

/**
 * Which option of a multiple choice an answer chooses. Models write it in many ways, and mention other options beside
 * it, so the ways are tried from the surest to the least sure, and the first that finds an option decides: what is
 * marked as the answer (JSON, tags, a box), a statement ("the answer is C", "C is correct"), a letter that leads the
 * text or stands alone on its last line, an emphasised one, the only one that is mentioned, and at last the only option
 * whose text occurs. Where the surest way finds several, none is chosen.
 */

type Choice = MultipleChoice["choices"][number];

/** An option's letter; `SEVERAL` where a way finds more than one; null where it finds none. */
type Found = string | null;
const SEVERAL = "several";

/** A question's options with the patterns of its letters. Every pattern ends with the letter that it finds. */
interface Options extends ReturnType<typeof buildPatterns> {
  choices: readonly (Choice & { words: string[] })[];
}

/** The option that an answer chooses, by its letter; null where it chooses none or several. */
export function findChosenOption(prediction: string, { choices }: MultipleChoice): string | null {
  const options: Options = {
    ...getPatterns(choices.map(({ letter }) => letter).join("")),
    choices: choices.map((choice) => ({ ...choice, words: normaliseWords(choice.text) })),
  };
  const own = splitThoughts(prediction).text.normalize("NFKC");
  const found = findMarked(own, options) ?? findWritten(own, options);
  return found === SEVERAL ? null : found;
}

const JSON_VALUE = String.raw`["']\s*:\s*\[?\s*(?:"([^"\\]*)"|'([^'\\]*)'|([A-Za-z])\b)`;
/** An answer by the name that JSON gives it. */
const JSON_ANSWER = new RegExp(
  String.raw`["'](?:\w{1,20}[_ ])?(?:answer|prediction)(?:[_ ]\w{1,20})?${JSON_VALUE}`,
  "gi",
);
/** A name that JSON may also give to every option in turn. */
const JSON_OPTION = new RegExp(
  String.raw`["'](?:\w{1,20}[_ ])?(?:option|choice|letter|response)${JSON_VALUE}`,
  "gi",
);
const ANSWER_TAG = /<(?:final_)?answer>([^<]*)<\/(?:final_)?answer>/gi;

/** What a reply marks as its answer. Where that is no option, nothing else of the reply is one. */
function findMarked(text: string, options: Options): Found {
  const list = (pattern: RegExp): string[] =>
    [...text.matchAll(pattern)].map((match) => match.slice(1).find(Boolean) ?? "");
  const named = list(JSON_OPTION);
  const marked = [
    ...list(JSON_ANSWER).slice(-1),
    ...(new Set(named).size === 1 ? named : []),
    ...list(ANSWER_TAG).slice(-1),
  ].find((each) => each.trim() !== "");
  if (marked !== undefined) return findWritten(marked, options) ?? SEVERAL;
  const boxed = listBoxed(text).at(-1);
  return boxed === undefined ? null : findWritten(boxed, options);
}

/** Contents of all `\boxed{...}` with balanced braces. */
const listBoxed = (text: string): string[] =>
  text
    .split("\\boxed{")
    .slice(1)
    .flatMap((rest) => {
      for (let at = 0, depth = 1; at < rest.length; at++) {
        if (rest[at] === "{") depth += 1;
        if (rest[at] === "}" && --depth === 0) return [rest.slice(0, at)];
      }
      return [];
    });

/** What a reply says in its words. */
function findWritten(text: string, options: Options): Found {
  const plain = removeMarkup(text).replace(options.label, "");
  const words = normaliseWords(plain);
  const same = options.choices.filter((each) => each.words.join(" ") === words.join(" "));
  if (same.length === 1 && plain.length > 1) return same[0]!.letter;
  const rest = options.rejected
    .reduce((left, pattern) => left.replace(pattern, " "), plain)
    .replace(/ ?\( *\)?(?= *(?:$|[.,;:\n]))/g, "");
  return (
    findStated(rest, options) ??
    findLeading(rest, options) ??
    findOnly(text, options.emphasised, options) ??
    findOnly(rest, options.mentioned, options) ??
    findByText(words, options) ??
    findOnly(rest, options.bare, options)
  );
}

/** Removes LaTeX, Markdown, special tokens and what is not seen around words, and collapses white space. */
const removeMarkup = (text: string): string =>
  text
    .replace(/\\(?:text(?:bf|it|rm)?|math(?:bf|rm|bb|sf)|[bf]?boxed|fbox|bf|rm)(?![a-z])/g, "")
    .replace(
      /<[|｜][^<>|｜\n]{1,40}[|｜]>|<\/?s>|<(?:end_of_turn|eos)>|[\u200b-\u200f\u2060\ufeff]/g,
      "",
    )
    .replace(/<\/?(?:b|strong|em|i|u)>|\\[()[\]]|[*`$~{}\\]|__/g, "")
    .replace(/[^\S\n]+/g, " ")
    .replace(/(?: ?\n ?)+/g, "\n")
    .replace(/(^|\n)[#>\-•+| ]+/g, "$1")
    .trim();

/** The last statement of an answer: one that is called final before all others, one after an "if" after all others. */
function findStated(text: string, options: Options): Found {
  const statements = [options.statement, options.choosing]
    .flatMap((pattern) => [...text.matchAll(pattern)])
    .filter((match) => !isArticle(text, match, options))
    .sort((a, b) => a.index - b.index);
  const last =
    statements.filter(([said]) => /final/i.test(said)).at(-1) ??
    statements.filter((match) => !isHypothetical(text, match.index)).at(-1) ??
    statements.at(-1);
  return last ? readLetter(text, last, options) : findOnly(text, options.correct, options);
}

const isHypothetical = (text: string, at: number): boolean =>
  /(?:^|[\s,])(?:if|unless)\s[^.!?\n]*$/i.test(text.slice(Math.max(0, at - 200), at));

/** Where the letter of a match stands. */
const findLetterAt = (match: RegExpMatchArray): number => match.index! + match[0].length - 1;

/** Words that go on after a letter, where a noun would make an article of it. */
const AFTER_LETTER =
  /^(?:because|since|as|is|are|and|or|due|for|based|with|given|which|seems?|over|not)$/;

/** Whether a letter is the word "a" or "I": small before a word, or before one that does not begin its option's text. */
function isArticle(text: string, match: RegExpMatchArray, { choices }: Options): boolean {
  const at = findLetterAt(match);
  const letter = text[at]!;
  const word = /^\s+(\p{L}+)/u.exec(text.slice(at + 1, at + 40))?.[1]?.toLowerCase();
  if (!/[ai]/i.test(letter) || word === undefined) return false;
  if (letter === letter.toLowerCase()) return true;
  const begins = choices.find((each) => each.letter === letter)?.words[0] === word;
  return !begins && !AFTER_LETTER.test(word);
}

/** What goes on after a letter whose option is put aside: ". Copper is wrong". */
const REJECTED_TEXT =
  /^[.)] [^.,;!?\n]{0,80} (?:is|are) (?:wrong|incorrect|false|ruled out|not (?:correct|right|the answer))(?!\p{L})/u;

/** A letter at the beginning, unless the lines begin as a list of the options does, or alone on the last line. */
function findLeading(text: string, options: Options): Found {
  const lines = text.split("\n");
  const leads = lines.map((line) => options.leading.exec(line));
  const letters = new Set(leads.flatMap((match) => match?.[0].at(-1)!.toUpperCase() ?? []));
  const isList = letters.size > 1 && [...letters][0] === options.choices[0]!.letter;
  const led =
    leads[0] && options.choices.find(({ letter }) => letter === leads[0]![0].at(-1)!.toUpperCase());
  // An option's own text may say that something is wrong.
  const isRejected =
    led &&
    REJECTED_TEXT.test(lines[0]!.slice(leads[0]![0].length)) &&
    !REJECTED_TEXT.test(`. ${led.text}`);
  if (leads[0] && !isList && !isRejected) return readLetter(lines[0]!, leads[0], options);
  const [line, last] = [lines.at(-1)!, leads.at(-1)];
  const standsAlone = last && !/[\p{L}\p{N}]/u.test(line.slice(findLetterAt(last) + 1));
  return standsAlone ? readLetter(line, last, options) : null;
}

/** The option of a match: its letter, unless a term begins with it ("B vitamins") or further options follow. */
function readLetter(
  text: string,
  match: RegExpMatchArray,
  { choices, further, former }: Options,
): Found {
  const at = findLetterAt(match);
  const letter = text[at]!.toUpperCase();
  const words = normaliseWords(text.slice(at, at + 200));
  const term = choices.find(
    (each) =>
      each.words.length > 1 &&
      each.words[0]!.length === 1 &&
      each.words.every((word, i) => word === words[i]),
  );
  if (term) return term.letter;
  const around = [
    further.exec(text.slice(at + 1, at + 40)),
    former.exec(text.slice(Math.max(0, at - 40), at)),
  ].flatMap((found) => found?.[1] ?? []);
  return around.some((other) => other !== letter) ? SEVERAL : letter;
}

/** The only option that a pattern finds. */
function findOnly(text: string, pattern: RegExp, options: Options): Found {
  const matches = [...text.matchAll(pattern)].filter((match) => !isArticle(text, match, options));
  const letters = new Set(matches.map(([said]) => said.at(-1)!.toUpperCase()));
  if (letters.size === 0) return null;
  return letters.size > 1 ? SEVERAL : readLetter(text, matches[0]!, options);
}

/** The only option whose text is said. One within a longer one that is said as well does not count. */
function findByText(words: readonly string[], { choices }: Options): Found {
  const said = choices.filter((each) => containsWords(words, each.words));
  const longest = said.reduce<Options["choices"][number] | null>(
    (best, choice) => (best === null || choice.text.length > best.text.length ? choice : best),
    null,
  );
  if (longest === null) return null;
  return said.every((each) => containsWords(longest.words, each.words)) ? longest.letter : SEVERAL;
}

const patternsByLetters = new Map<string, ReturnType<typeof buildPatterns>>();

function getPatterns(letters: string): ReturnType<typeof buildPatterns> {
  let patterns = patternsByLetters.get(letters);
  if (!patterns) patternsByLetters.set(letters, (patterns = buildPatterns(letters)));
  return patterns;
}

/** These words as they are, with a capital, and in capitals: beside a letter whose case matters. */
const inAnyCase = (words: string): string =>
  words
    .split("|")
    .flatMap((word) => [word, word[0]!.toUpperCase() + word.slice(1), word.toUpperCase()])
    .join("|");

const NOT = inAnyCase(
  "not|neither|isn't|can't be|cannot be|can not be|couldn't be|could not be|rather than|instead of|over|than|excluding|unlike|against|rule out|rules out|ruled out|ruling out|eliminate|eliminates|eliminated|eliminating|exclude|excludes|excluded|reject|rejects|rejected",
);
const WRONG =
  "(?:not (?:the |an? )?(?:\\p{L}+ )?(?:correct|right|answer|best|true)|not|wrong|incorrect|false|ruled out|excluded|eliminated|less|unlikely|implausible|irrelevant|inappropriate|contraindicated)";
const NOUN =
  "(?:answers?|choice|option|response|solution|selection|conclusion|verdict|antwort|réponse|respuesta|risposta|resposta|ответ)";
const VERB =
  "(?: ?(?:is|was|would be|should be|must be|will be|ist|lautet|est|es|é|è|:|=|-|–|—|→|->|=>|\\n) ?){1,4}";
const FILLER =
  "(?:(?:therefore|thus|hence|clearly|likely|definitely|probably|most likely|indeed|then|just|simply|actually|rather|instead|but|the|letter|option|choice|answer|number|la|die|der)[ :]{1,2}){0,6}";
const CHOOSE =
  "(?:choose|chose|pick|picked|select|selected|go with|going with|opt for|opted for|settle on|vote for)";
const ASIAN_NOT = "(?:不是|不选|不選|并非|並非|排除|而非)";
const ASIAN_WRONG =
  "(?:选项|選項|项|項)? ?(?:是|都|均)?(?:不正确|不正確|不对|不對|错误|錯誤|错|錯|不符)";
const ASIAN =
  "(?:(?:答案|答え|正解|回答|정답)(?:应该是|应为|是|为|选择|选|は|은|는)?|应选|故选|选择|选) ?:? ?(?:选项)?";

function buildPatterns(letters: string) {
  const small = letters.toLowerCase();
  const before = String.raw`(?<![\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_-])`;
  const after = String.raw`(?![\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_']|-\p{L})`;
  // Everything is bounded, so that no text makes it slow.
  const open = String.raw`[(["'“‘「『【<]{0,3}`;
  const close = String.raw`[)\]"'”’」』】>]{0,3}`;
  const any = `${open}${before}[${letters}${small}]${after}`;
  const capital = `${open}${before}[${letters}]${after}`;
  const named = `(?:(?:${inAnyCase("option|choice|answer|options|choices|answers")}) )?${capital}${close}`;
  const list = `${named}(?:(?: ?, ?${named}){0,25} ?,? (?:and|or|nor|&) ${named})?`;
  return {
    /** "A:" for "Answer:" before an option alone. */
    label: new RegExp(String.raw`^A ?: ?(?=[(\[]?[${letters}](?:[)\].]{0,2}\s*$|[).] ))`),
    /** Options that are named to be put aside: "not A", "A and B are wrong". */
    rejected: [
      new RegExp(`${before}(?:${NOT}) (?:the )?${list}`, "gu"),
      new RegExp(
        `${list} (?:is|are|was|were|can be|seems?|looks?) (?:(?:all|both|also|clearly|therefore) ){0,3}${WRONG}`,
        "gu",
      ),
      new RegExp(`${ASIAN_NOT} ?(?:选项|選項)?${capital}(?: ?[、,和] ?${capital}){0,25}`, "gu"),
      new RegExp(`${capital}(?: ?[、,和] ?${capital}){0,25} ?${ASIAN_WRONG}`, "gu"),
    ],
    statement: new RegExp(
      String.raw`(?<!\p{L})(?:(?:final|correct|best|right) ){0,3}${NOUN}(?:[ _](?:choice|option|letter))?(?:,? \p{L}+,?){0,5}?(?: \([^()\n]{0,20}\))?${VERB}${FILLER}${any}|${ASIAN}${any}`,
      "giu",
    ),
    choosing: new RegExp(`${before}${CHOOSE} ${FILLER}${any}`, "giu"),
    correct: new RegExp(
      `${any}(?=${close} (?:is|are|seems|would be|must be) (?:(?:the|most|clearly|therefore|indeed|likely|a) ){0,4}(?:correct|right|best(?! known)|true|accurate|appropriate|answer)|[项項]? ?(?:是|为)?正[确確])`,
      "giu",
    ),
    leading: new RegExp(
      String.raw`^(?:(?:${inAnyCase("option|choice|answer")}) )?(?:[(["'“‘「『【<]{1,3} ?[${letters}${small}](?= ?[)\]"'”’」』】>])|[${small}](?=\s*$|[).:\]](?!\p{L}))|[${letters}](?=\s*$| ?\|| ?[,;:.)\]–—](?!\p{L})|[。、]| ?-(?!\p{L})| (?:because|since)(?!\p{L})))`,
      "u",
    ),
    emphasised: new RegExp(
      String.raw`(?:\*\*|__|<b>|<strong>)\s*\(?[${letters}](?=[).:]?(?:\s[^*_\n<]*)?(?:\*\*|__|<\/))`,
      "gu",
    ),
    mentioned: new RegExp(
      String.raw`(?<!\p{L})(?:option|choice|选项) ?${any}|\([${letters}${small}](?=\))|\[[${letters}${small}](?=\])`,
      "giu",
    ),
    bare: new RegExp(
      String.raw`(?:^|[,;:.!?→。\n]|[-=]>|而是|(?<!还)是|(?<!\p{L})(?:${inAnyCase("but|so|therefore|thus|hence|is|be|it's|maybe|probably|definitely|certainly|think|say|guess|believe")})) ?${capital}(?= ?(?:$|[.,;:!?)\]"'。\n]))`,
      "gu",
    ),
    /** What stands before and after a letter where a second one is chosen beside it. */
    former: new RegExp(
      String.raw`${before}([${letters}])${close} ?,? ?(?:and|or|&|\/) ?${open}$`,
      "u",
    ),
    further: new RegExp(
      String.raw`^${close} ?(?:, ?)?(?:and|or|&|\/|,|[、。|和或与]|还是) ?${open}([${letters}])${after}(?=${close} ?(?:$|[.,;:)\n、。|？?和都]|and |or ))`,
      "u",
    ),
  };
}
