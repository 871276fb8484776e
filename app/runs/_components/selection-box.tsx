"use client";
import { useEffect, useRef } from "react";
import { useText } from "@/app/_i18n/text-provider";
import type { RunRow } from "@/app/_lib/live/trpc";
import type { Selection } from "./use-selection";

const BOX = "size-4 cursor-pointer accent-primary";

/** Chooses a run; with Shift, all between it and the one that was chosen before. */
export function SelectionBox({ run, selection }: { run: RunRow; selection: Selection }) {
  const t = useText();
  return (
    <input
      type="checkbox"
      className={`relative z-10 ${BOX}`}
      aria-label={t("Select {name}", { name: run.name })}
      checked={selection.isChosen(run)}
      onChange={(event) =>
        selection.toggle(run, (event.nativeEvent as MouseEvent).shiftKey === true)
      }
    />
  );
}

/** Chooses all rows that are shown, or none. */
export function SelectionBoxOfAll({ rows, selection }: { rows: RunRow[]; selection: Selection }) {
  const t = useText();
  const chosen = rows.filter(selection.isChosen).length;
  const box = useRef<HTMLInputElement>(null);
  const isPart = chosen > 0 && chosen < rows.length;
  useEffect(() => {
    if (box.current) box.current.indeterminate = isPart;
  }, [isPart]);
  return (
    <input
      ref={box}
      type="checkbox"
      className={BOX}
      aria-label={t("Select all rows shown")}
      checked={rows.length > 0 && chosen === rows.length}
      onChange={selection.toggleAll}
    />
  );
}
