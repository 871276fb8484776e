"use client";
import { zodResolver } from "@hookform/resolvers/zod";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { FormProvider, useForm, useWatch } from "react-hook-form";
import type { z } from "zod";
import { convertKind } from "@/app/_lib/config-conversion";
import {
  listChangedSettings,
  buildDefaultConfig,
  getServed,
  listSettingGroups,
  type Served,
} from "@/core/run/settings";
import type { PresetRow } from "@/app/_lib/trpc";
import { formatCount } from "@/app/_lib/format";
import { useQueryParams } from "@/app/_lib/use-params";
import { formatDraftValue, type Draft } from "@/app/_settings/draft";
import { SettingGroupCard } from "@/app/_settings/setting-group-card";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { runKindSchema, type RunKind } from "@/contracts/records/run-state";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import { JsonPanel } from "./json-panel";
import { LaunchPanel } from "./launch-panel";
import { PresetCards } from "./preset-cards";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import { SweepCard } from "./sweep-card";
import { createSweepDraft, EMPTY_SWEEP, readSweep } from "./sweep-draft";
import { SweepLaunch } from "./sweep-launch";

const KIND_LABEL: Record<RunKind, string> = {
  train: "Train",
  predict: "Predict",
  index: "Index",
  serve: "Serve",
  evaluate: "Evaluate retrieval",
};

const createDraft = (config: RunConfig): Draft => structuredClone(config);

/** The schema parses anything; here its input is typed as what the form holds. */
const draftSchema = runConfigSchema as unknown as z.ZodType<RunConfig, Draft>;

/** The form with what is read of its values. */
function useRunForm(start: RunConfig) {
  const form = useForm<Draft, unknown, RunConfig>({
    resolver: zodResolver(draftSchema),
    mode: "onChange",
    defaultValues: createDraft(start),
  });
  const draft = useDeferredValue(useWatch({ control: form.control }));
  // Not deferred: fields of the kind before would write their settings back into the form.
  const [kindNow, what] = useWatch({ control: form.control, name: ["kind", "what"] });
  const kind = runKindSchema.catch("train").parse(kindNow);
  const served = getServed({ what });
  const groups = useMemo(() => listSettingGroups(kind, served), [kind, served]);
  const parsed = useMemo(() => runConfigSchema.safeParse(draft), [draft]);
  const changed = useMemo(() => (parsed.success ? listChangedSettings(parsed.data) : []), [parsed]);

  // Shows the errors of the first values at once, not only after the first key.
  useEffect(() => {
    void form.trigger();
  }, [form]);
  return { form, draft, kind, served, groups, parsed, changed };
}

interface NewRunFormProps {
  /** Empty where the form is about a corpus: no preset is of its kind. */
  presets: PresetRow[];
  start: RunConfig;
  startPreset: string | null;
  origin: string | null;
}

/** The form of a run or a sweep, as settings or as JSON, and its launch. */
export function NewRunForm({ presets, start, startPreset, origin }: NewRunFormProps) {
  const [preset, setPreset] = useState(startPreset);
  const [source, setSource] = useState(origin);
  const [view, setView] = useState<"form" | "json">("form");
  const [params, setParams] = useQueryParams();
  const asSweep = params.get("as") === "sweep";
  const [sweep, setSweep] = useState(EMPTY_SWEEP);
  const [sweepPreset, setSweepPreset] = useState<string | null>(null);
  const { form, draft, kind, served, groups, parsed, changed } = useRunForm(start);
  const read = useMemo(() => (asSweep ? readSweep(sweep, draft) : null), [asSweep, sweep, draft]);

  const load = (config: RunConfig) => {
    form.reset(createDraft(config));
    void form.trigger();
  };
  const changeKind = (next: RunKind) => {
    const current = runConfigSchema.safeParse({
      ...form.getValues(),
      name: form.getValues("name") || "-",
    });
    load(convertKind(current.success ? current.data : start, next));
    setPreset(null);
  };
  const changeServed = (what: Served) => {
    load({ ...buildDefaultConfig("serve", what), name: formatDraftValue(form.getValues("name")) });
    setPreset(null);
  };

  return (
    <FormProvider {...form}>
      {presets.length > 0 ? (
        <PresetCards
          presets={presets}
          chosen={preset}
          onChoose={(p) => {
            setPreset(p.id);
            setSweepPreset(null);
            setSource(null);
            load(p.config);
          }}
        />
      ) : null}
      <div className="mt-6 grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="min-w-0">
          <FormToolbar
            kind={kind}
            served={served}
            asSweep={asSweep}
            view={view}
            note={
              source ??
              `${formatCount(changed.length, "setting")} ${changed.length === 1 ? "differs from its default" : "differ from their defaults"}`
            }
            onKind={changeKind}
            onServed={changeServed}
            onSweep={(next) => setParams({ as: next ? "sweep" : null })}
            onView={setView}
          />
          {asSweep ? (
            <div className="mt-3">
              <SweepCard
                draft={sweep}
                groups={groups}
                onChange={setSweep}
                onPreset={({ id, spec }) => {
                  const ready = sweepSpecSchema.parse(spec);
                  setSweep(createSweepDraft(ready));
                  setSweepPreset(id);
                  setPreset(null);
                  setSource(null);
                  load(runConfigSchema.parse({ ...ready.base, name: ready.name }));
                }}
              />
            </div>
          ) : null}
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
        {read ? (
          <SweepLaunch sweep={read} preset={sweepPreset ?? preset} />
        ) : (
          <LaunchPanel
            config={parsed.success ? parsed.data : null}
            preset={preset}
            onShowForm={() => setView("form")}
          />
        )}
      </div>
    </FormProvider>
  );
}

interface FormToolbarProps {
  kind: RunKind;
  served: Served;
  asSweep: boolean;
  view: "form" | "json";
  /** What the settings come from, or how many differ from their defaults. */
  note: string;
  onKind: (kind: RunKind) => void;
  onServed: (served: Served) => void;
  onSweep: (asSweep: boolean) => void;
  onView: (view: "form" | "json") => void;
}

/** What is launched, and how it is edited. */
function FormToolbar({
  kind,
  served,
  asSweep,
  view,
  note,
  onKind,
  onServed,
  onSweep,
  onView,
}: FormToolbarProps) {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <SegmentedControl
        label="Kind of run"
        value={kind}
        options={runKindSchema.options}
        text={(k) => KIND_LABEL[k]}
        onChange={onKind}
      />
      <SegmentedControl
        label="Launch as"
        value={asSweep ? "sweep" : "run"}
        options={["run", "sweep"] as const}
        text={(as) => (as === "run" ? "One run" : "Sweep")}
        onChange={(as) => onSweep(as === "sweep")}
      />
      {kind === "serve" ? (
        <SegmentedControl
          label="What is served"
          value={served}
          options={["model", "retriever"] as const}
          text={(what) => (what === "model" ? "A model" : "A retriever")}
          onChange={onServed}
        />
      ) : null}
      <SegmentedControl
        label="Edit as"
        value={view}
        options={["form", "json"] as const}
        text={(v) => (v === "form" ? "Settings" : "JSON")}
        onChange={onView}
      />
      <p className="text-xs text-muted-foreground">{note} </p>
    </div>
  );
}
