import type { PresetRow, RunDetail } from "@/app/_lib/live/trpc";
import type { LaunchedKind } from "@/contracts/records/run-state";
import { getServed, type Served } from "@/core/run/setting-groups";

/** The kind of run that the form will open with by the page's address, and what it serves: whose settings are read ahead. */
export function chooseKind(
  params: URLSearchParams,
  presets: readonly Pick<PresetRow, "id" | "config">[],
  from: Pick<RunDetail, "config"> | null,
): { kind: LaunchedKind; served: Served } {
  const isPrediction = from !== null && params.has("checkpoint") && !params.has("branch");
  if (isPrediction) return { kind: "predict", served: "retriever" };
  const kind = params.get("kind");
  if (!from && params.has("corpus") && (kind === "index" || kind === "serve"))
    return { kind, served: "retriever" };
  const config =
    from?.config ?? (presets.find(({ id }) => id === params.get("preset")) ?? presets[0])?.config;
  // The run of another trainer is only observed: there is nothing to launch like it.
  const given = config?.kind ?? "train";
  return { kind: given === "external" ? "train" : given, served: getServed(config ?? {}) };
}
