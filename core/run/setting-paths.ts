import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { RunKind } from "@/contracts/records/run-state";

/** Settings by their dotted paths, e.g. "rl.steps": which there are, and how one is set. Pure. */

/** Other names that people use for a group of settings. */
const ALIASES: Readonly<Record<string, string>> = {
  train: "rl",
  evaluate: "evaluation",
  checkpoint: "checkpointing",
};

interface JsonSchema {
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

interface SettingPath {
  path: string;
  /** It chooses which other settings its group has, e.g. retriever.kind. */
  chooses: boolean;
}

const known = new Map<RunKind, SettingPath[]>();

function settingsOf(kind: RunKind): SettingPath[] {
  const found = known.get(kind);
  if (found) return found;
  const objects = (node: JsonSchema): JsonSchema[] =>
    node.properties ? [node] : [...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap(objects);
  const schemas = objects(
    z.toJSONSchema(runConfigSchema, { io: "input", unrepresentable: "any" }) as JsonSchema,
  ).filter((object) => object.properties?.kind?.const === kind);
  if (schemas.length === 0)
    throw new AppError("internal", `There is no configuration of kind ${kind}.`);
  const walk = (node: JsonSchema, path: string): SettingPath[] => {
    const variants = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
    const children = [node, ...variants].flatMap((part) =>
      Object.entries(part.properties ?? {}).flatMap(([key, child]) =>
        walk(child, path ? `${path}.${key}` : key),
      ),
    );
    const choosers = new Set(
      variants
        .filter((part) => part.properties?.kind?.const !== undefined)
        .map(() => `${path}.kind`),
    );
    return children.length > 0
      ? children.map((child) => ({ ...child, chooses: child.chooses || choosers.has(child.path) }))
      : [{ path, chooses: false }];
  };
  const all = schemas.flatMap((schema) => walk(schema, ""));
  const unique = [...new Map(all.map((setting) => [setting.path, setting])).values()];
  known.set(kind, unique);
  return unique;
}

/** Every path of a setting that a kind of run has. */
export const settingPaths = (kind: RunKind): string[] =>
  settingsOf(kind).map((setting) => setting.path);

/**
 * The path that a person means, who may use another name for a group (train.steps).
 *
 * @throws AppError "invalid-input" for an unknown path, with the names that are near to it
 */
export function resolvePath(given: string, kind: RunKind): string {
  const paths = settingPaths(kind);
  const [group, ...rest] = given.split(".");
  const alias = group === undefined ? undefined : ALIASES[group];
  const candidates = [given, ...(alias ? [[alias, ...rest].join(".")] : [])];
  const found = candidates.find((candidate) => paths.includes(candidate));
  if (found !== undefined) return found;
  const near = nearest(given, paths);
  throw new AppError(
    "invalid-input",
    `There is no setting "${given}".${near.length > 0 ? ` Near to it: ${near.join(", ")}.` : ""}`,
  );
}

export interface Assignment {
  path: string;
  value: unknown;
}

/**
 * A copy of a configuration with settings changed. Another kind of a group (retriever.kind = bm25) starts with that
 * kind's defaults, wherever it stands among the assignments.
 *
 * @throws AppError "invalid-input" for an unknown path
 */
export function assignSettings(
  config: { kind: RunKind },
  assignments: readonly Assignment[],
): Record<string, unknown> {
  const result = structuredClone(config) as Record<string, unknown>;
  const settings = settingsOf(config.kind);
  const resolved = assignments.map(({ path, value }) => ({
    path: resolvePath(path, config.kind),
    value,
  }));
  const chooses = (path: string): boolean =>
    settings.some((setting) => setting.path === path && setting.chooses);
  for (const { path, value } of [
    ...resolved.filter((one) => chooses(one.path)),
    ...resolved.filter((one) => !chooses(one.path)),
  ]) {
    const keys = path.split(".");
    const last = keys.pop() ?? path;
    let target = result;
    for (const key of keys) {
      const child = target[key];
      const next: Record<string, unknown> =
        typeof child === "object" && child !== null ? { ...child } : {};
      target[key] = next;
      target = next;
    }
    if (chooses(path) && target.kind !== value)
      for (const key of Object.keys(target)) delete target[key];
    target[last] = value;
  }
  return result;
}

/** Value of a setting in a configuration; undefined where it has none. */
export function valueAt(config: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (at, key) =>
        typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined,
      config,
    );
}

/** Paths that end alike or differ in few letters, the nearest first. */
export function nearest(given: string, paths: readonly string[], limit = 4): string[] {
  const leaf = given.slice(given.lastIndexOf(".") + 1).toLowerCase();
  return paths
    .map((path) => ({
      path,
      distance: Math.min(
        editDistance(given.toLowerCase(), path.toLowerCase()),
        editDistance(leaf, path.slice(path.lastIndexOf(".") + 1).toLowerCase()),
      ),
    }))
    .filter(({ distance }) => distance <= Math.max(2, Math.floor(leaf.length / 3)))
    .sort((a, b) => a.distance - b.distance || a.path.localeCompare(b.path))
    .slice(0, limit)
    .map(({ path }) => path);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
