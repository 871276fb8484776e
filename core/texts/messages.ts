/**
 * Sentences that the server and workers make of what happened: details of preflight checks, why a run waits, errors. They
 * cross processes and are stored as plain English, and a page of another language finds the sentence's template again.
 * So no contract changes, a worker of an older version and rows stored long ago are read too, and what nobody has
 * translated, as an endpoint's own words, is shown as it came. The English stands once, in the code that says it:
 * scripts/texts/read-messages.ts reads it there, and a test refuses one without its Chinese.
 */

interface Template {
  /** What stands between the values. */
  pieces: string[];
  /** Names of the values, in their order. */
  names: string[];
  translation: string;
}

const VALUE = /\{(\w+)\}/;

/** Longer ones are logs. */
const LONGEST = 4000;
/** Signs of a kind at which a message is divided: what has more, as the body of another server's reply, is not ours. */
const MOST_SIGNS = 6;
const MOST_PARTS = 24;
/** Messages whose translation is kept: the same are written again at every render. */
const MOST_KEPT = 500;

/**
 * Translates messages. Of one that is made of several each part that is known is translated; one that is not stays as
 * it is. Signs between them are those of Chinese, the only language that has messages.
 *
 * @param messages templates in English with their translation
 * @param texts the other texts of the interface: the title of an alarm stands in a message whole
 */
export function createMessageReader(
  messages: Readonly<Record<string, string>>,
  texts: Readonly<Record<string, string>> = {},
): (message: string) => string {
  // The most particular first: less of it is a value.
  const templates = Object.entries(messages)
    .map(([english, translation]) => parseTemplate(english, translation))
    .sort((a, b) => b.pieces.join("").length - a.pieces.join("").length);

  function readWhole(message: string): string | null {
    for (const template of templates) {
      const values = matchTemplate(template, message);
      if (values)
        return writeTranslation(
          template,
          // What stands in quotes is a name, which stays.
          values.map((value, i) => (template.pieces[i]!.endsWith('"') ? value : read(value))),
        );
    }
    return null;
  }

  /** One message; null: it is not known. @param isSure no unknown sentence may stand in it */
  const readOne = (message: string, isSure: boolean, depth = 0): string | null =>
    readWhole(message) ?? readNoted(message, isSure, depth) ?? readNamed(message, isSure, depth);

  /** With another behind it: "qwen is loaded, thinking off as in its training". */
  function readNoted(message: string, isSure: boolean, depth: number): string | null {
    let at = message.length;
    for (let tried = 0; tried < MOST_SIGNS; tried++) {
      at = message.lastIndexOf(", ", at - 1);
      if (at <= 0) return null;
      const note = readWhole(message.slice(at + 2));
      if (note === null) continue;
      const head = message.slice(0, at);
      const known = readOne(head, isSure, depth);
      return known === null && isSure ? null : `${known ?? head}，${note}`;
    }
    return null;
  }

  /** After what it is about, or before what is unknown: "rl.algorithm: a service has no critic". */
  function readNamed(message: string, isSure: boolean, depth: number): string | null {
    const at = message.indexOf(": ");
    if (at < 0 || depth === MOST_SIGNS) return null;
    const [head, tail] = [message.slice(0, at), message.slice(at + 2)];
    const name = readOne(head, isSure, depth + 1);
    if (name === null && isSure && /\s/.test(head)) return null;
    const rest = readOne(tail, isSure, depth + 1);
    return name === null && rest === null ? null : `${name ?? head}：${rest ?? tail}`;
  }

  /** Several, each as short as can be, with the sign before each; those first that are known as a whole. */
  function readParts(parts: readonly string[]): string {
    if (parts.length === 0) return "";
    for (const isSure of [true, false])
      for (let end = 1; end <= parts.length; end++) {
        // A list of any length may stand in one as a value.
        if (end > MOST_SIGNS && end < parts.length) continue;
        const found = readOne(parts.slice(0, end).join("; "), isSure);
        if (found !== null) return `；${found}${readParts(parts.slice(end))}`;
      }
    return `; ${parts[0]!}${readParts(parts.slice(1))}`;
  }

  function readLine(line: string): string {
    const parts = line.split("; ");
    return parts.length > MOST_PARTS
      ? (readWhole(line) ?? line)
      : readParts(parts).replace(/^(?:；|; )/, "");
  }

  const kept = new Map<string, string>();
  function read(message: string): string {
    const known = kept.get(message);
    if (known !== undefined) return known;
    const translation = translate(message);
    if (kept.size === MOST_KEPT) kept.clear();
    kept.set(message, translation);
    return translation;
  }

  function translate(message: string): string {
    if (message === "" || message.length > LONGEST) return message;
    // One word may be a name.
    const text = /\s/.test(message) ? texts[message] : undefined;
    if (text !== undefined) return text;
    if (!message.includes("\n")) return readLine(message);
    return readWhole(message) ?? message.split("\n").map(readLine).join("\n");
  }
  return read;
}

function parseTemplate(english: string, translation: string): Template {
  const parts = english.split(VALUE);
  return {
    pieces: parts.filter((_, i) => i % 2 === 0),
    names: parts.filter((_, i) => i % 2 === 1),
    translation,
  };
}

/** The values of a template in a message, each as short as can be; null: it is another message. Takes linear time. */
function matchTemplate({ pieces }: Template, message: string): string[] | null {
  const [first = "", ...others] = pieces;
  if (!message.startsWith(first)) return null;
  if (others.length === 0) return message === first ? [] : null;
  const last = others.at(-1)!;
  const end = message.length - last.length;
  if (!message.endsWith(last)) return null;
  const values: string[] = [];
  let at = first.length;
  for (const piece of others.slice(0, -1)) {
    const next = message.indexOf(piece, at);
    if (next < 0) return null;
    values.push(message.slice(at, next));
    at = next + piece.length;
  }
  if (end < at) return null;
  values.push(message.slice(at, end));
  // A sentence that begins with a value begins with a name. Another sign in it is one between messages.
  return first === "" && /[:,] /.test(values[0]!) ? null : values;
}

const writeTranslation = ({ names, translation }: Template, values: readonly string[]): string =>
  translation.replaceAll(
    /\{(\w+)\}/g,
    (place, name: string) => values[names.indexOf(name)] ?? place,
  );
