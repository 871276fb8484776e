import type { z } from "zod";
import {
  runConfigSchema,
  type RunConfig,
  type ServeConfig,
  type SettingMeta,
} from "@/contracts/run-config/run-config";
import type { RunKind } from "@/contracts/records/run-state";
import { valueAt } from "@/core/run/setting-paths";

/** Draws the form's fields from contracts/run-config.ts, so that a setting is described in that file alone. */

export type Control =
  | { kind: "number"; integer: boolean; min: number | null; max: number | null; nullable: boolean }
  | { kind: "text"; nullable: boolean }
  | { kind: "choice"; options: string[] }
  | { kind: "switch" };

export interface Setting {
  /** Dotted path in the configuration, e.g. "rl.steps". */
  path: string;
  meta: SettingMeta;
  /** Undefined where a value must be given. */
  default: unknown;
  control: Control;
}

export interface SettingGroup {
  id: string;
  title: string;
  description: string;
  settings: Setting[];
  /** A choice that decides which further settings there are. */
  variant: { path: string; options: { value: string; settings: Setting[] }[] } | null;
}

/** The parts of a zod schema's definition that are read here. */
interface Definition {
  type: string;
  innerType?: Schema;
  defaultValue?: unknown;
  shape?: Record<string, Schema>;
  options?: Schema[];
  values?: unknown[];
  entries?: Record<string, string>;
}
interface Schema {
  def: Definition;
  meta(): Record<string, unknown> | undefined;
  minValue?: number | null;
  maxValue?: number | null;
  isInt?: boolean;
  format?: string | null;
}
const schemaOf = (schema: z.ZodType): Schema => schema as unknown as Schema;

interface Unwrapped {
  core: Schema;
  nullable: boolean;
  default: unknown;
}

function unwrap(schema: Schema): Unwrapped {
  let core = schema;
  let nullable = false;
  let fallback: unknown;
  while (
    core.def.innerType &&
    ["default", "prefault", "nullable", "optional"].includes(core.def.type)
  ) {
    if (core.def.type === "default") fallback = core.def.defaultValue;
    if (core.def.type === "nullable") nullable = true;
    core = core.def.innerType;
  }
  return { core, nullable, default: fallback };
}

function controlOf({ core, nullable }: Unwrapped): Control {
  switch (core.def.type) {
    case "number":
      return {
        kind: "number",
        integer: core.format === "safeint",
        min: finite(core.minValue),
        max: finite(core.maxValue),
        nullable,
      };
    case "boolean":
      return { kind: "switch" };
    case "enum":
      return { kind: "choice", options: Object.values(core.def.entries ?? {}) };
    default:
      return { kind: "text", nullable };
  }
}

/** Safe-integer ends are no limits that a person needs to read. */
const finite = (value: number | null | undefined): number | null =>
  value === null || value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER
    ? null
    : value;

function settingMeta(schema: Schema, key: string): SettingMeta {
  const meta = schema.meta() ?? {};
  return {
    title: typeof meta.title === "string" ? meta.title : key,
    description: typeof meta.description === "string" ? meta.description : "",
    ...(typeof meta.paper === "string" ? { paper: meta.paper } : {}),
    ...(meta.advanced === true ? { advanced: true } : {}),
  };
}

/** Settings of an object, nested objects flattened by their paths. */
function settingsOf(shape: Record<string, Schema>, prefix: string): Setting[] {
  return Object.entries(shape).flatMap(([key, schema]): Setting[] => {
    const path = prefix ? `${prefix}.${key}` : key;
    const unwrapped = unwrap(schema);
    if (unwrapped.core.def.type === "object")
      return settingsOf(unwrapped.core.def.shape ?? {}, path);
    if (unwrapped.core.def.type === "literal") return [];
    return [
      {
        path,
        meta: settingMeta(schema, key),
        default: unwrapped.default,
        control: controlOf(unwrapped),
      },
    ];
  });
}

const literalOf = (schema: Schema | undefined): string => String(schema?.def.values?.[0]);

/** What a serve run serves. */
export type Served = ServeConfig["what"];

