import type { z } from "zod";
import { AppError, describeIssues } from "@/contracts/errors";
import {
  outputSequencesSchema,
  resultsFileSchema,
  rolloutLineSchema,
  statsFileSchema,
  type RolloutLine,
  type UpstreamFile,
} from "@/contracts/formats/upstream/files";
import { findRepeatedKey } from "@/contracts/formats/repeated-keys";
import { NumberText, parseJson, RepeatedKeyError } from "@/core/reading/literals";

/** Tells upstream's files apart and reads them. Pure. */

const base = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/**
 * Reads one file. Its kind is known by its name or else by its content; null: not a file of upstream's.
 *
 * @throws AppError "invalid-input" for a file that has the name but not the shape
 */
export function parseUpstreamFile(path: string, content: string): UpstreamFile | null {
  const name = base(path);
  if (name.endsWith(".jsonl")) return parseRollouts(name, content);
  if (!name.endsWith(".json")) return null;
  const value = json(name, content);
  const sequences = /^(.+)_output_sequences\.json$/.exec(name);
  if (sequences)
    return {
      kind: "sequences",
      dataset: sequences[1]!,
      sequences: parseShaped(outputSequencesSchema, value, name),
    };
  if (name.endsWith("_stats.json"))
    return {
      kind: "stats",
      name: name.replace(/_stats\.json$/, ""),
      stats: parseShaped(statsFileSchema, value, name),
    };
  const results = resultsFileSchema.safeParse(value);
  const isCache = name.includes("rag_cache");
  if (!results.success) {
    if (isCache || path.includes("results/")) parseShaped(resultsFileSchema, value, name);
    return null;
  }
  return {
    kind: isCache ? "rag-cache" : "results",
    name: name.replace(/\.json$/, ""),
    results: results.data,
  };
}

function parseRollouts(name: string, content: string): UpstreamFile | null {
  const lines = content
    .split(/\r?\n/)
    .flatMap((line, i) => (line.trim() === "" ? [] : [{ line, number: i + 1 }]));
  const step = /^(\d+)\.jsonl$/.exec(name);
  const parsed: RolloutLine[] = [];
  for (const { line, number } of lines) {
    const result = rolloutLineSchema.safeParse(json(`${name}, line ${number}`, line));
    if (!result.success) {
      if (parsed.length === 0 && !step) return null;
      throw new AppError(
        "invalid-input",
        `${name}, line ${number} is no rollout: ${describeIssues(result.error)}`,
      );
    }
    parsed.push(result.data);
  }
  return parsed.length === 0
    ? null
    : { kind: "rollouts", name, step: step ? Number(step[1]) : null, lines: parsed };
}

/** JSON of a rollout, in which Python may have written NaN. @throws AppError "invalid-input" that names what it is */
export const parseRolloutJson = (name: string, content: string): unknown => json(name, content);

function json(name: string, content: string): unknown {
  try {
    const value: unknown = JSON.parse(content);
    const repeated = findRepeatedKey(content, value);
    if (repeated === null) return value;
    throw new RepeatedKeyError(repeated.key, repeated.at);
  } catch (error) {
    if (error instanceof RepeatedKeyError) throw repeatedKeyError(name, content, error);
    // Read again for NaN and Infinity, which Python writes.
  }
  try {
    return toPlainNumbers(parseJson(content));
  } catch (error) {
    if (error instanceof RepeatedKeyError) throw repeatedKeyError(name, content, error);
    throw new AppError(
      "invalid-input",
      `${name} is not JSON (was the run that wrote it killed?): ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function repeatedKeyError(name: string, content: string, error: RepeatedKeyError): AppError {
  const line = content.slice(0, error.at).split("\n").length;
  return new AppError(
    "invalid-input",
    `${name} ${error.problem} (line ${line}): which value is meant cannot be told.`,
  );
}

/** Scores are numbers, whose spelling does not matter. */
function toPlainNumbers(value: unknown): unknown {
  if (value instanceof NumberText) return Number(value.source);
  if (Array.isArray(value)) return value.map(toPlainNumbers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, toPlainNumbers(each)]),
  );
}

function parseShaped<T extends z.ZodType>(schema: T, value: unknown, name: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new AppError(
    "invalid-input",
    `${name} does not have the shape of its name: ${describeIssues(parsed.error).split("\n").slice(0, 5).join("; ")}`,
  );
}
