"use client";
import { zodResolver } from "@hookform/resolvers/zod";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { FormProvider, useForm, useWatch } from "react-hook-form";
import type { z } from "zod";
import { cn } from "@/app/_lib/cn";
import { changedSettings, convertKind, defaultConfig, servedBy, settingGroups, type Served } from "@/app/_lib/settings";
import type { PresetRow } from "@/app/_lib/trpc";
import type { Draft } from "@/app/_settings/draft";
import { SettingGroupCard } from "@/app/_settings/setting-group-card";
import { Button } from "@/app/_ui/button";
import { runConfig, type RunConfig } from "@/contracts/run-config";
import { runKind, type RunKind } from "@/contracts/run-state";
import { JsonPanel } from "./json-panel";
import { LaunchPanel } from "./launch-panel";
import { PresetCards } from "./preset-cards";

const KIND_LABEL: Record<RunKind, string> = { train: "Train", predict: "Predict", index: "Index", serve: "Serve", evaluate: "Evaluate retrieval" };

const draftOf = (config: RunConfig): Draft => structuredClone(config);

/** The schema parses anything; here its input is typed as what the form holds. */
const draftSchema = runConfig as unknown as z.ZodType<RunConfig, Draft>;

interface NewRunFormProps {
  presets: PresetRow[];
  start: RunConfig;
  startPreset: string | null;
  origin: string | null;
}

export function NewRunForm({ presets, start, startPreset, origin }: NewRunFormProps) {
  const [preset, setPreset] = useState(startPreset);
  const [source, setSource] = useState(origin);
  const [view, setView] = useState<"form" | "json">("form");
  const form = useForm<Draft, unknown, RunConfig>({ resolver: zodResolver(draftSchema), mode: "onChange", defaultValues: draftOf(start) });
  const draft = useDeferredValue(useWatch({ control: form.control }));
  const kind = runKind.catch("train").parse(draft.kind);
  const served = servedBy(draft);
  const groups = useMemo(() => settingGroups(kind, served), [kind, served]);
  const parsed = useMemo(() => runConfig.safeParse(draft), [draft]);
  const changed = useMemo(() => (parsed.success ? changedSettings(parsed.data) : []), [parsed]);

  // Errors of the first values are shown at once, not only after the first key.
  useEffect(() => {
    void form.trigger();
  }, [form]);

  const load = (config: RunConfig) => {
    form.reset(draftOf(config));
    void form.trigger();
  };
  const changeKind = (next: RunKind) => {
    const current = runConfig.safeParse({ ...form.getValues(), name: form.getValues("name") || "-" });
    load(convertKind(current.success ? current.data : start, next));
    setPreset(null);
  };
  const changeServed = (what: Served) => {
    load({ ...defaultConfig("serve", what), name: String(form.getValues("name") ?? "") });
    setPreset(null);
  };

  return (
    <FormProvider {...form}>
      <PresetCards
        presets={presets}
        chosen={preset}
        onChoose={(p) => {
          setPreset(p.id);
          setSource(null);
          load(p.config);
        }}
      />
      <div className="mt-6 grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <Segmented label="Kind of run" value={kind} options={runKind.options} text={(k) => KIND_LABEL[k]} onChange={changeKind} />
            {kind === "serve" ? <Segmented label="What is served" value={served} options={["model", "retriever"] as const} text={(what) => (what === "model" ? "A model" : "A retriever")} onChange={changeServed} /> : null}
            <Segmented label="Edit as" value={view} options={["form", "json"] as const} text={(v) => (v === "form" ? "Settings" : "JSON")} onChange={setView} />
            <p className="text-xs text-muted-foreground">{source ?? (changed.length === 1 ? "1 setting differs from its default" : `${changed.length} settings differ from their defaults`)}</p>
          </div>
          {view === "json" ? (
            <JsonPanel
              draft={form.getValues()}
              onApply={(config) => {
                load(config);
                setPreset(null);
                setSource(null);
                setView("form");
              }}
            />
          ) : (
            <form className="mt-3 space-y-3" onSubmit={(e) => e.preventDefault()} noValidate>
              {groups.map((group) => (
                <SettingGroupCard key={`${kind}.${served}.${group.id}`} group={group} />
              ))}
            </form>
          )}
        </div>
        <LaunchPanel config={parsed.success ? parsed.data : null} preset={preset} onShowForm={() => setView("form")} />
      </div>
    </FormProvider>
  );
}

function Segmented<T extends string>({ label, value, options, text, onChange }: { label: string; value: T; options: readonly T[]; text: (value: T) => string; onChange: (value: T) => void }) {
  return (
    <div role="group" aria-label={label} className="flex rounded-md border border-input bg-card p-0.5">
      {options.map((option) => (
        <Button key={option} variant="ghost" size="sm" aria-pressed={option === value} className={cn("h-6.5", option === value && "bg-muted text-foreground")} onClick={() => option !== value && onChange(option)}>
          {text(option)}
        </Button>
      ))}
    </div>
  );
}
