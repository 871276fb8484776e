import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hashFile } from "@/lib/hash";
import { computeCacheKey } from "@/gpu-workers/runtime/keys";

/** The files that a model computes with: weights, configuration, tokenizer, chat template. */
const HASHED_FILES = /\.(safetensors|bin|json|jinja|model|txt)$/;

const hashedFiles = new Map<string, { size: number; mtimeMs: number; sha256: Promise<string> }>();

/**
 * Hash of a model folder's content, because models of one name may differ between workers and over time. A file is read
 * again only when its size or modification time changed.
 */
export async function hashModelFolder(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => HASHED_FILES.test(name)).sort();
  return computeCacheKey(
    await Promise.all(
      names.map(async (name) => [name, await hashUnlessKnown(join(directory, name))]),
    ),
  );
}

async function hashUnlessKnown(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const known = hashedFiles.get(path);
  if (known?.size === size && known.mtimeMs === mtimeMs) return known.sha256;
  const sha256 = hashFile(path);
  hashedFiles.set(path, { size, mtimeMs, sha256 });
  sha256.catch(() => hashedFiles.delete(path));
  return sha256;
}
