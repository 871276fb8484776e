import { AppError } from "@/contracts/errors";
import { launchedKindSchema, runKindSchema, type RunKind } from "@/contracts/records/run-state";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import type { SettingMeta } from "@/contracts/run-config/setting";
import type { Setting, SettingControl, SettingGroup } from "@/contracts/run-config/setting-group";
import { getServed, listActiveSettings, listChangedInGroups, type Served } from "./setting-groups";
import { getSettingValue } from "./setting-values";

/**
 * The one description of the settings of a run, read from the schemas in contracts/run-config: title, meaning, the
 * paper's value, type, default, choices and path. The form, the command line, sweeps and the documentation use it.
 */

/** A part of the schema: one setting, a fixed value, an object with its parts, or alternatives of which `kind` chooses one. */
type Part = { path: string; meta: SettingMeta } & (
  | { type: "setting"; default: unknown; control: SettingControl }
  | { type: "literal"; value: string }
  | { type: "object"; parts: Part[] }
  | { type: "union"; options: { value: string; parts: Part[] }[] }
);

/** What is read of zod's own description of a schema. */
interface Schema {
  def: {
    type: string;
    innerType?: Schema;
    defaultValue?: unknown;
    shape?: Record<string, Schema>;
    options?: Schema[];
    in?: Schema;
    values?: unknown[];
    entries?: Record<string, string>;
  };
  meta(): Record<string, unknown> | undefined;
  minValue?: number | null;
  maxValue?: number | null;
  format?: string | null;
}

const WRAPPERS: ReadonlySet<string> = new Set(["default", "prefault", "nullable", "optional"]);

/** The schema inside its wrappers, with the default and whether it may be null. */
function unwrap(schema: Schema): { inner: Schema; nullable: boolean; default: unknown } {
  let inner = schema;
  let nullable = false;
  // Of a setting that came later (`defineLaterSetting`).
  let fallback: unknown = schema.meta()?.whenAbsent;
  for (;;) {
    const { type, innerType, defaultValue, in: before } = inner.def;
    const next = type === "pipe" ? before : WRAPPERS.has(type) ? innerType : undefined;
    if (next === undefined) break;
    if (type === "default") fallback = defaultValue;
    if (type === "nullable") nullable = true;
    inner = next;
  }
  return { inner, nullable, default: fallback };
}

function readPart(schema: Schema, path: string): Part {
  const { inner, nullable, default: fallback } = unwrap(schema);
  const base = { path, meta: readMeta(schema, path.slice(path.lastIndexOf(".") + 1)) };
  switch (inner.def.type) {
    case "object":
      return { ...base, type: "object", parts: readParts(inner, path) };
    case "union":
      return {
        ...base,
        type: "union",
        options: (inner.def.options ?? []).map((option) => ({
          value: readLiteral(option.def.shape?.kind),
          parts: readParts(option, path),
        })),
      };
    case "literal":
      return { ...base, type: "literal", value: readLiteral(inner) };
    default:
      return { ...base, type: "setting", default: fallback, control: readControl(inner, nullable) };
  }
}

const readParts = (object: Schema, path: string): Part[] =>
  Object.entries(object.def.shape ?? {}).map(([key, schema]) =>
    readPart(schema, path ? `${path}.${key}` : key),
  );

const readLiteral = (schema: Schema | undefined): string => String(schema?.def.values?.[0]);

function readControl(
  { def, format, minValue, maxValue }: Schema,
  nullable: boolean,
): SettingControl {
  switch (def.type) {
    case "number":
      return {
        kind: "number",
        integer: format === "safeint",
        min: readLimit(minValue),
        max: readLimit(maxValue),
        nullable,
      };
    case "boolean":
      return { kind: "switch" };
    case "enum":
      return { kind: "choice", options: Object.values(def.entries ?? {}) };
    default:
      return { kind: "text", nullable };
  }
}

/** The ends of the safe integers are no limits that anybody needs to read. */
const readLimit = (value: number | null | undefined): number | null =>
  value === null || value === undefined || Math.abs(value) >= Number.MAX_SAFE_INTEGER
    ? null
    : value;

function readMeta(schema: Schema, key: string): SettingMeta {
  const meta = schema.meta() ?? {};
  return {
    title: typeof meta.title === "string" ? meta.title : key,
    description: typeof meta.description === "string" ? meta.description : "",
    ...(typeof meta.paper === "string" ? { paper: meta.paper } : {}),
    ...(meta.advanced === true ? { advanced: true } : {}),
  };
}

