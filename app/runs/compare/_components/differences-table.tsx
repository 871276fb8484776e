"use client";
import { useText } from "@/app/_i18n/text-provider";
import { NONE } from "@/app/_lib/format/format";
import { describeValue } from "@/core/run/describe-value";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { LabelledSwitch } from "@/app/_ui/switch";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { listChangedPaths } from "@/core/run/config-groups";

interface DifferencesTableProps {
  label: string;
  runs: readonly ComparedRun[];
  /** What each run has, by name. */
  values: readonly ReadonlyMap<string, unknown>[];
  all: boolean;
  onAll: (all: boolean) => void;
}

/** What differs between runs, a row each; with `all`, what they have in common too. */
export function DifferencesTable({ label, runs, values, all, onAll }: DifferencesTableProps) {
  const t = useText();
  const rows = listChangedPaths(values, { all });
  return (
    <>
      <LabelledSwitch
        id="show-all"
        label={t("Show what is the same too")}
        checked={all}
        onChange={onAll}
      />
      {rows.length === 0 ? (
        <p className="mt-3 text-muted-foreground">{t("Nothing differs.")}</p>
      ) : (
        <ScrollRegion label={label} className="mt-3 rounded-lg border bg-card">
          <table className="w-full text-left" data-differences={rows.length}>
            <thead className="border-b text-xs text-muted-foreground">
              <tr>
                <th scope="col" className="px-3 py-2 font-medium">
                  {t("Name")}
                </th>
                {runs.map(({ id, name }) => (
                  <th key={id} scope="col" className="max-w-60 truncate px-3 py-2 font-medium">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.path} className="border-b last:border-0">
                  <th scope="row" className="px-3 py-1.5 font-mono text-xs font-normal">
                    {row.path}
                  </th>
                  {row.values.map((value, i) => (
                    <td
                      key={runs[i]!.id}
                      className="max-w-60 truncate px-3 font-mono text-xs"
                      title={value === undefined ? undefined : describeValue(t, value)}
                    >
                      {value === undefined ? NONE : describeValue(t, value)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollRegion>
      )}
    </>
  );
}
