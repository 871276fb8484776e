"use client";
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import { MAX_COLUMNS, type SearchState } from "./playground-address";

interface WorkerSelectProps {
  state: SearchState;
  /** Whether one of the retrievers searches on the worker itself. */
  isLocal: boolean;
  onChange: (worker: string | null) => void;
}

/** Which worker searches: any that can, or one by name. Workers without the corpus are marked. */
export function WorkerSelect({ state, isLocal, onChange }: WorkerSelectProps) {
  const t = useText();
  const trpc = useTRPC();
  const workers = useQuery(trpc.workers.list.queryOptions());
  const online = workers.data?.filter((w) => w.state === "online") ?? [];
  const gone =
    state.worker !== null &&
    workers.data !== undefined &&
    !online.some((w) => w.id === state.worker);
  return (
    <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
      {t("Worker")}
      <Select
        aria-label={t("Worker")}
        className="w-auto max-w-56"
        value={state.worker ?? ""}
        onChange={(e) => onChange(e.target.value || null)}
      >
        <option value="">{t("any that can")}</option>
        {gone ? <option value={state.worker ?? ""}>{t("one that is offline")}</option> : null}
        {online.map((w) => (
          <option key={w.id} value={w.id}>
            {isLocal && !w.capabilities.corpora.includes(state.corpus)
              ? t("{worker} (without {corpus})", { worker: w.name, corpus: state.corpus })
              : w.name}
          </option>
        ))}
      </Select>
    </label>
  );
}

interface AddRetrieverProps {
  isFull: boolean;
  /** Null until they are loaded. */
  presets: readonly { label: string; config: RetrieverConfig }[] | null;
  onAdd: (config: RetrieverConfig) => void;
}

/** Adds a column with one of the ready retrievers. */
export function AddRetriever({ isFull, presets, onAdd }: AddRetrieverProps) {
  const t = useText();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button
          disabled={isFull || presets === null}
          title={isFull ? t("At most {count} side by side", { count: MAX_COLUMNS }) : undefined}
        >
          <Plus /> {t("Add a retriever")}
        </Button>
      </MenuTrigger>
      <MenuContent align="start">
        {presets?.map((preset) => (
          <MenuItem key={preset.label} onSelect={() => onAdd(preset.config)}>
            {t(preset.label)}
          </MenuItem>
        ))}
      </MenuContent>
    </Menu>
  );
}
