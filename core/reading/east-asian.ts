import type { Encoding } from "@/contracts/formats/reading";

/** Encodings of Chinese, Japanese and Korean, in which a character takes one byte or several. */

export const EAST_ASIAN = ["gb18030", "big5", "shift_jis", "euc-kr", "euc-jp"] as const;
export type EastAsian = (typeof EAST_ASIAN)[number];
export const isEastAsian = (encoding: Encoding): encoding is EastAsian =>
  (EAST_ASIAN as readonly Encoding[]).includes(encoding);

const isBetween = (byte: number, first: number, last: number): boolean =>
  byte >= first && byte <= last;

/** How many bytes the character at a place takes; 0: the text ends before that can be told. */
function measureCharacter(bytes: Uint8Array, at: number, encoding: EastAsian): number {
  const lead = bytes[at]!;
  if (lead < 0x81 || lead === 0xff) return 1;
  if (encoding === "shift_jis" && (isBetween(lead, 0xa0, 0xdf) || lead > 0xfc)) return 1;
  if (encoding === "euc-jp" && lead < 0xa1 && lead !== 0x8e && lead !== 0x8f) return 1;
  const trail = bytes[at + 1];
  if (trail === undefined) return 0;
  const isQuad = encoding === "gb18030" && isBetween(trail, 0x30, 0x39);
  // A byte that cannot follow is a character of its own.
  if (trail < 0x40 && !isQuad) return 1;
  const length = isQuad ? 4 : encoding === "euc-jp" && lead === 0x8f ? 3 : 2;
  return at + length <= bytes.length ? length : 0;
}

