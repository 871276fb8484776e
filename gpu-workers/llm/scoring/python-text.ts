/** Lists of strings as Python writes them, which is how they stand in prompts of the released code. */

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
/** What str.isprintable() denies. */
const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/gu;

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  const hex = (digits: number): string => code.toString(16).padStart(digits, "0");
  if (code < 0x100) return `\\x${hex(2)}`;
  return code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

/** A string as Python's repr() writes it. */
function formatPythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll(quote, `\\${quote}`)
    .replace(UNPRINTABLE, (character) => ESCAPES[character] ?? escapeCharacter(character));
  return quote + escaped + quote;
}

/** `['Paris', 'paris (city)']`: a list of strings as Python's str() writes it. */
export const formatPythonList = (items: readonly string[]): string =>
  `[${items.map(formatPythonString).join(", ")}]`;

const LINE_WIDTH = 75;
/** Of longer arrays numpy shows the ends alone. */
const THRESHOLD = 1000;
const EDGE_ITEMS = 3;

/** `['Paris' 'paris (city)']`: the same as an array of numpy, whose lines are broken after some 75 characters. */
export function formatNumpyArray(items: readonly string[]): string {
  const words = items.map(formatPythonString);
  const shown =
    words.length > THRESHOLD
      ? [...words.slice(0, EDGE_ITEMS), "...", ...words.slice(-EDGE_ITEMS)]
      : words;
  // The last character of a line is kept for the closing bracket. Widths are in code points, as Python counts them.
  const widest = LINE_WIDTH - 1;
  const lines: string[] = [];
  let line = " ";
  for (const word of shown) {
    if (countCharacters(line) + countCharacters(word) > widest && line.trim() !== "") {
      lines.push(line.trimEnd());
      line = " ";
    }
    line += `${word} `;
  }
  lines.push(line.slice(0, -1));
  return shown.length === 0 ? "[]" : `[${lines.join("\n").slice(1)}]`;
}

const countCharacters = (text: string): number => [...text].length;
