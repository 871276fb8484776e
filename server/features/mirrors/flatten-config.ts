/** The leaves of a configuration by path ("rl.groupSize"); lists as JSON. */
export function flattenConfig(config: unknown, path = ""): [path: string, value: string][] {
  if (typeof config === "object" && config !== null && !Array.isArray(config))
    return Object.entries(config).flatMap(([key, value]) =>
      flattenConfig(value, path ? `${path}.${key}` : key),
    );
  return [[path, typeof config === "string" ? config : (JSON.stringify(config) ?? "")]];
}
