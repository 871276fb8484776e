"use client";
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import type { PlaygroundState } from "@/app/_lib/playground-link";
import { RETRIEVER_PRESETS } from "@/app/_lib/retriever-presets";
import { useTRPC } from "@/app/_lib/trpc";
import { Button } from "@/app/_ui/button";
import { Select } from "@/app/_ui/field";
import { Menu, MenuContent, MenuItem, MenuTrigger } from "@/app/_ui/menu";
import { searchesLocally } from "@/contracts/run-config/retriever";
import { MAX_COLUMNS } from "./playground-address";

type CorpusSelectProps = { corpus: string; onChange: (corpus: string) => void };

/** Every corpus that an online worker or the server knows. */
export function CorpusSelect({ corpus, onChange }: CorpusSelectProps) {
  const t = useText();
  const trpc = useTRPC();
  const corpora = useQuery(trpc.catalogue.corpora.queryOptions());
  const workers = useQuery(trpc.workers.list.queryOptions());
  const names = [
    ...new Set([
      corpus,
      ...(corpora.data?.map((c) => c.name) ?? []),
      ...(workers.data?.flatMap((w) => w.capabilities.corpora) ?? []),
    ]),
  ].sort();
  return (
    <label className="flex items-center gap-1.5 text-xs text-muted-foreground">
      {t("Corpus")}
      <Select
        aria-label={t("Corpus")}
        className="w-auto max-w-48"
        value={corpus}
        onChange={(e) => onChange(e.target.value)}
        options={names}
      />
    </label>
  );
}

type WorkerSelectProps = { state: PlaygroundState; onChange: (worker: string | null) => void };

/** Which worker searches: any that can, or one by name. Workers without the corpus are marked. */
export function WorkerSelect({ state, onChange }: WorkerSelectProps) {
  const t = useText();
  const trpc = useTRPC();
  const workers = useQuery(trpc.workers.list.queryOptions());
  const online = workers.data?.filter((w) => w.state === "online") ?? [];
  const local = state.retrievers.some(searchesLocally);
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
            {local && !w.capabilities.corpora.includes(state.corpus)
              ? t("{worker} (without {corpus})", { worker: w.name, corpus: state.corpus })
              : w.name}
          </option>
        ))}
      </Select>
    </label>
  );
}

interface AddRetrieverProps {
  disabled: boolean;
  onAdd: (config: PlaygroundState["retrievers"][number]) => void;
}

/** Adds a column with one of the ready retrievers. */
export function AddRetriever({ disabled, onAdd }: AddRetrieverProps) {
  const t = useText();
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button
          disabled={disabled}
          title={disabled ? t("At most {count} side by side", { count: MAX_COLUMNS }) : undefined}
        >
          <Plus /> {t("Add a retriever")}
        </Button>
      </MenuTrigger>
      <MenuContent align="start">
        {RETRIEVER_PRESETS.map((preset) => (
          <MenuItem key={preset.label} onSelect={() => onAdd(preset.config)}>
            {t(preset.label)}
          </MenuItem>
        ))}
      </MenuContent>
    </Menu>
  );
}
