import { createReadStream } from "node:fs";
import { AppError } from "@/contracts/errors";

/** Files that were cut into parts, as `split` names them and upstream publishes its index: part_aa, NAME.part_ab, NAME.part-01. */

const PATTERNS = [
  /^(?:(.+)[._-])?part[._-]([a-z]{2,5}|\d{2,4})$/,
  /^(.+)\.part([a-z]{2,5}|\d{2,4})$/,
];

interface PartName {
  /** Folder and name of the whole; the name is empty where parts are called part_aa. */
  whole: string;
  /** Whether the parts have letters or digits, and how many. */
  form: string;
  suffix: string;
}

function parsePartName(name: string): PartName | null {
  const folder = name.slice(0, name.lastIndexOf("/") + 1);
  for (const pattern of PATTERNS) {
    const found = pattern.exec(name.slice(folder.length));
    if (!found) continue;
    const [, whole = "", suffix = ""] = found;
    const form = `${/\d/.test(suffix) ? "digits" : "letters"} ${suffix.length}`;
    return { whole: folder + whole, form, suffix };
  }
  return null;
}

/** The suffix after another: ab after aa, ba after az, 10 after 09; null after the last of its length. */
function getNextSuffix(suffix: string): string | null {
  const [first, last] = /\d/.test(suffix) ? ["0", "9"] : ["a", "z"];
  const kept = suffix.replace(new RegExp(`${last}+$`), "");
  if (kept === "") return null;
  const raised = String.fromCharCode(kept.charCodeAt(kept.length - 1) + 1);
  return (kept.slice(0, -1) + raised).padEnd(suffix.length, first);
}

/** @throws AppError "invalid-input" that names the first part that is missing */
function requireSequence(parts: readonly { name: string; suffix: string }[]): void {
  const refuse = (name: string, missing: string): never => {
    const wanted = name.replace(/[a-z]+$|\d+$/, missing);
    throw new AppError(
      "invalid-input",
      `The part ${wanted} is missing: there are ${parts.map((part) => part.name).join(", ")}. Bring it beside the others and try again.`,
    );
  };
  const { name, suffix } = parts[0]!;
  const first = suffix.replace(/./g, /\d/.test(suffix) ? "0" : "a");
  // `split` counts from 0, people from 1.
  if (suffix !== first && suffix !== first.replace(/0$/, "1")) refuse(name, first);
  for (const [i, part] of parts.entries()) {
    const before = parts[i - 1]?.suffix;
    const wanted = before === undefined ? part.suffix : getNextSuffix(before);
    if (wanted !== part.suffix) refuse(part.name, wanted ?? first);
  }
}

/**
 * Makes one of the files that are parts of one whole, at the place of its first part and in the order of their names;
 * every other file stays.
 * @throws AppError "invalid-input" where a part before the last one is missing; whether there were more cannot be told
 */
export function joinParts<F extends { path: string; name: string; bytes: number }>(
  files: readonly F[],
): (F & { parts?: readonly F[] })[] {
  const wholes = new Map<string, { name: PartName; parts: F[] }>();
  const entries = files.map((file) => {
    const name = parsePartName(file.name);
    if (!name) return file;
    const key = `${name.whole}\0${name.form}`;
    const known = wholes.get(key);
    if (known) return void known.parts.push(file);
    const whole = { name, parts: [file] };
    wholes.set(key, whole);
    return whole;
  });
  return entries.flatMap((entry) => {
    if (entry === undefined) return [];
    if (!("parts" in entry)) return [entry];
    const parts = entry.parts
      .map((file) => ({ file, name: file.name, suffix: parsePartName(file.name)!.suffix }))
      .sort((a, b) => (a.suffix < b.suffix ? -1 : 1));
    requireSequence(parts);
    const inOrder = parts.map(({ file }) => file);
    const [first] = inOrder;
    const isNamed = !/(^|\/)$/.test(entry.name.whole);
    return [
      {
        ...first!,
        name: isNamed ? entry.name.whole : first!.name,
        bytes: inOrder.reduce((sum, { bytes }) => sum + bytes, 0),
        parts: inOrder,
      },
    ];
  });
}

/** The paths of a file's content, in order. */
export const listPaths = ({
  path,
  parts,
}: {
  path: string;
  parts?: readonly { path: string }[];
}): string[] => parts?.map((part) => part.path) ?? [path];

/** A file's bytes, of a file of parts one part after the other. */
export interface JoinedBytes {
  bytes: AsyncIterable<Buffer>;
  /** Bytes that were read. */
  getOffset: () => number;
  close: () => void;
}

/** @param length no more than so many bytes are read */
export function openJoinedBytes(
  paths: readonly string[],
  { chunkBytes, length = Infinity }: { chunkBytes: number; length?: number },
): JoinedBytes {
  let before = 0;
  let current: ReturnType<typeof createReadStream> | null = null;
  async function* read(): AsyncGenerator<Buffer> {
    for (const path of paths) {
      if (before >= length) return;
      current = createReadStream(path, {
        highWaterMark: chunkBytes,
        ...(length !== Infinity && { end: length - before - 1 }),
      });
      yield* current as AsyncIterable<Buffer>;
      before += current.bytesRead;
      current = null;
    }
  }
  return {
    bytes: read(),
    getOffset: () => before + (current?.bytesRead ?? 0),
    close: () => void current?.destroy(),
  };
}
