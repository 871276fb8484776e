"use client";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatAgo, formatShare } from "@/app/_lib/format/format";
import { formatRetriever } from "@/app/_lib/config/retriever";
import type { EvaluationRow } from "@/app/_lib/live/trpc";
import { useNow } from "@/app/_lib/hooks/use-now";
import { Button } from "@/app/_ui/button";
import { RunStateBadge } from "@/app/_ui/run-state";
import { getRunColour } from "@/app/_retrieval/metric-label";

const MAX_RUNS = 6;
const SHOWN_RUNS = 6;

interface RunPickerProps {
  rows: EvaluationRow[];
  /** Name of the metric whose values stand in the list. */
  metric: string;
  chosen: readonly string[];
  onChange: (ids: string[]) => void;
}

/**
 * Evaluate runs by question set and corpus. After the first choice, only runs of the same questions and corpus can be
 * chosen.
 */
export function RunPicker({ rows, metric, chosen, onChange }: RunPickerProps) {
  const groups = groupRuns(rows);
  // A run that the address names and that is deleted cannot be taken out here: the next choice is made without it.
  const change = (ids: string[]) => onChange(ids.filter((id) => rows.some((row) => row.id === id)));
  const first = rows.find((row) => row.id === chosen[0]);
  const active = first ? `${first.questionSet} · ${first.corpus}` : null;
  return (
    <div className="space-y-4">
      {[...groups].map(([name, members]) => (
        <Group
          key={name}
          name={name}
          rows={members}
          metric={metric}
          chosen={chosen}
          disabled={active !== null && active !== name}
          onChange={change}
        />
      ))}
    </div>
  );
}

interface GroupProps {
  name: string;
  rows: EvaluationRow[];
  metric: string;
  chosen: readonly string[];
  disabled: boolean;
  onChange: (ids: string[]) => void;
}

function Group({ name, rows, metric, chosen, disabled, onChange }: GroupProps) {
  const t = useText();
  const now = useNow();
  const [all, setAll] = useState(false);
  const shown = all ? rows : rows.filter((row, i) => i < SHOWN_RUNS || chosen.includes(row.id));
  const toggle = (id: string) =>
    onChange(chosen.includes(id) ? chosen.filter((c) => c !== id) : [...chosen, id]);
  return (
    <fieldset
      className={cn("min-w-0 rounded-lg border bg-card px-3 pt-1 pb-2", disabled && "opacity-60")}
    >
      <legend className="px-1 text-xs font-medium text-muted-foreground">
        {disabled ? t("{name} (other questions or documents than those chosen)", { name }) : name}
      </legend>
      <ul>
        {shown.map((row) => {
          const index = chosen.indexOf(row.id);
          const full = index < 0 && chosen.length >= MAX_RUNS;
          return (
            <li key={row.id}>
              <label
                className="flex cursor-pointer items-center gap-3 rounded px-1 py-1.5 hover:bg-muted/60 has-disabled:cursor-not-allowed"
                data-evaluation={row.id}
              >
                <input
                  type="checkbox"
                  className="size-4 shrink-0 accent-[var(--primary)]"
                  checked={index >= 0}
                  disabled={disabled || full}
                  onChange={() => toggle(row.id)}
                />
                <span
                  aria-hidden
                  className="size-2.5 shrink-0 rounded-xs"
                  style={{ background: index >= 0 ? getRunColour(index) : "var(--muted)" }}
                />
                <span className="min-w-0 flex-1">
                  <span className="block truncate font-medium">
                    {formatRetriever(t, row.retriever)}
                  </span>
                  <span className="block truncate text-2xs text-muted-foreground">
                    {t("{name} · first {depth} documents · {ago}", {
                      name: row.name,
                      depth: row.depth,
                      ago: formatAgo(t, row.createdAt, now),
                    })}
                  </span>
                </span>
                <span className="shrink-0 text-right font-mono" title={metric}>
                  {formatShare(row.headline)}
                </span>
                <RunStateBadge state={row.state} className="max-sm:hidden" />
              </label>
            </li>
          );
        })}
      </ul>
      {rows.length > shown.length ? (
        <Button variant="ghost" size="sm" onClick={() => setAll(true)}>
          {t("All {count}", { count: rows.length })}
        </Button>
      ) : null}
    </fieldset>
  );
}

function groupRuns(rows: readonly EvaluationRow[]): Map<string, EvaluationRow[]> {
  const groups = new Map<string, EvaluationRow[]>();
  for (const row of rows) {
    const key = `${row.questionSet} · ${row.corpus}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return groups;
}
