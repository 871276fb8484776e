"use client";
import { zodResolver } from "@hookform/resolvers/zod";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { FormProvider, useForm, useWatch } from "react-hook-form";
import type { z } from "zod";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { convertKind } from "@/app/_lib/config-conversion";
import {
  listActiveSettings,
  listChangedSettings,
  buildDefaultConfig,
  getServed,
  listSettingGroups,
  type Served,
  type SettingGroup,
} from "@/core/run/settings";
import type { PresetRow } from "@/app/_lib/trpc";
import { useGradually } from "@/app/_lib/use-gradually";
import { useQueryParams, useSearchText } from "@/app/_lib/use-params";
import { formatDraftValue, type Draft } from "@/app/_settings/draft";
import { filterSettings, isFiltering, type SettingFilter } from "@/app/_settings/setting-filter";
import { SettingGroupCard } from "@/app/_settings/setting-group-card";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { launchedKindSchema, type LaunchedKind } from "@/contracts/records/run-state";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import { DraftNotice, useKeptDraft } from "./draft-notice";
import { JsonPanel } from "./json-panel";
import { LaunchPanel } from "./launch-panel";
import { PresetPicker } from "./preset-picker";
import { EmptyState } from "@/app/_ui/states";
import { SegmentedControl } from "@/app/_ui/segmented-control";
import { SettingsToolbar } from "./settings-toolbar";
import { SweepCard } from "./sweep-card";
import { createSweepDraft, EMPTY_SWEEP, readSweep } from "./sweep-draft";
import { SweepLaunch } from "./sweep-launch";

const KIND_LABEL: Record<LaunchedKind, string> = {
  train: markText("Train"),
  predict: markText("Predict"),
  index: markText("Index"),
  serve: markText("Serve"),
  evaluate: markText("Evaluate retrieval"),
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
  const kind = launchedKindSchema.catch("train").parse(kindNow);
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
  /** What is changed is kept under this name. */
  draftName: string;
}

/** The form of a run or a sweep, as settings or as JSON, and its launch. What is changed is kept until it is launched or discarded. */
export function NewRunForm({ presets, start, startPreset, origin, draftName }: NewRunFormProps) {
  const [preset, setPreset] = useState(startPreset);
  /** Whether the settings are still those of the origin. */
  const [isOfOrigin, setIsOfOrigin] = useState(true);
  /** What the form was filled from last; its changes are kept under this name. */
  const [begin, setBegin] = useState({ name: draftName, config: start });
  const [view, setView] = useState<"form" | "json">("form");
  const [params, setParams] = useQueryParams();
  const { text, setText, searched } = useSearchText();
  const asSweep = params.get("as") === "sweep";
  const changedOnly = params.get("changed") === "1";
  const [sweep, setSweep] = useState(EMPTY_SWEEP);
  const [sweepPreset, setSweepPreset] = useState<string | null>(null);
  const { form, draft, kind, served, groups, parsed, changed } = useRunForm(start);
  const read = useMemo(() => (asSweep ? readSweep(sweep, draft) : null), [asSweep, sweep, draft]);

  const load = (config: RunConfig) => {
    form.reset(createDraft(config));
    void form.trigger();
  };
  const kept = useKeptDraft({ key: begin.name, begin: begin.config, draft, form });
  const choosePreset = (p: PresetRow) => {
    setPreset(p.id);
    setSweepPreset(null);
    setIsOfOrigin(false);
    setBegin({ name: p.id, config: p.config });
    load(p.config);
    kept.restore(p.id);
    setParams({
      preset: p.id,
      from: null,
      checkpoint: null,
      branch: null,
      state: null,
      step: null,
    });
  };
  // A link to the same page names another preset.
  const wanted = params.get("preset");
  const seen = useRef(wanted);
  useEffect(() => {
    if (wanted === seen.current) return;
    seen.current = wanted;
    const found = presets.find(({ id }) => id === wanted);
    if (found && found.id !== begin.name) choosePreset(found);
  });
  const changeKind = (next: LaunchedKind) => {
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
  const showSetting = (path: string) => {
    setView("form");
    // The field may be among those that are folded away or filtered out.
    setText(path);
    setParams({ q: path, changed: null });
    setTimeout(() => document.getElementById(`setting-${path}`)?.focus(), SHOWN_AFTER_MS);
  };

  return (
    <FormProvider {...form}>
      <div className="mt-4 grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem] lg:gap-6">
        <div className="min-w-0 lg:sticky lg:top-5 lg:order-last">
          {read ? (
            <SweepLaunch sweep={read} preset={sweepPreset ?? preset} onLaunched={kept.discard} />
          ) : (
            <LaunchPanel
              config={parsed.success ? parsed.data : null}
              preset={preset}
              onLaunched={kept.discard}
              onShowSetting={showSetting}
            />
          )}
        </div>
        <div className="min-w-0 max-lg:pb-16">
          {presets.length > 0 ? (
            <PresetPicker presets={presets} chosen={preset} onChoose={choosePreset} />
          ) : null}
          {kept.restoredAt === null ? null : (
            <DraftNotice
              at={kept.restoredAt}
              onDiscard={() => {
                kept.discard();
                load(begin.config);
              }}
            />
          )}
          <div className="mt-3">
            <FormToolbar
              kind={kind}
              served={served}
              asSweep={asSweep}
              view={view}
              note={isOfOrigin ? origin : null}
              onKind={changeKind}
              onServed={changeServed}
              onSweep={(next) => setParams({ as: next ? "sweep" : null })}
              onView={setView}
            />
          </div>
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
                  setIsOfOrigin(false);
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
                setIsOfOrigin(false);
                setView("form");
              }}
            />
          ) : (
            <>
              <SettingsToolbar
                groups={groups}
                text={text}
                onText={setText}
                changedOnly={changedOnly}
                onChangedOnly={(only) => setParams({ changed: only ? "1" : null })}
                changed={changed.length}
              />
              <SettingsForm
                key={`${kind}.${served}`}
                groups={groups}
                filter={{ text: searched, changedOnly }}
              />
            </>
          )}
        </div>
      </div>
    </FormProvider>
  );
}

