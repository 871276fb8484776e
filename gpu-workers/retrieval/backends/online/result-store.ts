import { appendFileSync, statSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { parseOrThrow } from "@/contracts/errors";
import { hashJson } from "@/lib/hash";
import { parseJsonOrNull } from "@/lib/json";
import { onlineResultSchema } from "./providers";

const keptSchema = z.object({
  query: z.string(),
  k: z.int(),
  fetchedAt: z.iso.datetime(),
  results: z.array(onlineResultSchema),
});
/** What was fetched for one query. */
export type KeptResults = z.infer<typeof keptSchema>;

/**
 * Results of online searches in the worker's data folder, a file for each query and number of results, so that nothing
 * is asked twice; and how many requests were sent for them, a byte for each.
 */
export class ResultStore {
  private readonly requestsPath: string;

  private constructor(private readonly folder: string) {
    this.requestsPath = join(folder, "requests");
  }

  /** @param key of provider, address, engine, snapshot and version */
  static async open(dataDir: string, key: string): Promise<ResultStore> {
    const folder = join(dataDir, "online-search", key);
    await mkdir(folder, { recursive: true });
    return new ResultStore(folder);
  }

  /** @returns null where the query was not asked yet. @throws AppError "invalid-input" for a file that was changed */
  async find(query: string, k: number): Promise<KeptResults | null> {
    const path = this.getPath(query, k);
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null;
      throw error;
    });
    if (text === null) return null;
    return parseOrThrow(keptSchema, parseJsonOrNull(text), `${path} (delete it to ask again)`);
  }

  async save(kept: KeptResults): Promise<void> {
    const path = this.getPath(kept.query, kept.k);
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, JSON.stringify(kept));
    await rename(temporary, path);
  }

  /** Takes one request of the budget, in one go: searches of this process do not take the same. @returns whether one was left */
  takeRequest(budget: number): boolean {
    const sent = statSync(this.requestsPath, { throwIfNoEntry: false })?.size ?? 0;
    if (sent >= budget) return false;
    appendFileSync(this.requestsPath, ".");
    return true;
  }

  private getPath(query: string, k: number): string {
    return join(this.folder, `${hashJson([query, k]).slice(0, 32)}.json`);
  }
}
