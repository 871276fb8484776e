import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes the parts of a content, as `split` cuts them. @returns the path that means all of them */
export function writeParts(
  folder: string,
  whole: string,
  content: string | Buffer,
  count: number,
): string {
  const bytes = Buffer.from(content);
  const size = Math.ceil(bytes.length / count);
  const path = `${folder}/${whole}part_`;
  mkdirSync(dirname(path), { recursive: true });
  for (let i = 0; i < count; i++)
    writeFileSync(
      `${path}a${String.fromCharCode(97 + i)}`,
      bytes.subarray(i * size, (i + 1) * size),
    );
  return `${path}*`;
}
