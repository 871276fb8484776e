"use client";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { markText, type Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Dialog } from "@/app/_ui/dialog";
import { SearchInput } from "@/app/_ui/search-input";
import { LAUNCHED_KINDS } from "@/contracts/records/run-states";
import { listSettingPaths } from "@/core/run/settings";
import { ColumnHelp } from "./column-help";

/** What a column shows, by the first part of its name. */
const COLUMN_KINDS: Readonly<Record<string, string>> = {
  last: markText("last"),
  best: markText("best"),
  setting: markText("setting"),
  param: markText("parameter"),
};
function nameKind(t: Text, column: string): string {
  const kind = column.slice(0, column.indexOf(":"));
  return t(COLUMN_KINDS[kind] ?? kind);
}

const MOST_COLUMNS = 20;
const MOST_SHOWN = 60;

/** Every path of every kind of run. */
export const listAllSettingPaths = (): string[] => [
  ...new Set(LAUNCHED_KINDS.flatMap(listSettingPaths)),
];

/** Chooses further columns of the table: the last or best value of any metric, any setting, any parameter of another trainer. */
export function ColumnsDialog({
  columns,
  onColumns,
  onClose,
}: {
  columns: readonly string[];
  onColumns: (columns: string[]) => void;
  onClose: () => void;
}) {
  const t = useText();
  const trpc = useTRPC();
  const facets = useQuery(trpc.runs.facets.queryOptions());
  const [text, setText] = useState("");
  const { metrics, parameters } = facets.data ?? {};
  const all = useMemo(
    () => [
      ...(metrics ?? []).flatMap((name) => [`last:${name}`, `best:${name}`]),
      ...listAllSettingPaths().map((path) => `setting:${path}`),
      ...(parameters ?? []).map((name) => `param:${name}`),
    ],
    [metrics, parameters],
  );
  const found = all.filter((column) => column.toLowerCase().includes(text.trim().toLowerCase()));
  // Chosen ones first, as they were when the dialog opened: a row that is clicked stays where it is.
  const [first] = useState(columns);
  // The address is read late: a second click must not undo the first.
  const [chosen, setChosen] = useState(columns);
  const toggle = (column: string): void => {
    const next = chosen.includes(column)
      ? chosen.filter((one) => one !== column)
      : [...chosen, column];
    setChosen(next);
    onColumns(next);
  };
  const ordered = [...first, ...found.filter((column) => !first.includes(column))];
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t("Columns")}
      description={t(
        "Metrics with their last or best value, settings, and what other trainers reported of theirs. At most {most}.",
        { most: MOST_COLUMNS },
      )}
    >
      <SearchInput
        label={t("Search metrics and settings")}
        placeholder={t("Metric or setting")}
        className="w-full"
        value={text}
        onText={setText}
      />
      <ul className="mt-3 max-h-80 overflow-y-auto">
        {ordered.slice(0, MOST_SHOWN).map((column) => {
          const isChosen = chosen.includes(column);
          return (
            <li key={column} className="flex items-center">
              <label className="flex min-w-0 flex-1 cursor-pointer items-center gap-2 rounded px-1 py-1 hover:bg-muted">
                <input
                  type="checkbox"
                  className="size-4 accent-primary"
                  checked={isChosen}
                  disabled={!isChosen && chosen.length >= MOST_COLUMNS}
                  onChange={() => toggle(column)}
                />
                <span className="min-w-0 flex-1 truncate font-mono text-xs">
                  {column.slice(column.indexOf(":") + 1)}
                </span>
                <span className="text-xs text-muted-foreground">{nameKind(t, column)}</span>
              </label>
              <ColumnHelp column={column} />
            </li>
          );
        })}
      </ul>
      {ordered.length > MOST_SHOWN ? (
        <p className="mt-2 text-xs text-muted-foreground">
          {t("{shown} of {found}: type to find others.", {
            shown: MOST_SHOWN,
            found: ordered.length,
          })}
        </p>
      ) : null}
    </Dialog>
  );
}