/** Parts of every configuration: one of each kind of run, two of the kind `serve`. */
const CONFIGURATIONS: readonly Part[][] = (runConfigSchema.options as unknown as Schema[])
  .flatMap((option) => option.def.options ?? [option])
  .map((object) => readParts(object, ""));

const hasLiteral = (parts: readonly Part[], path: string, value: string): boolean =>
  parts.some((part) => part.type === "literal" && part.path === path && part.value === value);

function listConfigurations(kind: RunKind): Part[][] {
  const found = CONFIGURATIONS.filter((parts) => hasLiteral(parts, "kind", kind));
  if (found.length === 0)
    throw new AppError("internal", `There is no configuration of kind ${kind}.`);
  return found;
}

/** Settings among parts, those of nested objects included. */
const listSettings = (parts: readonly Part[]): Setting[] =>
  parts.flatMap((part): Setting[] => {
    if (part.type === "object") return listSettings(part.parts);
    if (part.type !== "setting") return [];
    const { path, meta, default: fallback, control } = part;
    return [{ path, meta, default: fallback, control }];
  });

/** All settings of a kind of run: first those at the top level, then one group for each object. */
export function listSettingGroups(kind: RunKind, served: Served = "retriever"): SettingGroup[] {
  const configurations = listConfigurations(kind);
  const parts =
    configurations.find((candidate) => hasLiteral(candidate, "what", served)) ?? configurations[0]!;
  const top: SettingGroup = {
    id: "run",
    title: "Run",
    description: "Its name and what it is about.",
    settings: listSettings(parts.filter(({ type }) => type === "setting")),
    variant: null,
  };
  const groups = parts.flatMap((part): SettingGroup[] => {
    const { path, meta } = part;
    const group = { id: path, title: meta.title, description: meta.description };
    if (part.type === "object")
      return [{ ...group, settings: listSettings(part.parts), variant: null }];
    if (part.type !== "union") return [];
    const options = part.options.map(({ value, parts: own }) => ({
      value,
      settings: listSettings(own),
    }));
    return [{ ...group, settings: [], variant: { path: `${path}.kind`, options } }];
  });
  return [top, ...groups];
}

/** Every path that a kind of run has, the fixed ones (`kind`, `what`) included, in the order of the schema. */
export function listSettingPaths(kind: RunKind): string[] {
  const listPaths = (parts: readonly Part[]): string[] =>
    parts.flatMap((part) => {
      if (part.type === "object") return listPaths(part.parts);
      if (part.type === "union") return part.options.flatMap((option) => listPaths(option.parts));
      return [part.path];
    });
  return [...new Set(listConfigurations(kind).flatMap(listPaths))];
}

/** Paths whose value chooses which other settings their group has, e.g. retriever.kind. */
export const listVariantPaths = (kind: RunKind): string[] => [
  ...new Set(
    listConfigurations(kind).flatMap((parts) =>
      parts.flatMap((part) => (part.type === "union" ? [`${part.path}.kind`] : [])),
    ),
  ),
];

/** A configuration with every default; its name is empty and must be given. */
export function buildDefaultConfig(kind: RunKind, served: Served = "retriever"): RunConfig {
  const config = runConfigSchema.parse({
    kind,
    name: "-",
    ...(kind === "serve" && { what: served }),
  });
  return { ...config, name: "" };
}

/** Values of settings that a configuration leaves out, by path: each its default. */
export const listLeftOut = (config: { kind: RunKind }): Record<string, unknown> =>
  Object.fromEntries(
    listSettingGroups(config.kind, getServed(config))
      .flatMap((group) => listActiveSettings(group, config))
      .filter(
        ({ path, default: fallback }) =>
          fallback !== undefined && getSettingValue(config, path) === undefined,
      )
      .map(({ path, default: fallback }) => [path, fallback]),
  );

/** Value at a path of a stored configuration; of a setting that it leaves out the default, undefined where it has none. */
export function readValueAt(config: unknown, path: string): unknown {
  const value = getSettingValue(config, path);
  if (value !== undefined) return value;
  const kind = runKindSchema.safeParse(getSettingValue(config, "kind")).data;
  return kind && listLeftOut({ ...(config as object), kind })[path];
}

