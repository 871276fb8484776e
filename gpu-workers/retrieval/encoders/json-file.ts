import { readFile } from "node:fs/promises";
import type { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { getFileSize } from "@/lib/files";

/**
 * Reads a JSON file of a model folder; null where there is no such file.
 *
 * @throws AppError `invalid-input` where it is not JSON or not of the schema
 */
export async function readJsonFile<T extends z.ZodType>(
  path: string,
  schema: T,
): Promise<z.output<T> | null> {
  if ((await getFileSize(path)) === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new AppError("invalid-input", `${path} is not JSON`, { cause });
  }
  return parseOrThrow(schema, value, path);
}
