"use client";
import { useEffect, useMemo, useRef, useState } from "react";
import { FormProvider } from "react-hook-form";
import { useText } from "@/app/_i18n/text-provider";
import type { PresetRow } from "@/app/_lib/live/trpc";
import { useQueryParams, useSearchText } from "@/app/_lib/hooks/use-params";
import { formatDraftValue } from "@/app/_settings/draft";
import { defer } from "@/app/_ui/deferred";
import { deferPart } from "@/app/_ui/optional-part";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import type { LaunchedKind } from "@/contracts/records/run-state";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { SettingGroup } from "@/contracts/run-config/setting-group";
import type { SweepPreset } from "@/core/presets/sweep-presets";
import type { Served } from "@/core/run/setting-groups";
import { DraftNotice, useKeptDraft } from "./draft-notice";
import { EMPTY_SWEEP } from "./empty-sweep";
import { FormToolbar } from "./form-toolbar";
import { LaunchPanel } from "./launch-panel";
import { PresetPicker } from "./preset-picker";
import { formRules } from "./rules";
import { SettingsForm } from "./settings-form";
import { SettingsToolbar } from "./settings-toolbar";
import { createDraft, useRunForm } from "./use-run-form";

const SettingsLoading = () => <Skeleton className="mt-3 h-96" />;
const JsonPanel = deferPart(() => import("./json-panel").then((m) => m.JsonPanel), SettingsLoading);
const sweepModule = defer(() => import("./sweep-parts"));

interface NewRunFormProps {
  /** Empty where the form is about a corpus: no preset is of its kind. */
  presets: PresetRow[];
  start: RunConfig;
  startPreset: string | null;
  origin: string | null;
  /** What is changed is kept under this name. */
  draftName: string;
}

/** The form of a run or a sweep, as settings or as JSON, and its launch. What is changed is kept until it is launched or discarded. */
export function NewRunForm({ presets, ...given }: NewRunFormProps) {
  const run = useNewRun(given);
  // A link to the same page names another preset.
  const wanted = run.params.get("preset");
  const seen = useRef(wanted);
  useEffect(() => {
    if (wanted === seen.current) return;
    seen.current = wanted;
    const found = presets.find(({ id }) => id === wanted);
    if (found && found.id !== run.begin.name) run.choosePreset(found);
  });
  return (
    <FormProvider {...run.form}>
      <div className="mt-4 grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem] lg:gap-6">
        <div className="order-last min-w-0 max-lg:pb-16 lg:sticky lg:top-5">
          <Launch run={run} />
        </div>
        <div className="min-w-0">
          {presets.length > 0 ? (
            <PresetPicker presets={presets} chosen={run.preset} onChoose={run.choosePreset} />
          ) : null}
          {run.kept.restoredAt === null ? null : (
            <DraftNotice at={run.kept.restoredAt} onDiscard={run.discard} />
          )}
          <FormToolbar
            kind={run.kind}
            served={run.served}
            asSweep={run.asSweep}
            view={run.view}
            note={run.isOfOrigin ? given.origin : null}
            onKind={run.changeKind}
            onServed={run.changeServed}
            onSweep={(next) => run.setParams({ as: next ? "sweep" : null })}
            onView={run.setView}
          />
          {run.settings.isError ? (
            <SettingsError query={run.settings} />
          ) : run.settings.data ? (
            <Edited run={run} groups={run.settings.data} />
          ) : (
            <SettingsLoading />
          )}
        </div>
      </div>
    </FormProvider>
  );
}

type NewRun = ReturnType<typeof useNewRun>;

/** What the form holds and what changes it as a whole. */
function useNewRun({ start, startPreset, draftName }: Omit<NewRunFormProps, "presets">) {
  const [preset, setPreset] = useState(startPreset);
  /** Whether the settings are still those of the origin. */
  const [isOfOrigin, setIsOfOrigin] = useState(true);
  /** What the form was filled from last; its changes are kept under this name. */
  const [begin, setBegin] = useState({ name: draftName, config: start });
  const [params, setParams] = useQueryParams();
  const view: "form" | "json" = params.get("view") === "json" ? "json" : "form";
  const setView = (next: "form" | "json"): void =>
    setParams({ view: next === "json" ? next : null });
  const search = useSearchText();
  const asSweep = params.get("as") === "sweep";
  const sweep = useSweep(asSweep);
  const run = useRunForm(start);
  const { form, draft, rules } = run;
  const kept = useKeptDraft({ key: begin.name, begin: begin.config, draft, form, rules });

  const load = (config: RunConfig): void => {
    form.reset(createDraft(config));
    void form.trigger();
  };
  /** Fills the form with what is no preset's. */
  const replace = (config: RunConfig): void => {
    load(config);
    setPreset(null);
  };
  return {
    ...run,
    ...sweep,
    ...{ preset, isOfOrigin, begin, view, setView, params, setParams, search, asSweep, kept },
    discard: () => {
      kept.discard();
      load(begin.config);
    },
    choosePreset: (p: PresetRow) => {
      setPreset(p.id);
      sweep.setSweepPreset(null);
      setIsOfOrigin(false);
      setBegin({ name: p.id, config: p.config });
      load(p.config);
      kept.restore(p.id);
      setParams({ preset: p.id, ...NO_ORIGIN });
    },
    changeKind: (next: LaunchedKind): void =>
      void formRules.load().then(({ convertKind, runConfigSchema }) => {
        const name = form.getValues("name") || "-";
        const current = runConfigSchema.safeParse({ ...form.getValues(), name });
        replace(convertKind(current.success ? current.data : start, next));
      }),
    changeServed: (what: Served): void =>
      void formRules.load().then(({ buildDefaultConfig }) => {
        const name = formatDraftValue(form.getValues("name"));
        replace({ ...buildDefaultConfig("serve", what), name });
      }),
    /** A configuration that was written as text, or is the base of a ready sweep. */
    open: (config: RunConfig) => {
      replace(config);
      setIsOfOrigin(false);
    },
  };
}

