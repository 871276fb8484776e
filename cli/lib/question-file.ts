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

/** A question file as the server takes it: its bytes, which the server reads. */
export interface QuestionSource {
  fileName: string;
  content: string;
  encoding: "base64";
  format: QuestionFormat;
}

/** Columns of upstream's rows that hold retrieved documents: most of the file, and no part of a question. */
const DOCUMENT_COLUMNS = ["prompt", "initial_searched_results"];

/**
 * Reads a question file in the form in which it is sent. Upstream's parquet (334 MB of training rows) becomes JSONL
 * without the documents in its prompts: the size of a request is limited, and no question needs them.
 *
 * @throws AppError "invalid-input" where the file cannot be read
 */
export async function readQuestionSource(
  path: string,
  format: QuestionFormat,
): Promise<QuestionSource> {
  const fileName = basename(path);
  const isParquet = format === "parquet" || (format === "auto" && path.endsWith(".parquet"));
  const rows = isParquet ? await readRowsWithoutDocuments(path) : null;
  if (rows === null)
    return { fileName, content: await readContent(path), encoding: "base64", format };
  const text = rows.map((row) => JSON.stringify(row, replaceBigInt)).join("\n");
  return {
    fileName,
    content: Buffer.from(text).toString("base64"),
    encoding: "base64",
    format: "jsonl",
  };
}

/** The rows without the columns of documents; null where the file has no such columns. */
async function readRowsWithoutDocuments(path: string): Promise<Record<string, unknown>[] | null> {
  await stat(path).catch((error: Error) => throwUnreadable(path, error));
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

/** JSON has no 64-bit integers, as which row numbers come. */
const replaceBigInt = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? String(value) : value;

const readContent = (path: string): Promise<string> =>
  readFile(path, "base64").catch((error: Error) => throwUnreadable(path, error));

function throwUnreadable(path: string, error: Error): never {
  throw new AppError("invalid-input", `${path} cannot be read: ${error.message}`);
}
