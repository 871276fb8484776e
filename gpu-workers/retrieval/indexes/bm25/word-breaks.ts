/**
 * Words of a text as Unicode's default word boundaries give them (UAX #29, the rules of Lucene's StandardTokenizer):
 * runs of letters, digits and what joins them ("can't", "3.14", "a_b"); a word for each ideograph and each emoji
 * sequence. Punctuation is no word. Written by hand because `Intl.Segmenter` takes several times as long and its answer
 * for a colon or for Chinese depends on Node's own tables.
 */

const enum Class {
  Other,
  Letter,
  Digit,
  /** Joins letters and digits alike: "_". */
  Connector,
  /** Marks and invisible characters: part of what they follow. */
  Extend,
  /** Joins letters: ":". */
  MidLetter,
  /** Joins letters or digits: "'" and ".". */
  MidBoth,
  /** Joins digits: ",". */
  MidDigit,
  Katakana,
  /** A word of its own: Han and Hiragana. */
  Ideograph,
  /** Scripts without spaces, whose runs are kept whole: Thai, Lao, Khmer, Myanmar. */
  Complex,
  /** Skin tones: emoji, or, where emoji are no words, marks. */
  EmojiModifier,
  Unknown = 255,
}

/** Added to the class of a character that an emoji sequence may begin with. */
const EMOJI_BIT = 16;

/** What continues a sequence: marks and invisible characters but the two presentation selectors. */
const MARKS = String.raw`(?:(?![\u200b\ufe0e\ufe0f])[\p{M}\p{Cf}\u200c\uff9e\uff9f])*`;
const TONED = String.raw`(?:\p{Emoji_Modifier_Base}${MARKS})?\p{Emoji_Modifier}${MARKS}`;
const PICTURE = String.raw`\p{Extended_Pictographic}${MARKS}`;

/**
 * UTS #51's sequences as Lucene's grammar has them: pictures with a presentation or skin tone, joined by ZWJ; with tags;
 * keycaps; two regional indicators. No part can match one text in two ways, so that time stays linear.
 */
const EMOJI_SEQUENCE = new RegExp(
  String.raw`(?:${TONED}(?<=\u200d)|${PICTURE}(?:(?<=\u200d)|\ufe0f\u200d+))*` +
    String.raw`(?:${TONED}|${PICTURE}\ufe0f?)(?:[\u{e0020}-\u{e007e}]+\u{e007f})?` +
    String.raw`|[#*]${MARKS}\ufe0f?\u20e3${MARKS}` +
    String.raw`|(?:\p{Regional_Indicator}(?:(?!\u200b)[\p{M}\p{Cf}\u200c\uff9e\uff9f])*){2}`,
  "uy",
);

/** Lucene cuts longer tokens. */
const MAX_TOKEN_LENGTH = 255;

/** Classes of the basic plane, found when a character is first met. */
const known = new Uint8Array(0x10000).fill(Class.Unknown);

