import type { Delimiter, FoundText, Quoting, TableDialect } from "@/contracts/formats/reading";
import { formatEncoding } from "./encoding";

const DELIMITER_NAMES: Readonly<Record<Delimiter, string>> = {
  comma: "comma",
  tab: "tab",
  semicolon: "semicolon",
  pipe: "|",
};
const QUOTING_NAMES: Readonly<Record<Quoting, string>> = {
  doubled: "quotes doubled",
  backslash: "quotes after a backslash",
  none: "no quoting",
};

/** "delimiter tab, quotes doubled, lines end in LF". */
export const formatDialect = ({ delimiter, quoting, lineBreak }: TableDialect): string =>
  `delimiter ${DELIMITER_NAMES[delimiter]}, ${QUOTING_NAMES[quoting]}, lines end in ${lineBreak}`;

/** What a file turned out to be: "tsv (gzip, UTF-8, delimiter tab, quotes doubled, lines end in LF)". */
export function formatFound(file: {
  format: string;
  container: string | null;
  text: Omit<FoundText, "columns"> | null;
}): string {
  const { format, container, text } = file;
  const parts = [
    container,
    text && formatEncoding(text.encoding) + (text.byteOrderMark ? " with a byte-order mark" : ""),
    text?.dialect && formatDialect(text.dialect),
  ].filter((part) => part !== null && part !== undefined);
  return parts.length > 0 ? `${format} (${parts.join(", ")})` : format;
}
