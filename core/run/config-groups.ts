import { describeSettingValue, getSettingValue } from "./setting-values";

/** Settings in which runs of one experiment differ without being different: their name and their random seed. */
const FREE = new Set(["name", "seed"]);

/**
 * The settings of a configuration by path, in its order.
 * @param leftOut values of those that it leaves out
 */
export function flattenConfig(
  config: object,
  leftOut: Readonly<Record<string, unknown>> = {},
): Map<string, unknown> {
  const values = new Map<string, unknown>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const [key, inner] of Object.entries(value)) visit(inner, path ? `${path}.${key}` : key);
    else values.set(path, value);
  };
  visit(config, "");
  for (const [path, value] of Object.entries(leftOut))
    if (!values.has(path)) values.set(path, value);
  return values;
}

/** One row of a comparison: a name and what each of the compared has, undefined where it has none. */
export interface ChangedRow {
  path: string;
  values: unknown[];
}

/** The settings in which configurations differ, in their order. Their names are no settings. */
export function listChangedPaths(
  configs: readonly ReadonlyMap<string, unknown>[],
  { all = false }: { all?: boolean } = {},
): ChangedRow[] {
  const paths = [...new Set(configs.flatMap((config) => [...config.keys()]))];
  return paths
    .filter((path) => path !== "name")
    .map((path) => ({ path, values: configs.map((config) => config.get(path)) }))
    .filter(({ values }) => all || new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

export interface ConfigGroup {
  key: string;
  label: string;
  /** Positions in what was grouped. */
  members: number[];
}

/**
 * Groups configurations: `by` a setting, or where they are the same apart from name and seed. Groups stand in the order
 * of their first members; a group of configurations is labelled by the settings that differ between groups.
 */
export function groupConfigs(
  runs: readonly {
    name: string;
    config: object;
    leftOut?: Readonly<Record<string, unknown>> | undefined;
  }[],
  by: string | null,
): ConfigGroup[] {
  const flat = runs.map(({ config, leftOut }) => flattenConfig(config, leftOut));
  const read = (position: number, path: string): unknown =>
    flat[position]!.get(path) ?? getSettingValue(runs[position]!.config, path);
  const toKey = (position: number): string =>
    by === null
      ? JSON.stringify(
          [...flat[position]!].filter(([path]) => !FREE.has(readLastPart(path))).sort(),
        )
      : JSON.stringify(read(position, by) ?? null);
  const groups = new Map<string, number[]>();
  for (const position of runs.keys()) {
    const key = toKey(position);
    groups.set(key, [...(groups.get(key) ?? []), position]);
  }
  const lists = [...groups];
  const changed = listChangedPaths(lists.map(([, [first]]) => flat[first!]!)).filter(
    ({ path }) => !FREE.has(readLastPart(path)),
  );
  return lists.map(([key, members], group) => ({
    key,
    members,
    label:
      by !== null
        ? `${by} = ${describeSettingValue(read(members[0]!, by))}`
        : changed.length === 0 || changed.length > 4
          ? runs[members[0]!]!.name
          : changed
              .map(
                ({ path, values }) =>
                  `${readLastPart(path)} ${describeSettingValue(values[group])}`,
              )
              .join(", "),
  }));
}

const readLastPart = (path: string): string => path.slice(path.lastIndexOf(".") + 1);
