/** Values of settings, read without their schemas: what only shows them loads no zod. */

/** Value of a setting in a configuration; undefined where it has none. */
export function getSettingValue(config: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (at, key) =>
        typeof at === "object" && at !== null ? (at as Record<string, unknown>)[key] : undefined,
      config,
    );
}

/** A value for people: "none", "on", "off", or as it is. */
export function describeSettingValue(value: unknown): string {
  if (value === null || value === undefined || value === "") return "none";
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "string" ? value : JSON.stringify(value);
}