/** The default of a setting in the configurations that have these values at these paths. */
export interface ConditionalDefault {
  when: Readonly<Record<string, string>>;
  value: unknown;
}

/** What `readValueAt` gives for a path that a configuration leaves out, by what the configuration is. */
export const listConditionalDefaults = (path: string): ConditionalDefault[] =>
  runKindSchema.options.flatMap((kind) =>
    (kind === "serve" ? (["retriever", "model"] as const) : [null]).flatMap((what) => {
      const when = { kind, ...(what && { what }) };
      const list = (settings: readonly Setting[], more: object = {}): ConditionalDefault[] =>
        settings
          .filter((setting) => setting.path === path && setting.default !== undefined)
          .map(({ default: value }) => ({ when: { ...when, ...more }, value }));
      return listSettingGroups(kind, what ?? undefined).flatMap(({ settings, variant }) => [
        ...list(settings),
        ...(variant?.options ?? []).flatMap((option) =>
          list(option.settings, { [variant!.path]: option.value }),
        ),
      ]);
    }),
  );

/** Paths of all settings that differ from their defaults. */
export const listChangedSettings = (config: RunConfig): string[] =>
  listChangedInGroups(listSettingGroups(config.kind, getServed(config)), config);

/** What a setting means in some kinds of run. */
export interface SettingMeaning extends Pick<SettingMeta, "title" | "description" | "paper"> {
  kinds: RunKind[];
  /** Undefined where a value must be given. */
  default: unknown;
  control: SettingControl;
}

type KindGroup = SettingGroup & { kind: RunKind };

/** The groups of settings of these kinds of run, whatever they serve. */
const listGroupsOfKinds = (kinds: readonly RunKind[]): KindGroup[] =>
  kinds.flatMap((kind) =>
    (["retriever", "model"] as const).flatMap((served) =>
      listSettingGroups(kind, served).map((group) => ({ ...group, kind })),
    ),
  );

/** What a path means, once for each different meaning; empty for a path of no setting. */
export function listSettingMeanings(
  path: string,
  groups = listGroupsOfKinds(runKindSchema.options),
): SettingMeaning[] {
  const meanings = new Map<string, SettingMeaning>();
  for (const group of groups)
    for (const meaning of listMeaningsInGroup(group, path)) {
      const key = JSON.stringify(meaning);
      const known = meanings.get(key) ?? { ...meaning, kinds: [] };
      if (!known.kinds.includes(group.kind)) known.kinds.push(group.kind);
      meanings.set(key, known);
    }
  return [...meanings.values()];
}

function listMeaningsInGroup(group: SettingGroup, path: string): Omit<SettingMeaning, "kinds">[] {
  const { title, description, settings, variant } = group;
  if (variant?.path === path) {
    const options = variant.options.map(({ value }) => value);
    return [{ title, description, default: undefined, control: { kind: "choice", options } }];
  }
  return [...settings, ...(variant?.options ?? []).flatMap((option) => option.settings)]
    .filter((setting) => setting.path === path)
    .map(({ meta, default: fallback, control }) => ({
      title: meta.title,
      description: meta.description,
      ...(meta.paper !== undefined && { paper: meta.paper }),
      default: fallback,
      control,
    }));
}

/** A part of the configuration, and what is set in it by any kind of run. */
interface SettingSection {
  id: string;
  title: string;
  settings: { path: string; meanings: SettingMeaning[] }[];
}

/** Every setting of every kind of run that can be launched, each path once, by the part in which it stands. */
export function listSettingSections(): SettingSection[] {
  const groups = listGroupsOfKinds(launchedKindSchema.options);
  const sections = new Map<string, { title: string; paths: Set<string> }>();
  for (const { id, title, settings, variant } of groups) {
    const section = sections.get(id) ?? { title, paths: new Set<string>() };
    sections.set(id, section);
    if (variant) section.paths.add(variant.path);
    const options = variant?.options.flatMap((option) => option.settings) ?? [];
    for (const { path } of [...settings, ...options]) section.paths.add(path);
  }
  return [...sections].map(([id, { title, paths }]) => ({
    id,
    title,
    settings: [...paths].map((path) => ({ path, meanings: listSettingMeanings(path, groups) })),
  }));
}
