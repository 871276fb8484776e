import { AppError } from "@/contracts/errors";
import type { RunKind } from "@/contracts/records/run-state";
import { listSettingPaths, listVariantPaths } from "./settings";

/** Changing settings of a configuration by their paths, as people type them. */

/** Other names that people use for a group of settings. */
const ALIASES: Readonly<Record<string, string>> = {
  train: "rl",
  evaluate: "evaluation",
  checkpoint: "checkpointing",
};

/**
 * The path of the schema that a person means, who may use another name for a group (train.steps).
 *
 * @throws AppError "invalid-input" for an unknown path, with similar ones
 */
export function resolveSettingPath(given: string, kind: RunKind): string {
  const paths = listSettingPaths(kind);
  const [group, ...rest] = given.split(".");
  const alias = group === undefined ? undefined : ALIASES[group];
  const candidates = [given, ...(alias ? [[alias, ...rest].join(".")] : [])];
  const found = candidates.find((candidate) => paths.includes(candidate));
  if (found !== undefined) return found;
  const similar = findSimilarPaths(given, paths);
  throw new AppError(
    "invalid-input",
    `There is no setting "${given}".${similar.length > 0 ? ` Similar: ${similar.join(", ")}.` : ""}`,
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
  const variantPaths = new Set(listVariantPaths(config.kind));
  const resolved = assignments.map(({ path, value }) => ({
    path: resolveSettingPath(path, config.kind),
    value,
  }));
  for (const { path, value } of [
    ...resolved.filter((assignment) => variantPaths.has(assignment.path)),
    ...resolved.filter((assignment) => !variantPaths.has(assignment.path)),
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
    if (variantPaths.has(path) && target.kind !== value)
      for (const key of Object.keys(target)) delete target[key];
    target[last] = value;
  }
  return result;
}

/** Paths that end alike or differ in few letters, the most similar first. */
function findSimilarPaths(given: string, paths: readonly string[], limit = 4): string[] {
  const leaf = given.slice(given.lastIndexOf(".") + 1).toLowerCase();
  return paths
    .map((path) => ({
      path,
      distance: Math.min(
        computeEditDistance(given.toLowerCase(), path.toLowerCase()),
        computeEditDistance(leaf, path.slice(path.lastIndexOf(".") + 1).toLowerCase()),
      ),
    }))
    .filter(({ distance }) => distance <= Math.max(2, Math.floor(leaf.length / 3)))
    .sort((a, b) => a.distance - b.distance || a.path.localeCompare(b.path))
    .slice(0, limit)
    .map(({ path }) => path);
}

/** Levenshtein's distance of two texts. */
function computeEditDistance(a: string, b: string): number {
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
