import { LineError, parseCorpusLine } from "@/contracts/formats/corpus-lines";
import { scanLines } from "@/gpu-workers/corpora/file/lines";
import { openBytes } from "./file-bytes";
import type { Item, Reader } from "./reader";

/**
 * JSON lines, gzipped or not: `{id, contents}` as upstream has it, `{id, title, text}`, or `{id, title, content}` as
 * MedRAG publishes it. A plain file goes on by its offset; a gzipped one is unpacked again and its lines skipped.
 */
export const readJsonl: Reader = async function* (file, from) {
  const bytes = await openBytes(file, from.offset);
  const after = bytes.gzip ? undefined : { number: from.item, offset: from.offset };
  for await (const line of scanLines(bytes.stream, { after })) {
    if (line.number <= from.item) continue;
    yield {
      place: { item: line.number, offset: bytes.gzip ? bytes.consumed() : line.next },
      line: line.number,
      ...parseLine(line),
    };
  }
};

function parseLine(
  line: { number: number; text: string } | { problem: string },
): Pick<Item, "record" | "problem"> {
  if ("problem" in line) return { record: null, problem: line.problem };
  if (line.text.trim() === "") return { record: null, problem: null };
  try {
    return { record: parseCorpusLine(line.text, line.number), problem: null };
  } catch (error) {
    if (error instanceof LineError) return { record: null, problem: error.problem };
    throw error;
  }
}