function shapeOfKind(kind: RunKind, served: Served): Record<string, Schema> {
  const objects = runConfigSchema.options
    .map(schemaOf)
    .flatMap((option) => option.def.options ?? [option]);
  const shapes = objects
    .map((object) => object.def.shape ?? {})
    .filter((shape) => literalOf(shape.kind) === kind);
  const shape =
    shapes.length > 1
      ? shapes.find(({ what }) => what && literalOf(unwrap(what).core) === served)
      : shapes[0];
  if (!shape) throw new Error(`no configuration of kind ${kind}`);
  return shape;
}

/** All settings of a kind of run: first those at the top level, then one group for each object. */
export function settingGroups(kind: RunKind, served: Served = "retriever"): SettingGroup[] {
  const top: SettingGroup = {
    id: "run",
    title: "Run",
    description: "Its name and what it is about.",
    settings: [],
    variant: null,
  };
  const groups: SettingGroup[] = [top];
  for (const [key, schema] of Object.entries(shapeOfKind(kind, served))) {
    const unwrapped = unwrap(schema);
    const { core } = unwrapped;
    const meta = settingMeta(schema, key);
    if (core.def.type === "object")
      groups.push({
        id: key,
        title: meta.title,
        description: meta.description,
        settings: settingsOf(core.def.shape ?? {}, key),
        variant: null,
      });
    else if (core.def.type === "union") {
      const options = (core.def.options ?? []).map((o) => ({
        value: literalOf(o.def.shape?.kind),
        settings: settingsOf(o.def.shape ?? {}, key),
      }));
      groups.push({
        id: key,
        title: meta.title,
        description: meta.description,
        settings: [],
        variant: { path: `${key}.kind`, options },
      });
    } else if (core.def.type !== "literal")
      top.settings.push({
        path: key,
        meta,
        default: unwrapped.default,
        control: controlOf(unwrapped),
      });
  }
  return groups;
}

/** A configuration with every default; its name is empty and must be given. */
export function defaultConfig(kind: RunKind, served: Served = "retriever"): RunConfig {
  const config = runConfigSchema.parse({
    kind,
    name: "-",
    ...(kind === "serve" && { what: served }),
  });
  return { ...config, name: "" };
}

/** Values of a variant's settings when it is chosen. */
export const variantDefaults = (option: {
  value: string;
  settings: Setting[];
}): Record<string, unknown> => ({
  kind: option.value,
  ...Object.fromEntries(
    option.settings.map((s) => [
      s.path.split(".").at(-1) ?? s.path,
      s.default === undefined ? "" : s.default,
    ]),
  ),
});

/** Whether a value differs from the setting's default; a setting without a default has nothing to differ from. */
export const isChanged = (setting: Setting, value: unknown): boolean =>
  setting.default !== undefined && value !== setting.default;

/** What a configuration serves, where it serves. */
export const servedBy = (config: object): Served =>
  "what" in config && config.what === "model" ? "model" : "retriever";

/** Paths of all settings that differ from their defaults. */
export function changedSettings(config: RunConfig): string[] {
  return settingGroups(config.kind, servedBy(config))
    .flatMap((g) => [
      ...g.settings,
      ...(g.variant?.options.find((o) => o.value === valueAt(config, g.variant?.path ?? ""))
        ?.settings ?? []),
    ])
    .filter((s) => isChanged(s, valueAt(config, s.path)))
    .map((s) => s.path);
}

/** A value as text: what the form, the meta line and the configuration tab show. */
export function valueText(value: unknown): string {
  if (value === null || value === undefined || value === "") return "none";
  if (typeof value === "boolean") return value ? "on" : "off";
  return String(value);
}