/** How long the address takes to bring a searched setting into the form. */
const SHOWN_AFTER_MS = 150;

/** Groups that are drawn before all others: about a window of them. */
const FIRST_GROUPS = 2;

type SettingsFormProps = { groups: readonly SettingGroup[]; filter: SettingFilter };

/** The settings in their groups, those that the filter shows. */
function SettingsForm({ groups, filter }: SettingsFormProps) {
  const t = useText();
  const values = useWatch<Draft>();
  const drawn = useGradually(groups, FIRST_GROUPS);
  const found =
    !isFiltering(filter) ||
    groups.some(
      (group) => filterSettings(t, listActiveSettings(group, values), filter, values).length > 0,
    );
  return (
    <form className="space-y-3" onSubmit={(e) => e.preventDefault()} noValidate>
      {drawn.map((group) => (
        <SettingGroupCard key={group.id} group={group} filter={filter} />
      ))}
      {found ? null : (
        <EmptyState title={t("No setting is found")}>
          {filter.changedOnly
            ? t("None of those that match differs from its default.")
            : t("No title, meaning or path of a setting holds these words.")}
        </EmptyState>
      )}
    </form>
  );
}

interface FormToolbarProps {
  kind: LaunchedKind;
  served: Served;
  asSweep: boolean;
  view: "form" | "json";
  /** What the settings come from, in words. */
  note: string | null;
  onKind: (kind: LaunchedKind) => void;
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
  const t = useText();
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <SegmentedControl
        label={t("Kind of run")}
        value={kind}
        options={launchedKindSchema.options}
        text={(k) => t(KIND_LABEL[k])}
        onChange={onKind}
      />
      <SegmentedControl
        label={t("Launch as")}
        value={asSweep ? "sweep" : "run"}
        options={["run", "sweep"] as const}
        text={(as) => (as === "run" ? t("One run") : t("Sweep"))}
        onChange={(as) => onSweep(as === "sweep")}
      />
      {kind === "serve" ? (
        <SegmentedControl
          label={t("What is served")}
          value={served}
          options={["model", "retriever"] as const}
          text={(what) => (what === "model" ? t("A model") : t("A retriever"))}
          onChange={onServed}
        />
      ) : null}
      <SegmentedControl
        label={t("Edit as")}
        value={view}
        options={["form", "json"] as const}
        text={(v) => (v === "form" ? t("Settings") : "JSON")}
        onChange={onView}
      />
      {note ? <p className="text-xs text-muted-foreground">{note}</p> : null}
    </div>
  );
}