/** Where the last character that is whole ends; the bytes begin with a character. */
export function findLastCharacterEnd(bytes: Uint8Array, encoding: EastAsian): number {
  // No such byte is ever the second or a later one of a character.
  let at = bytes.length;
  while (at > 0 && bytes[at - 1]! >= 0x30) at -= 1;
  while (at < bytes.length) {
    const length = measureCharacter(bytes, at, encoding);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

/**
 * Windows' EUC-KR (CP949) has the syllables that KS X 1001 lacks beside it, in the order of Unicode; Node.js decodes
 * KS X 1001 alone, and reads those as other characters.
 */
let moreSyllables: Map<number, string> | null = null;

function getMoreSyllables(): Map<number, string> {
  if (moreSyllables !== null) return moreSyllables;
  const decoder = new TextDecoder("euc-kr", { fatal: true });
  const known = new Set<string>();
  for (let lead = 0xb0; lead <= 0xc8; lead++)
    for (let trail = 0xa1; trail <= 0xfe; trail++)
      known.add(decoder.decode(Uint8Array.of(lead, trail)));
  const trails = [];
  for (let trail = 0x41; trail <= 0xfe; trail++)
    if (trail <= 0x5a || isBetween(trail, 0x61, 0x7a) || trail >= 0x81) trails.push(trail);
  moreSyllables = new Map();
  let code = 0xac00;
  for (let lead = 0x81; code <= 0xd7a3; lead++)
    for (const trail of trails) {
      if (lead >= 0xa1 && trail >= 0xa1) break;
      while (known.has(String.fromCharCode(code))) code += 1;
      if (code > 0xd7a3) break;
      moreSyllables.set(lead * 256 + trail, String.fromCharCode(code++));
    }
  return moreSyllables;
}

/** Text of bytes of EUC-KR, where `decode` reads what is of KS X 1001. */
export function decodeKorean(bytes: Uint8Array, decode: (bytes: Uint8Array) => string): string {
  const more = getMoreSyllables();
  let text = "";
  let start = 0;
  for (let at = 0; at < bytes.length;) {
    const length = Math.max(1, measureCharacter(bytes, at, "euc-kr"));
    const syllable = length === 2 ? more.get(bytes[at]! * 256 + bytes[at + 1]!) : undefined;
    if (syllable !== undefined) {
      text += decode(bytes.subarray(start, at)) + syllable;
      start = at + length;
    }
    at += length;
  }
  return text + decode(bytes.subarray(start));
}

/** Characters that decoders give for bytes that stand for none: controls, and those without a meaning of their own. */
export const UNASSIGNED = /[\u0080-\u009f\ue000-\uf8ff]/g;

/** The commonest characters of Chinese, simplified and traditional, and of Korean. */
const CHINESE = new Set(
  "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运" +
    "這個們來為國說時會對發後裡種經過學現當沒動還進樣開從無與長機關點業將兩間問應戰頭體見產話給門東聲論處義幾條氣爾總電數報結務場計資隊統決書聽達強難權許區馬張傳觀運誰哪",
);
const KOREAN = new Set(
  "이다는의에을가고하은한로를지어기나사도서인자리아시라해있그수대들일전정부만으여구장과니원보주제상스적게소공오면거안조선유동생신우방것성음트위마말러무세분때국",
);

/** How well a character of several bytes, by its first two, fits what people write in an encoding: 0 to 1. */
const FIT: Readonly<Record<EastAsian, (lead: number, trail: number, character: string) => number>> =
  {
    gb18030: (lead, trail, character) =>
      trail < 0xa1
        ? 0.05
        : isBetween(lead, 0xb0, 0xd7)
          ? fitCommon(CHINESE, character)
          : fitMark(lead === 0xa1 || lead === 0xa3),
    big5: (lead, _trail, character) =>
      isBetween(lead, 0xa4, 0xc6) ? fitCommon(CHINESE, character) : fitMark(lead === 0xa1),
    "euc-kr": (lead, trail, character) =>
      trail >= 0xa1 && isBetween(lead, 0xb0, 0xc8)
        ? fitCommon(KOREAN, character)
        : fitMark(lead === 0xa1 || lead === 0xa3),
    shift_jis: (lead, trail) =>
      (lead === 0x82 && trail >= 0x9f) || (lead === 0x83 && trail <= 0x96)
        ? 1
        : isBetween(lead, 0x88, 0x98)
          ? 0.5
          : fitMark(lead === 0x81 || lead === 0x82),
    "euc-jp": (lead, trail) =>
      trail >= 0xa1 && (lead === 0xa4 || lead === 0xa5)
        ? 1
        : isBetween(lead, 0xb0, 0xcf)
          ? 0.5
          : fitMark(lead === 0xa1 || lead === 0xa3),
  };
const fitCommon = (common: ReadonlySet<string>, character: string): number =>
  common.has(character) ? 1 : 0.6;
const fitMark = (isMark: boolean): number => (isMark ? 0.6 : 0.1);

/** How much of a text is looked at. */
const SAMPLE_BYTES = 16 * 1024;
/** A share of characters that are none, below which a text may still be of an encoding. */
const MAX_BROKEN = 0.02;

type OpenDecoder = (encoding: EastAsian) => { decode: (bytes: Uint8Array) => string };

/**
 * The encoding of these that bytes are likeliest in; null: they look rather like Windows-1252, whose characters above
 * ASCII stand alone among letters. A guess that is only told: nothing is converted by it.
 */
export function guessEastAsian(head: Uint8Array, open: OpenDecoder): EastAsian | null {
  const sample = head.subarray(0, SAMPLE_BYTES);
  let best: EastAsian | null = null;
  let bestFit = Math.max(0.4, 0.8 * measureLoneBytes(sample));
  for (const encoding of EAST_ASIAN) {
    const fit = measureFit(sample, encoding, open(encoding));
    if (fit <= bestFit) continue;
    best = encoding;
    bestFit = fit;
  }
  return best;
}

/** The share of bytes above ASCII that have none of their kind beside them. */
function measureLoneBytes(bytes: Uint8Array): number {
  let high = 0;
  let lone = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at]! < 0x80) continue;
    high += 1;
    if ((bytes[at - 1] ?? 0) < 0x80 && (bytes[at + 1] ?? 0) < 0x80) lone += 1;
  }
  return high === 0 ? 0 : lone / high;
}

/** How well the characters above ASCII fit, on average; 0 where too many are none. */
function measureFit(
  sample: Uint8Array,
  encoding: EastAsian,
  decoder: ReturnType<OpenDecoder>,
): number {
  const end = findLastCharacterEnd(sample, encoding);
  let characters = 0;
  let broken = 0;
  let fit = 0;
  for (let at = 0; at < end;) {
    const length = Math.max(1, measureCharacter(sample, at, encoding));
    const lead = sample[at]!;
    if (lead >= 0x80) {
      characters += 1;
      if (length === 1 && !(encoding === "shift_jis" && isBetween(lead, 0xa1, 0xdf))) broken += 1;
      else if (length > 1) {
        const character = decoder.decode(sample.subarray(at, at + length));
        if (character.length === 1) fit += FIT[encoding](lead, sample[at + 1]!, character);
        else broken += 1;
      }
    }
    at += length;
  }
  return characters === 0 || broken > characters * MAX_BROKEN ? 0 : fit / characters;
}
