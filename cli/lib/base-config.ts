import { readFile } from "node:fs/promises";
import { launchedKindSchema, type LaunchedKind } from "@/contracts/records/run-state";
import { AppError } from "@/contracts/errors";
import { findPreset } from "@/core/presets/run-presets";

export interface BaseConfigOptions {
  /** Id of a run preset. */
  preset?: string;
  /** A configuration file. */
  config?: string;
  /** Assignments of settings; `kind=...` names the kind where neither of the others is given. */
  set: string[];
}

/**
 * Reads the configuration that a launch starts from: that of a preset or a file, or one of nothing but its kind, whose
 * other settings have their defaults.
 *
 * @throws AppError "not-found" or "invalid-input" with what is wrong
 */
export async function readBaseConfig({
  preset,
  config,
  set,
}: BaseConfigOptions): Promise<{ kind: LaunchedKind }> {
  if (preset !== undefined && config !== undefined)
    throw new AppError("invalid-input", "Give either --preset or --config.");
  if (config !== undefined) return readConfigFile(config);
  if (preset === undefined) return { kind: readAssignedKind(set) };
  const base = findPreset(preset)?.config;
  if (!base) throw new AppError("not-found", `There is no preset "${preset}".`);
  return { ...base, kind: parseKind(base.kind) };
}

async function readConfigFile(file: string): Promise<{ kind: LaunchedKind }> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new AppError("invalid-input", `${file} cannot be read: ${error.message}`);
  });
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new AppError(
      "invalid-input",
      `${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const kind = typeof config === "object" && config !== null && "kind" in config && config.kind;
  return { ...(config as object), kind: parseKind(kind, `${file}: `) };
}

function readAssignedKind(assignments: readonly string[]): LaunchedKind {
  const given = assignments.findLast((assignment) => assignment.startsWith("kind="));
  if (given === undefined)
    throw new AppError(
      "invalid-input",
      "Give --preset, --config, or the kind of run with --set kind=evaluate.",
    );
  return parseKind(given.slice("kind=".length));
}

function parseKind(value: unknown, where = ""): LaunchedKind {
  const kind = launchedKindSchema.safeParse(value);
  if (!kind.success)
    throw new AppError(
      "invalid-input",
      `${where}kind: must be one of ${launchedKindSchema.options.join(", ")}`,
    );
  return kind.data;
}
