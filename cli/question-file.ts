import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { AppError } from "@/contracts/errors";
import type { QuestionFormat } from "@/contracts/formats/question-file";

/** A question file as the server takes it. */
export interface QuestionSource {
  fileName: string;
  content: string;
  encoding: "utf8" | "base64";
  format: QuestionFormat;
}

/** Columns of upstream's rows that hold the documents found first: most of the file, and no part of a question. */
const DOCUMENT_COLUMNS = ["prompt", "initial_searched_results"];

/**
 * Reads a question file to send it. Upstream's parquet (334 MB of training rows) goes as JSONL without the documents that
 * its prompts hold: a request has a limit, and no question needs them.
 *
 * @throws AppError "invalid-input" where the file cannot be read
 */
export async function questionSource(
  path: string,
  format: QuestionFormat,
): Promise<QuestionSource> {
  const fileName = basename(path);
  if (format !== "parquet" && !(format === "auto" && path.endsWith(".parquet")))
    return { fileName, content: await bytesOf(path, "utf8"), encoding: "utf8", format };
  const rows = await withoutDocuments(path);
  if (rows === null)
    return { fileName, content: await bytesOf(path, "base64"), encoding: "base64", format };
  return {
    fileName,
    content: rows.map((row) => JSON.stringify(row, plain)).join("\n"),
    encoding: "utf8",
    format: "jsonl",
  };
}

/** The rows without the columns of documents; null where there are no such columns, or this is not parquet. */
async function withoutDocuments(path: string): Promise<Record<string, unknown>[] | null> {
  await stat(path).catch((error: Error) => unreadable(path, error));
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const names = parquetSchema(metadata).children.map((column) => column.element.name);
    const columns = names.filter((name) => !DOCUMENT_COLUMNS.includes(name));
    if (columns.length === names.length || columns.length === 0) return null;
    return await parquetReadObjects({ file, metadata, columns, compressors });
  } catch (error) {
    throw new AppError(
      "invalid-input",
      `The parquet file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** Row numbers come as 64-bit integers, which JSON does not know. */
const plain = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;

const bytesOf = (path: string, encoding: "utf8" | "base64"): Promise<string> =>
  readFile(path, encoding).catch((error: Error) => unreadable(path, error));

function unreadable(path: string, error: Error): never {
  throw new AppError("invalid-input", `${path} cannot be read: ${error.message}`);
}