function findClass(codePoint: number): Class {
  const character = String.fromCodePoint(codePoint);
  if (/[:\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a]/u.test(character))
    return Class.MidLetter;
  if (/['.\u2018\u2019\u2024\ufe52\uff07\uff0e]/u.test(character)) return Class.MidBoth;
  if (
    /[,;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b]/u.test(
      character,
    )
  )
    return Class.MidDigit;
  if (/[\p{Pc}\u202f]/u.test(character)) return Class.Connector;
  if (codePoint === 0x200b) return Class.Other; // a place to break
  if (/\p{Emoji_Modifier}/u.test(character)) return Class.EmojiModifier;
  if (/[\p{M}\p{Cf}\u200c\uff9e\uff9f]/u.test(character)) return Class.Extend;
  if (/[\p{Nd}\u066b]/u.test(character)) return Class.Digit;
  if (/[\p{Script=Katakana}\u3031-\u3035\u309b\u309c\u30a0\u30fc\uff70]/u.test(character))
    return Class.Katakana;
  if (/[\p{Ideographic}\p{Script=Han}\p{Script=Hiragana}]/u.test(character)) return Class.Ideograph;
  if (/[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u.test(character))
    return /\p{L}/u.test(character) ? Class.Complex : Class.Other;
  if (
    /[\p{Alphabetic}\u02c2-\u02c5\u02d2-\u02d7\u02de\u02df\u02e5-\u02eb\u02ed\u02ef-\u02ff\u055a\u055b\u055c\u055e\u058a\u05f3\ua708-\ua716\ua720\ua721\ua789\ua78a\uab5b]/u.test(
      character,
    )
  )
    return Class.Letter;
  return Class.Other;
}

const EMOJI_START = /[#*\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}]/u;

/** Class of a character, with `EMOJI_BIT`. */
function classify(codePoint: number): number {
  const bit = EMOJI_START.test(String.fromCodePoint(codePoint)) ? EMOJI_BIT : 0;
  return findClass(codePoint) | bit;
}

function readTraitsAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit >= 0xd800 && unit < 0xdc00) return classify(text.codePointAt(at) ?? unit);
  const found: Class = known[unit] ?? Class.Other;
  if (found !== Class.Unknown) return found;
  return (known[unit] = classify(unit));
}

/** @param emoji whether emoji are words (`forEachWord`) */
const getClassAt = (text: string, at: number, emoji: boolean): Class =>
  toClass(readTraitsAt(text, at), emoji);

function toClass(traits: number, emoji: boolean): Class {
  const found: Class = traits & (EMOJI_BIT - 1);
  if (found !== Class.EmojiModifier) return found;
  return emoji ? Class.Other : Class.Extend;
}

/** Code units of the character at `at`. */
function getWidthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** First position from `at` on that holds no mark and, where `complex`, no letter of a script without spaces. */
function skipMarks(text: string, at: number, emoji: boolean, complex = false): number {
  let next = at;
  for (; next < text.length; next += getWidthAt(text, next)) {
    const found = getClassAt(text, next, emoji);
    if (found !== Class.Extend && !(complex && found === Class.Complex)) break;
  }
  return next;
}

/** Classes that a run of characters which belong together begins with. */
const WORD_CLASSES: ReadonlySet<Class> = new Set([
  Class.Letter,
  Class.Digit,
  Class.Connector,
  Class.Katakana,
]);

/**
 * Calls `word` with start and end (code units) of each word of the text, in order.
 *
 * @param emoji whether emoji are words, as in Lucene from version 8 on
 */
export function forEachWord(
  text: string,
  word: (start: number, end: number) => void,
  emoji = true,
): void {
  for (let at = 0; at < text.length;) {
    const beyond = at + getWidthAt(text, at);
    const traits = readTraitsAt(text, at);
    const sequenceEnd = emoji && (traits & EMOJI_BIT) !== 0 ? findEmojiEnd(text, at) : at;
    let end = beyond;
    let isWord = true;
    // english-1 left these whole.
    let longest = emoji ? MAX_TOKEN_LENGTH : Infinity;
    const first = toClass(traits, emoji);
    if (first === Class.Ideograph) end = skipMarks(text, beyond, emoji);
    else if (first === Class.Complex) end = skipMarks(text, beyond, emoji, true);
    else if (WORD_CLASSES.has(first)) {
      ({ end, isWord } = scanWord(text, at, emoji));
      longest = MAX_TOKEN_LENGTH;
    } else isWord = false;
    // The longest wins, as in Lucene: a letter that is an emoji too ("\u2139") may begin either.
    if (sequenceEnd > at && (!isWord || sequenceEnd > end)) [end, isWord] = [sequenceEnd, true];
    for (let from = at; isWord && from < end; from += longest)
      word(from, Math.min(end, from + longest));
    at = end;
  }
}

/** End of the emoji sequence that starts at `at`; `at` where none does. */
function findEmojiEnd(text: string, at: number): number {
  EMOJI_SEQUENCE.lastIndex = at;
  return EMOJI_SEQUENCE.test(text) ? EMOJI_SEQUENCE.lastIndex : at;
}

/** Where what starts at `start` ends, and whether it is a word: connectors alone are none. */
function scanWord(text: string, start: number, emoji: boolean): { end: number; isWord: boolean } {
  let last: Class = getClassAt(text, start, emoji);
  let isWord = last !== Class.Connector;
  let end = start + getWidthAt(text, start);
  while (end < text.length) {
    const next = getClassAt(text, end, emoji);
    if (next === Class.Extend) {
      end += getWidthAt(text, end);
    } else if (isJoined(last, next)) {
      end += getWidthAt(text, end);
      last = next;
      isWord ||= next !== Class.Connector;
    } else {
      const joined = findClassAfterJoint(last, next);
      if (joined === Class.Other) break;
      const beyond = skipMarks(text, end + getWidthAt(text, end), emoji);
      if (beyond >= text.length || getClassAt(text, beyond, emoji) !== joined) break;
      end = beyond + getWidthAt(text, beyond);
    }
  }
  return { end, isWord };
}

/** Rules WB5, 8 to 10, 13, 13a and 13b: no boundary between these neighbours. */
function isJoined(last: Class, next: Class): boolean {
  if (next === Class.Letter || next === Class.Digit)
    return last === Class.Letter || last === Class.Digit || last === Class.Connector;
  if (next === Class.Katakana) return last === Class.Katakana || last === Class.Connector;
  return next === Class.Connector;
}

/** Rules WB6, 7, 11 and 12: the class that must follow `joint` for it to belong to the word; Other: none. */
function findClassAfterJoint(last: Class, joint: Class): Class {
  if (last === Class.Letter && (joint === Class.MidLetter || joint === Class.MidBoth))
    return Class.Letter;
  if (last === Class.Digit && (joint === Class.MidDigit || joint === Class.MidBoth))
    return Class.Digit;
  return Class.Other;
}
