"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { useSearchParams } from "next/navigation";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type PresetRow, type RunDetail } from "@/app/_lib/live/trpc";
import { ErrorState, Skeleton, SkeletonList } from "@/app/_ui/states";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { readStoredDraft } from "./draft-storage";
import { NewRunForm } from "./new-run-form";
import { formRules, type FormRules } from "./rules";

interface Start {
  config: RunConfig;
  preset: string | null;
  /** What the form was filled from, in words. */
  origin: string | null;
  /** The same in any language: what is changed is kept under it. */
  draftName: string;
}

/** Of a run: a branch from its checkpoint, a prediction with it, or a copy. */
function chooseStartOfRun(
  t: Text,
  params: URLSearchParams,
  from: RunDetail,
  { buildBranchConfig, buildPredictConfig }: FormRules,
): Start {
  const checkpoint = params.get("checkpoint");
  const step = Number(params.get("step") ?? 0);
  const values = { step, run: from.name };
  const branch = params.get("branch");
  if (branch) {
    const state = params.get("state") === "weights" ? "weights" : "all";
    return {
      config: buildBranchConfig(from.config, { id: branch, step }, state),
      preset: null,
      origin:
        state === "all"
          ? t("Branch from the checkpoint of step {step} of “{run}”", values)
          : t("Branch from the weights of the checkpoint of step {step} of “{run}”", values),
      draftName: state === "all" ? `branch ${branch}` : `weights ${branch}`,
    };
  }
  if (checkpoint)
    return {
      config: buildPredictConfig(from.config, { id: checkpoint, step }),
      preset: null,
      origin: t("Predict with the checkpoint of step {step} of “{run}”", values),
      draftName: `predict ${checkpoint}`,
    };
  return {
    config: { ...from.config, name: `${from.config.name}, again`.slice(0, 120) },
    preset: from.preset,
    origin: t("A copy of “{run}”", { run: from.name }),
    draftName: `copy ${from.id}`,
  };
}

/**
 * The configuration that the form opens with: a run's (duplicate, or predict with its checkpoint), that of a corpus, a
 * preset's, or the first preset. Null where there is none, or while the rules by which it is made are loaded.
 */
function chooseStart(
  t: Text,
  params: URLSearchParams,
  presets: readonly PresetRow[],
  from: RunDetail | undefined,
  rules: FormRules | null,
): Start | null {
  if (from) return rules && chooseStartOfRun(t, params, from, rules);
  const corpus = params.get("corpus");
  const kind = params.get("kind");
  if (corpus && (kind === "index" || kind === "serve"))
    return (
      rules && {
        config: rules.runConfigSchema.parse({
          kind,
          name: `${kind === "index" ? "Index" : "Serve"} ${corpus}`.slice(0, 120),
          corpus,
        }),
        preset: null,
        origin: t("For the corpus “{corpus}”", { corpus }),
        draftName: `${kind} ${corpus}`,
      }
    );
  const preset = presets.find((p) => p.id === params.get("preset")) ?? presets[0];
  if (!preset) return null;
  const questions = params.get("questions");
  if (questions && preset.config.kind === "evaluate")
    return {
      config: { ...preset.config, name: questions.slice(0, 120), questions },
      preset: null,
      origin: t("For the questions of “{questions}”: choose the corpus that they are about", {
        questions,
      }),
      draftName: `questions ${questions}`,
    };
  return { config: preset.config, preset: preset.id, origin: null, draftName: preset.id };
}

/** The page of a new run; the address says what the form is filled from. */
export function NewRunView() {
  const t = useText();
  const trpc = useTRPC();
  const params = useSearchParams();
  const fromId = params.get("from");
  const presets = useQuery(trpc.catalogue.presets.queryOptions());
  const from = useQuery(trpc.runs.get.queryOptions(fromId ? { id: fromId } : skipToken));
  const error = presets.error ?? from.error;
  const choose = (rules: FormRules | null): Start | null =>
    presets.data && (!fromId || from.data)
      ? chooseStart(t, params, presets.data, from.data, rules)
      : null;
  const ofPreset = choose(null);
  // What was kept is validated before anything is shown: it would take the place of what is typed meanwhile.
  const isKept = ofPreset !== null && readStoredDraft(ofPreset.draftName) !== null;
  const rules = formRules.useModule(fromId !== null || params.has("corpus") || isKept);
  const start = rules ? choose(rules) : isKept ? null : ofPreset;
  return (
    <>
      <h1 className="text-lg font-semibold">{t("New run")}</h1>
      {error ? (
        <ErrorState
          className="mt-4"
          title={
            from.error ? t("The run to copy could not be read") : t("The presets could not be read")
          }
          error={error}
          onRetry={() => {
            void presets.refetch();
            if (fromId) void from.refetch();
          }}
        />
      ) : start && presets.data ? (
        <NewRunForm
          key={`${fromId ?? ""}${params.get("checkpoint") ?? params.get("branch") ?? ""}${params.get("state") ?? ""}${params.get("kind") ?? ""}${params.get("corpus") ?? ""}`}
          presets={params.get("corpus") ? [] : presets.data}
          start={start.config}
          startPreset={start.preset}
          origin={start.origin}
          draftName={start.draftName}
        />
      ) : (
        <div className="mt-4 space-y-3" aria-busy>
          <SkeletonList
            count={5}
            className="h-36"
            list="grid gap-3 sm:grid-cols-2 xl:grid-cols-3"
          />
          <Skeleton className="h-96" />
        </div>
      )}
    </>
  );
}
