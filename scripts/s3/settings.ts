import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { evaluateConfig, indexConfig, predictConfig, serveConfig, trainConfig } from "@/contracts/run-config";
import type { RunKind } from "@/contracts/run-state";

const SCHEMAS: Record<RunKind, z.ZodType> = { train: trainConfig, predict: predictConfig, index: indexConfig, serve: serveConfig, evaluate: evaluateConfig };
/** Other names that people use for a group of settings. */
const ALIASES: Readonly<Record<string, string>> = { train: "rl", evaluate: "evaluation", checkpoint: "checkpointing" };

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

/** Every path of a setting that a kind of run has, e.g. "rl.steps". */
export function settingPaths(kind: RunKind): string[] {
  const walk = (schema: JsonSchema, path: string): string[] => {
    const parts = [schema, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
    const children = parts.flatMap((part) => Object.entries(part.properties ?? {}).flatMap(([key, child]) => walk(child, path ? `${path}.${key}` : key)));
    return children.length > 0 ? children : [path];
  };
  return [...new Set(walk(z.toJSONSchema(SCHEMAS[kind], { io: "input", unrepresentable: "any" }) as JsonSchema, ""))];
}

/**
 * Applies `path=value` assignments to a configuration. A value is JSON where it reads as JSON, else text. Another kind
 * of a group (retriever.kind=bm25) starts with that kind's defaults, wherever it stands among the assignments.
 *
 * @throws AppError "invalid-input" for an unknown path, with the names that are near to it
 */
export function applySettings(config: { kind: RunKind }, assignments: readonly string[]): Record<string, unknown> {
  const result = structuredClone(config) as Record<string, unknown>;
  const paths = settingPaths(config.kind);
  const parsed = assignments.map((assignment) => {
    const equals = assignment.indexOf("=");
    if (equals < 1) throw new AppError("invalid-input", `--set takes path=value, e.g. --set rl.steps=2, not "${assignment}".`);
    return { path: resolvePath(assignment.slice(0, equals), paths), value: valueOf(assignment.slice(equals + 1)) };
  });
  const choosesKind = (path: string): boolean => path.endsWith(".kind");
  for (const { path, value } of [...parsed.filter((one) => choosesKind(one.path)), ...parsed.filter((one) => !choosesKind(one.path))]) {
    const keys = path.split(".");
    const last = keys.pop() ?? path;
    let target = result;
    for (const key of keys) {
      const child = target[key];
      const next: Record<string, unknown> = typeof child === "object" && child !== null ? { ...child } : {};
      target[key] = next;
      target = next;
    }
    if (choosesKind(path) && target.kind !== value) for (const key of Object.keys(target)) delete target[key];
    target[last] = value;
  }
  return result;
}

function resolvePath(given: string, paths: readonly string[]): string {
  const [group, ...rest] = given.split(".");
  const alias = group === undefined ? undefined : ALIASES[group];
  const candidates = [given, ...(alias ? [[alias, ...rest].join(".")] : [])];
  const known = candidates.find((candidate) => paths.includes(candidate));
  if (known !== undefined) return known;
  const near = nearest(given, paths);
  throw new AppError("invalid-input", `There is no setting "${given}".${near.length > 0 ? ` Near to it: ${near.join(", ")}.` : ""}`);
}

/** Paths that end alike or differ in few letters, the nearest first. */
export function nearest(given: string, paths: readonly string[], limit = 4): string[] {
  const leaf = given.slice(given.lastIndexOf(".") + 1).toLowerCase();
  return paths
    .map((path) => ({ path, distance: Math.min(editDistance(given.toLowerCase(), path.toLowerCase()), editDistance(leaf, path.slice(path.lastIndexOf(".") + 1).toLowerCase())) }))
    .filter(({ distance }) => distance <= Math.max(2, Math.floor(leaf.length / 3)))
    .sort((a, b) => a.distance - b.distance || a.path.localeCompare(b.path))
    .slice(0, limit)
    .map(({ path }) => path);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] ?? 0;
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
