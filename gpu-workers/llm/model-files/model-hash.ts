import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256Of } from "@/lib/file-hash";
import { cacheKey } from "@/gpu-workers/runtime/keys";

/** What a model computes with: weights, configuration, tokenizer, chat template. */
const HASHED_FILES = /\.(safetensors|bin|json|jinja|model|txt)$/;

const known = new Map<string, { size: number; mtimeMs: number; sha256: Promise<string> }>();

/**
 * Hash of a model folder's content: models of one name may differ from worker to worker, and from day to day. A file is
 * read once for as long as its size and time stay.
 */
export async function hashModelFolder(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => HASHED_FILES.test(name)).sort();
  return cacheKey(
    await Promise.all(names.map(async (name) => [name, await hashFile(join(directory, name))])),
  );
}

async function hashFile(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const before = known.get(path);
  if (before?.size === size && before.mtimeMs === mtimeMs) return before.sha256;
  const sha256 = sha256Of(path);
  known.set(path, { size, mtimeMs, sha256 });
  sha256.catch(() => known.delete(path));
  return sha256;
}
