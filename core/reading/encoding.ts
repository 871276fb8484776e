import type { Encoding } from "@/contracts/formats/reading";
import {
  decodeKorean,
  findLastCharacterEnd,
  guessEastAsian,
  isEastAsian,
  UNASSIGNED,
} from "./east-asian";

/** Which encoding the bytes of a text are in, and their characters. */

/** Stands where bytes were no character of the encoding; no text holds it, for it is no character itself. */
export const INVALID = "\ufdd0";
/** What decoders put there instead. A text may hold it itself, which is no fault of its bytes. */
export const REPLACEMENT = "\ufffd";

/**
 * Tells the encoding by a text's first bytes: by its byte-order mark; as UTF-16 by the zeros that it has at every
 * other place; as Windows-1252 or an encoding of Chinese, Japanese or Korean where bytes above 0x7f are rarely UTF-8.
 * Everything else is taken for UTF-8.
 */
export function detectEncoding(head: Uint8Array): { encoding: Encoding; byteOrderMark: boolean } {
  const [a, b, c] = head;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { encoding: "utf-8", byteOrderMark: true };
  if (a === 0xff && b === 0xfe) return { encoding: "utf-16le", byteOrderMark: true };
  if (a === 0xfe && b === 0xff) return { encoding: "utf-16be", byteOrderMark: true };
  return { encoding: detectUnmarked(head), byteOrderMark: false };
}

function detectUnmarked(head: Uint8Array): Encoding {
  const zeros = [0, 0];
  const sample = head.subarray(0, 4096);
  for (let i = 0; i < sample.length; i++) if (sample[i] === 0) zeros[i % 2]! += 1;
  const [even = 0, odd = 0] = zeros;
  // Line breaks, spaces and quotes are ASCII in every script.
  const many = Math.max(2, sample.length / 40);
  if (odd >= many && even < odd / 8) return "utf-16le";
  if (even >= many && odd < even / 8) return "utf-16be";
  const { valid, invalid } = countMultibyte(head);
  if (invalid <= valid) return "utf-8";
  return guessEastAsian(head, (encoding) => new TextDecoding(encoding)) ?? "windows-1252";
}

/**
 * Whether a text has characters above ASCII and all of them are UTF-8, which those of another encoding are not: a few
 * may be where a character takes two bytes.
 */
export function isCertainlyUtf8(head: Uint8Array, other: Encoding): boolean {
  const { valid, invalid } = countMultibyte(head);
  return valid > (isEastAsian(other) ? 3 : 0) && invalid === 0;
}

/** How many characters above ASCII are UTF-8, and how many bytes are part of none; a character cut at the end is neither. */
function countMultibyte(bytes: Uint8Array): { valid: number; invalid: number } {
  let valid = 0;
  let invalid = 0;
  for (let i = 0; i < bytes.length;) {
    const byte = bytes[i]!;
    const length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 0;
    const rest = bytes.subarray(i + 1, i + length);
    const isWhole = length > 0 && byte <= 0xf4 && rest.every((next) => next >> 6 === 2);
    if (isWhole && i + length > bytes.length) break;
    if (!isWhole) invalid += 1;
    else if (length > 1) valid += 1;
    i += isWhole ? length : 1;
  }
  return { valid, invalid };
}

/** What Windows-1252 has at 0x80 to 0x9f: some versions of Node.js decode them as Latin-1 does. */
const WINDOWS_1252 =
  "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f" +
  "\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

/** Bytes that come in pieces as text; where they were cut makes no difference. What is no character becomes `INVALID`. */
export class TextDecoding {
  private held = new Uint8Array(0);
  private begun = false;
  private readonly strict: TextDecoder;
  private readonly lenient: TextDecoder;

  constructor(private readonly encoding: Encoding) {
    this.strict = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
    this.lenient = new TextDecoder(encoding, { ignoreBOM: true });
  }

  /** The characters that these bytes complete. */
  decode(chunk: Uint8Array): string {
    const bytes = this.held.length > 0 ? concatenate(this.held, chunk) : chunk;
    const end = this.findLastStart(bytes);
    this.held = bytes.slice(end);
    return this.convert(bytes.subarray(0, end));
  }

  /** What is left: a character that was cut off. */
  end(): string {
    const { held } = this;
    this.held = new Uint8Array(0);
    return this.convert(held);
  }

  private convert(bytes: Uint8Array): string {
    if (bytes.length === 0) return "";
    const decoded = this.decodeMarked(bytes);
    const text =
      this.encoding === "windows-1252"
        ? decoded.replace(/[\x80-\x9f]/g, (c) => WINDOWS_1252.charAt(c.charCodeAt(0) - 0x80))
        : decoded;
    const first = !this.begun;
    this.begun = true;
    return first && text.startsWith("\ufeff") ? text.slice(1) : text;
  }

  private decodeMarked(bytes: Uint8Array): string {
    const { encoding } = this;
    if (encoding === "euc-kr") return decodeKorean(bytes, (part) => this.decodePart(part));
    return this.decodePart(bytes);
  }

  private decodePart(bytes: Uint8Array): string {
    if (isEastAsian(this.encoding))
      return this.lenient
        .decode(bytes)
        .replaceAll(REPLACEMENT, INVALID)
        .replace(UNASSIGNED, INVALID);
    try {
      return this.strict.decode(bytes);
    } catch {
      // Characters that stand for a fault in the text itself, told apart by decoding the rest alone.
      if (this.encoding !== "utf-8")
        return this.lenient.decode(bytes).replaceAll(REPLACEMENT, INVALID);
      return splitAtReplacement(bytes)
        .map((part) => this.lenient.decode(part).replaceAll(REPLACEMENT, INVALID))
        .join(REPLACEMENT);
    }
  }

  /** Where the last character starts, if the bytes may end within it; their end otherwise. */
  private findLastStart(bytes: Uint8Array): number {
    const { length } = bytes;
    if (this.encoding === "windows-1252") return length;
    if (isEastAsian(this.encoding)) return findLastCharacterEnd(bytes, this.encoding);
    if (this.encoding !== "utf-8") {
      const even = length - (length % 2);
      const high = bytes[even - (this.encoding === "utf-16le" ? 1 : 2)] ?? 0;
      return high >= 0xd8 && high <= 0xdb ? even - 2 : even;
    }
    for (let at = length - 1; at >= Math.max(0, length - 3); at--) {
      const byte = bytes[at] ?? 0;
      if (byte >= 0xc0) return at;
      if (byte < 0x80) break;
    }
    return length;
  }
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** The bytes between U+FFFD that the text holds itself. */
function splitAtReplacement(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] !== 0xbf || bytes[at + 2] !== 0xbd) continue;
    parts.push(bytes.subarray(start, at));
    start = at + 3;
  }
  parts.push(bytes.subarray(start));
  return parts;
}

const NAMES: Record<Encoding, string> = {
  "utf-8": "UTF-8",
  "utf-16le": "UTF-16 (little endian)",
  "utf-16be": "UTF-16 (big endian)",
  "windows-1252": "Windows-1252",
  gb18030: "GB18030 (GBK)",
  big5: "Big5",
  shift_jis: "Shift JIS",
  "euc-kr": "EUC-KR (CP949)",
  "euc-jp": "EUC-JP",
};

/** "Windows-1252". */
export const formatEncoding = (encoding: Encoding): string => NAMES[encoding];
