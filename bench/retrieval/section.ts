import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "@/lib/paths.mjs";
import type { Bar } from "@/bench/report/report";

/** What is asked of every section. */
export interface SectionOptions {
  /** The sizes, too, that take long. */
  long: boolean;
}

/** One part of `npm run bench retrieval` that can be run alone. */
export interface Section {
  name: string;
  about: string;
  run(options: SectionOptions): Promise<SectionResult>;
}

export interface SectionResult {
  figures: Record<string, unknown>;
  bars: Bar[];
}

/** Scratch of the bench: what a section has measured so far, so that an interrupted one goes on. */
export const getWorkFolder = (...parts: string[]): string =>
  join(ROOT, "bench", ".work", "retrieval", ...parts);

/** What `compute` gives, kept in a file; found there again after an interruption. */
export async function computeOnce<T>(path: string, compute: () => Promise<T>): Promise<T> {
  const text = await readFile(path, "utf8").catch(() => null);
  if (text !== null) return JSON.parse(text) as T;
  const value = await compute();
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(`${path}.partial`, JSON.stringify(value));
  await rename(`${path}.partial`, path);
  return value;
}

/** Empties a section's scratch where it was made from something else. */
export async function prepareScratch(folder: string, madeFrom: unknown): Promise<string> {
  const stamp = join(folder, "made-from.json");
  const wanted = JSON.stringify(madeFrom);
  if ((await readFile(stamp, "utf8").catch(() => "")) !== wanted) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await writeFile(stamp, wanted);
  }
  return folder;
}
