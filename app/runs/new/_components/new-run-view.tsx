"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { useSearchParams } from "next/navigation";
import { buildBranchConfig, buildPredictConfig } from "@/app/_lib/config-conversion";
import { useTRPC, type PresetRow, type RunDetail } from "@/app/_lib/trpc";
import { ErrorState, Skeleton, SkeletonList } from "@/app/_ui/states";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { runKindSchema } from "@/contracts/records/run-state";
import { NewRunForm } from "./new-run-form";

interface Start {
  config: RunConfig;
  preset: string | null;
  /** What the form was filled from, in words. */
  origin: string | null;
}

/**
 * The configuration that the form opens with: a run's (duplicate, or predict with its checkpoint), that of a corpus, a
 * preset's, or the first preset.
 */
function chooseStart(
  params: URLSearchParams,
  presets: readonly PresetRow[],
  from: RunDetail | undefined,
): Start | null {
  if (from) {
    const checkpoint = params.get("checkpoint");
    const step = Number(params.get("step") ?? 0);
    const branch = params.get("branch");
    if (branch)
      return {
        config: buildBranchConfig(from.config, { id: branch, step }),
        preset: null,
        origin: `Branch from the checkpoint of step ${step} of “${from.name}”`,
      };
    if (checkpoint)
      return {
        config: buildPredictConfig(from.config, { id: checkpoint, step }),
        preset: null,
        origin: `Predict with the checkpoint of step ${step} of “${from.name}”`,
      };
    return {
      config: { ...from.config, name: `${from.config.name}, again`.slice(0, 120) },
      preset: from.preset,
      origin: `A copy of “${from.name}”`,
    };
  }
  const corpus = params.get("corpus");
  const kind = runKindSchema.safeParse(params.get("kind")).data;
  if (corpus && (kind === "index" || kind === "serve"))
    return {
      config: runConfigSchema.parse({
        kind,
        name: `${kind === "index" ? "Index" : "Serve"} ${corpus}`.slice(0, 120),
        corpus,
      }),
      preset: null,
      origin: `For the corpus “${corpus}”`,
    };
  const preset = presets.find((p) => p.id === params.get("preset")) ?? presets[0];
  if (!preset) return null;
  const questions = params.get("questions");
  if (questions && preset.config.kind === "evaluate")
    return {
      config: { ...preset.config, name: questions.slice(0, 120), questions },
      preset: null,
      origin: `For the questions of “${questions}”: choose the corpus that they are about`,
    };
  return { config: preset.config, preset: preset.id, origin: null };
}

/** The page of a new run; the address says what the form is filled from. */
export function NewRunView() {
  const trpc = useTRPC();
  const params = useSearchParams();
  const fromId = params.get("from");
  const presets = useQuery(trpc.catalogue.presets.queryOptions());
  const from = useQuery(trpc.runs.get.queryOptions(fromId ? { id: fromId } : skipToken));
  const error = presets.error ?? from.error;
  const start =
    presets.data && (!fromId || from.data) ? chooseStart(params, presets.data, from.data) : null;
  return (
    <>
      <h1 className="text-lg font-semibold">New run</h1>
      {error ? (
        <ErrorState
          className="mt-4"
          title={from.error ? "The run to copy could not be read" : "The presets could not be read"}
          error={error}
          onRetry={() => {
            void presets.refetch();
            if (fromId) void from.refetch();
          }}
        />
      ) : start && presets.data ? (
        <NewRunForm
          key={`${fromId ?? ""}${params.get("checkpoint") ?? params.get("branch") ?? ""}${params.get("kind") ?? ""}${params.get("corpus") ?? ""}`}
          presets={params.get("corpus") ? [] : presets.data}
          start={start.config}
          startPreset={start.preset}
          origin={start.origin}
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