/** The address without what a run is copied or branched from. */
const NO_ORIGIN = { from: null, checkpoint: null, branch: null, state: null, step: null };

/** The sweep that is typed; its parts are null while they are loaded, or none is wanted. */
function useSweep(wanted: boolean) {
  const [sweep, setSweep] = useState(EMPTY_SWEEP);
  const [sweepPreset, setSweepPreset] = useState<string | null>(null);
  const sweepParts = sweepModule.useModule(wanted);
  const parts = wanted ? sweepParts : null;
  return { sweep, setSweep, sweepPreset, setSweepPreset, sweepParts: parts };
}

/** How long the address takes to bring a searched setting into the form, and how long it may take on a busy machine. */
const SHOWN_AFTER_MS = 150;
const SHOWN_WITHIN_MS = 3_000;

/** Puts the focus into a setting's field once it is drawn. */
function focusSetting(path: string, waitedMs = 0): void {
  setTimeout(() => {
    const field = document.getElementById(`setting-${path}`);
    if (field) field.focus();
    else if (waitedMs < SHOWN_WITHIN_MS) focusSetting(path, waitedMs + SHOWN_AFTER_MS);
  }, SHOWN_AFTER_MS);
}

/** What is launched: the run, or the sweep. */
function Launch({ run }: { run: NewRun }) {
  const { kept, sweepParts, preset } = run;
  const showSetting = (path: string) => {
    run.setView("form");
    // The field may be among those that are folded away or filtered out.
    run.search.setText(path);
    run.setParams({ q: path, changed: null });
    focusSetting(path);
  };
  if (sweepParts) return <LaunchOfSweep run={run} parts={sweepParts} />;
  if (run.asSweep) return <SettingsLoading />;
  return (
    <LaunchPanel
      config={run.config}
      rules={run.rules}
      preset={preset}
      onLaunched={kept.discard}
      onShowSetting={showSetting}
    />
  );
}

type OfSweepProps = { run: NewRun; parts: NonNullable<NewRun["sweepParts"]> };

function LaunchOfSweep({ run: { sweep, draft, kept, preset, sweepPreset }, parts }: OfSweepProps) {
  const read = useMemo(() => parts.readSweep(sweep, draft), [parts, sweep, draft]);
  return (
    <parts.SweepLaunch sweep={read} preset={sweepPreset ?? preset} onLaunched={kept.discard} />
  );
}

/** The settings, as form or as JSON, below what a sweep varies of them. */
function Edited({ run, groups }: { run: NewRun; groups: SettingGroup[] }) {
  const { sweepParts, params, search } = run;
  const changedOnly = params.get("changed") === "1";
  const openPreset = (parts: NonNullable<typeof sweepParts>, preset: SweepPreset) => {
    const { sweep, config } = parts.openSweepPreset(preset);
    run.setSweep(sweep);
    run.setSweepPreset(preset.id);
    run.open(config);
  };
  return (
    <>
      {sweepParts ? (
        <div className="mt-3">
          <sweepParts.SweepCard
            draft={run.sweep}
            groups={groups}
            onChange={run.setSweep}
            onPreset={(preset) => openPreset(sweepParts, preset)}
          />
        </div>
      ) : null}
      {run.view === "json" ? (
        <JsonPanel
          draft={run.form.getValues()}
          onApply={(config) => {
            run.open(config);
            run.setView("form");
          }}
        />
      ) : (
        <>
          <SettingsToolbar
            groups={groups}
            text={search.text}
            onText={search.setText}
            changedOnly={changedOnly}
            onChangedOnly={(only) => run.setParams({ changed: only ? "1" : null })}
            changed={run.changed}
          />
          <SettingsForm
            key={`${run.kind}.${run.served}`}
            groups={groups}
            filter={{ text: search.searched, changedOnly }}
          />
        </>
      )}
    </>
  );
}

function SettingsError({ query }: { query: NewRun["settings"] }) {
  const t = useText();
  return (
    <QueryErrorState className="mt-3" title={t("The settings could not be read")} query={query} />
  );
}
