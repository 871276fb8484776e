import type { SettingValue } from "@/contracts/run-config/sweep";

/** What varies in a sweep, as data and as text. */

/** Value of each varied setting; a setting that the configuration does not have (retriever.k1 of a dense retriever) is absent. */
export type VariedSettings = Record<string, SettingValue>;

/** "rl.steps=2, search.turns=1": what varies, with shortened paths. */
export function formatVariedSettings(
  varied: Readonly<VariedSettings>,
  paths: readonly string[] = Object.keys(varied),
): string {
  const short = shortenPaths(paths);
  return paths
    .flatMap((at, i) => (at in varied ? [`${short[i]}=${formatSettingValue(varied[at]!)}`] : []))
    .join(", ");
}

/** The shortest ends of paths that still tell them apart: "steps", "weights.gbr" beside "terms.gbr". */
export function shortenPaths(paths: readonly string[]): string[] {
  return paths.map((at) => {
    const keys = at.split(".");
    for (let length = 1; length < keys.length; length++) {
      const end = keys.slice(-length).join(".");
      if (paths.every((other) => other === at || !`.${other}`.endsWith(`.${end}`))) return end;
    }
    return at;
  });
}

export const formatSettingValue = (value: SettingValue): string =>
  typeof value === "string" ? value : JSON.stringify(value);