/** The same experiment as another kind: what both kinds have in common is kept. */
export function convertKind(config: RunConfig, kind: RunKind): RunConfig {
  if (config.kind === kind) return config;
  const base = defaultConfig(kind);
  if (config.kind === "train" && base.kind === "predict") {
    const { name, seed, retriever, search, generator } = config;
    const { model, checkpoint, tuning, adapter } = config.searcher;
    return {
      ...base,
      name,
      seed,
      retriever,
      search,
      searcher: { ...base.searcher, model, checkpoint, tuning, adapter },
      generator,
      corpus: config.data.corpus,
      questions: config.data.heldOutQuestions,
      scorer: config.reward.scorer,
    };
  }
  if (config.kind === "predict" && base.kind === "train") {
    const { name, seed, retriever, search, generator } = config;
    const {
      endpoint: _endpoint,
      api: _api,
      connection: _connection,
      ...searcher
    } = config.searcher;
    return {
      ...base,
      name,
      seed,
      retriever,
      search,
      searcher: { ...base.searcher, ...searcher },
      generator,
      data: { ...base.data, corpus: config.corpus, heldOutQuestions: config.questions },
      reward: { ...base.reward, scorer: config.scorer },
    };
  }
  if (!("retriever" in config) || !("retriever" in base)) return { ...base, name: config.name };
  const shared = { ...base, name: config.name, retriever: config.retriever };
  if (shared.kind === "evaluate" && config.kind === "train")
    return { ...shared, corpus: config.data.corpus, questions: config.data.heldOutQuestions };
  if (shared.kind === "evaluate" && config.kind === "predict")
    return { ...shared, corpus: config.corpus, questions: config.questions };
  return shared;
}

/** A predict run over the held-out questions of a training run, with one of its checkpoints. */
export function predictWith(
  config: RunConfig,
  checkpoint: { id: string; step: number },
): RunConfig {
  const predict = convertKind(config, "predict");
  if (predict.kind !== "predict") return predict;
  return {
    ...predict,
    method: "s3",
    name: `${config.name}, step ${checkpoint.step}`.slice(0, 120),
    searcher: { ...predict.searcher, checkpoint: checkpoint.id },
  };
}

/** A training run that goes on from a checkpoint with its whole state; its cold start is behind it. */
export function branchFrom(config: RunConfig, checkpoint: { id: string; step: number }): RunConfig {
  if (config.kind !== "train") return config;
  return {
    ...config,
    name: `${config.name}, branch of step ${checkpoint.step}`.slice(0, 120),
    searcher: { ...config.searcher, checkpoint: checkpoint.id, checkpointState: "all" },
    coldStart: { ...config.coldStart, demonstrations: 0 },
  };
}

export type ParsedConfig =
  { ok: true; config: RunConfig } | { ok: false; problems: { path: string; message: string }[] };

/** Reads a pasted configuration. Every problem names its place: the line of broken JSON, the path of a setting, the unknown key. */
export function parseConfigText(text: string): ParsedConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return {
      ok: false,
      problems: [
        {
          path: placeOfSyntaxError(text, error),
          message: `not JSON: ${error instanceof Error ? error.message : String(error)}`,
        },
      ],
    };
  }
  const result = runConfigSchema.safeParse(json);
  if (result.success) return { ok: true, config: result.data };
  return {
    ok: false,
    problems: result.error.issues.flatMap((issue) => {
      if (issue.code === "unrecognized_keys")
        return issue.keys.map((key) => ({
          path: [...issue.path, key].join("."),
          message: "unknown setting",
        }));
      return [{ path: issue.path.join(".") || "(root)", message: plainMessage(issue.message) }];
    }),
  };
}

function placeOfSyntaxError(text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  const line = /line (\d+)/.exec(message)?.[1];
  if (line) return `line ${line}`;
  const position = /position (\d+)/.exec(message)?.[1];
  if (position === undefined) return text.trim() === "" ? "empty" : "end of text";
  return `line ${text.slice(0, Number(position)).split("\n").length}`;
}

/** zod's wording for what happens while one types, in plain words. */
export function plainMessage(message: string): string {
  if (/expected number, received (NaN|string|undefined)/.test(message)) return "give a number";
  if (/expected int, received number/.test(message)) return "give a whole number";
  const bound = /^Too (small|big): expected number to be (>=?|<=?)(\S+)$/.exec(message);
  if (bound)
    return `must be ${{ ">=": "at least", ">": "greater than", "<=": "at most", "<": "less than" }[bound[2]!]} ${bound[3]}`;
  if (message === "Invalid UUID") return "not an id (a UUID)";
  if (message === "Invalid URL") return "not a URL with http:// or https://";
  if (/^Too small: expected string/.test(message)) return "must not be empty";
  return message;
}
