import { markText } from "@/app/_i18n/format-text";
import type { Draft } from "@/app/_settings/draft";
import { AppError } from "@/contracts/errors";
import type { SettingGroup } from "@/contracts/run-config/setting-group";
import { expandSweep, formatSweepProblem, type SweepRun } from "@/core/sweep/expand-sweep";
import { formatSettingValue } from "@/core/sweep/varied-settings";
import { type SettingValue, type SweepSpec } from "@/contracts/run-config/sweep";
import { parseRow, parseSeeds, parseValues } from "@/core/sweep/sweep-text";
import { EMPTY_SWEEP, type SweepDraft } from "./empty-sweep";

export type ReadSweep =
  { ok: true; spec: unknown; runs: SweepRun[] } | { ok: false; problems: string[] };

/** The sweep that the form describes: its configuration is the base, its name the sweep's. */
export function readSweep(draft: SweepDraft, base: Draft): ReadSweep {
  try {
    const common = { name: base.name, base, seeds: parseSeeds(draft.seeds) };
    const spec =
      draft.mode === "grid"
        ? {
            mode: "grid",
            ...common,
            axes: draft.axes
              .filter((axis) => axis.path !== "")
              .map((axis) => ({ path: axis.path, values: parseValues(axis.text) })),
          }
        : {
            mode: "list",
            ...common,
            rows: draft.rows
              .split("\n")
              .filter((line) => line.trim() !== "")
              .map(readSweepRow),
          };
    const expansion = expandSweep(spec);
    return expansion.ok
      ? { ok: true, spec, runs: expansion.runs }
      : { ok: false, problems: expansion.problems.map(formatSweepProblem) };
  } catch (error) {
    if (error instanceof AppError) return { ok: false, problems: [error.message] };
    throw error;
  }
}

/** The line "-" is the configuration as it is. */
const readSweepRow = (line: string): Record<string, SettingValue> =>
  line.trim() === "-" ? {} : parseRow(line);

/** A ready sweep as the form shows it. */
export function createSweepDraft(spec: SweepSpec): SweepDraft {
  const text = (value: SettingValue): string =>
    typeof value === "string" && !/[,[\]{}"\n]/.test(value) ? value : JSON.stringify(value);
  return {
    mode: spec.mode,
    axes:
      spec.mode === "grid"
        ? spec.axes.map((axis) => ({ path: axis.path, text: axis.values.map(text).join(", ") }))
        : EMPTY_SWEEP.axes,
    rows:
      spec.mode === "list"
        ? spec.rows
            .map(
              (row) =>
                Object.entries(row)
                  .map(([path, value]) => `${path}=${text(value)}`)
                  .join(", ") || "-",
            )
            .join("\n")
        : "",
    seeds: spec.seeds.join(", "),
  };
}

/** Settings that can be varied, with their titles and a hint for values; titles and groups are shown by `t(title)`. */
export function listVariableSettings(
  groups: readonly SettingGroup[],
): { path: string; title: string; group: string; hint: string }[] {
  return groups.flatMap((group) => {
    const settings = [
      ...group.settings,
      ...(group.variant?.options.flatMap((option) => option.settings) ?? []),
    ];
    const all = [
      ...(group.variant
        ? [
            {
              path: group.variant.path,
              title: markText("Kind"),
              hint: group.variant.options.map((option) => option.value).join(", "),
            },
          ]
        : []),
      ...settings.map((s) => ({
        path: s.path,
        title: s.meta.title,
        hint:
          s.control.kind === "choice"
            ? s.control.options.join(", ")
            : s.control.kind === "switch"
              ? "true, false"
              : s.default === undefined || s.default === null
                ? ""
                : formatSettingValue(s.default as SettingValue),
      })),
    ];
    const unique = [...new Map(all.map((setting) => [setting.path, setting])).values()];
    return unique
      .filter((setting) => setting.path !== "name" && setting.path !== "seed")
      .map((setting) => ({ ...setting, group: group.title }));
  });
}
