/**
 * Words of a text as Unicode's default word boundaries give them (UAX #29, the rules of Lucene's StandardTokenizer):
 * runs of letters, digits and what joins them ("can't", "3.14", "a_b"); a word for each ideograph. Punctuation and
 * emoji are no words. Written by hand because `Intl.Segmenter` takes several times as long and its answer for a colon
 * or for Chinese depends on Node's own tables.
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
  Unknown = 255,
}

/** Lucene cuts longer tokens. */
const MAX_TOKEN_LENGTH = 255;

/** Classes of the basic plane, found when a character is first met. */
const known = new Uint8Array(0x10000).fill(Class.Unknown);

function classify(codePoint: number): Class {
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
  if (/[\p{M}\p{Cf}\p{Emoji_Modifier}\u200c\uff9e\uff9f]/u.test(character)) return Class.Extend;
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

function getClassAt(text: string, at: number): Class {
  const unit = text.charCodeAt(at);
  if (unit >= 0xd800 && unit < 0xdc00) return classify(text.codePointAt(at) ?? unit);
  const found: Class = known[unit] ?? Class.Other;
  if (found !== Class.Unknown) return found;
  return (known[unit] = classify(unit));
}

/** Code units of the character at `at`. */
function getWidthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** First position from `at` on that holds no mark. */
function skipMarks(text: string, at: number): number {
  let next = at;
  while (next < text.length && getClassAt(text, next) === Class.Extend)
    next += getWidthAt(text, next);
  return next;
}

/** Calls `word` with start and end (code units) of each word of the text, in order. */
export function forEachWord(text: string, word: (start: number, end: number) => void): void {
  for (let at = 0; at < text.length;) {
    const first = getClassAt(text, at);
    const width = getWidthAt(text, at);
    if (first === Class.Ideograph) {
      const end = skipMarks(text, at + width);
      word(at, end);
      at = end;
    } else if (first === Class.Complex) {
      let end = at + width;
      while (
        end < text.length &&
        (getClassAt(text, end) === Class.Complex || getClassAt(text, end) === Class.Extend)
      )
        end += getWidthAt(text, end);
      word(at, end);
      at = end;
    } else if (
      first === Class.Letter ||
      first === Class.Digit ||
      first === Class.Connector ||
      first === Class.Katakana
    ) {
      at = scanWord(text, at, word);
    } else {
      at += width;
    }
  }
}

/** Reads one word that starts at `start`; answers where it ends. */
function scanWord(text: string, start: number, word: (start: number, end: number) => void): number {
  let last: Class = getClassAt(text, start);
  let isWord = last !== Class.Connector;
  let end = start + getWidthAt(text, start);
  while (end < text.length) {
    const next = getClassAt(text, end);
    if (next === Class.Extend) {
      end += getWidthAt(text, end);
    } else if (isJoined(last, next)) {
      end += getWidthAt(text, end);
      last = next;
      isWord ||= next !== Class.Connector;
    } else {
      const joined = findClassAfterJoint(last, next);
      if (joined === Class.Other) break;
      const beyond = skipMarks(text, end + getWidthAt(text, end));
      if (beyond >= text.length || getClassAt(text, beyond) !== joined) break;
      end = beyond + getWidthAt(text, beyond);
    }
  }
  if (isWord) {
    for (let from = start; from < end; from += MAX_TOKEN_LENGTH)
      word(from, Math.min(end, from + MAX_TOKEN_LENGTH));
  }
  return end;
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
