import type { RunStatus } from "@/contracts/formats/mlflow/requests";
import type { RunState } from "@/contracts/records/run-state";
import type { Experiment, TrackedFile, TrackedRun } from "./queries";
import type { ReadValue } from "./search-filter";
import { NAME_TAG } from "./reported-tags";

/** Runs and experiments as MLflow's REST API answers them, and as its filters read them. Pure. */

const STATUS_OF: Partial<Record<RunState, RunStatus>> = {
  succeeded: "FINISHED",
  failed: "FAILED",
  cancelled: "KILLED",
};

/** Stalled is a word of ours: for the trainer its run goes on. */
const getStatus = (state: RunState): RunStatus => STATUS_OF[state] ?? "RUNNING";

/** A run's id as MLflow writes ids. */
export const formatRunId = (id: string): string => id.replaceAll("-", "");

const toTexts = (record: Readonly<Record<string, string>>): { key: string; value: string }[] =>
  Object.entries(record).map(([key, value]) => ({ key, value }));

/** Where clients put a run's files: their own path under the tracking server's address. */
export const buildArtifactUri = ({ experimentId, id }: TrackedRun): string =>
  `mlflow-artifacts:/${experimentId}/${formatRunId(id)}/artifacts`;

export function buildRunInfo(run: TrackedRun): Record<string, unknown> {
  const id = formatRunId(run.id);
  const status = getStatus(run.state);
  return {
    run_id: id,
    run_uuid: id,
    run_name: run.tags[NAME_TAG] ?? run.name,
    experiment_id: run.experimentId,
    user_id: run.reportedBy,
    status,
    start_time: run.startTime,
    ...(status !== "RUNNING" && run.endTime !== null && { end_time: run.endTime }),
    artifact_uri: buildArtifactUri(run),
    lifecycle_stage: run.isDeleted ? "deleted" : "active",
  };
}

export const buildRun = (run: TrackedRun): Record<string, unknown> => ({
  info: buildRunInfo(run),
  data: {
    metrics: run.metrics,
    params: toTexts(run.config.parameters),
    tags: toTexts(run.tags),
  },
  inputs: {},
});

export const buildExperiment = (experiment: Experiment): Record<string, unknown> => ({
  experiment_id: experiment.id,
  name: experiment.name,
  artifact_location: `mlflow-artifacts:/${experiment.id}`,
  lifecycle_stage: experiment.isDeleted ? "deleted" : "active",
  creation_time: experiment.createdAt.getTime(),
  last_update_time: experiment.updatedAt.getTime(),
  tags: toTexts(experiment.tags),
});

/** How a filter reads a run. */
export function readRunValue(run: TrackedRun): ReadValue {
  const info = buildRunInfo(run);
  return (of, key) => {
    if (of === "metrics") return run.metrics.find((metric) => metric.key === key)?.value;
    if (of === "params") return run.config.parameters[key];
    if (of === "tags") return run.tags[key];
    const value = info[key] ?? (key === "Created" ? run.startTime : undefined);
    return typeof value === "string" || typeof value === "number" ? value : undefined;
  };
}

/** How a filter reads an experiment. */
export function readExperimentValue(experiment: Experiment): ReadValue {
  const fields = buildExperiment(experiment);
  return (of, key) => {
    if (of === "tags") return experiment.tags[key];
    const value = fields[key];
    return typeof value === "string" || typeof value === "number" ? value : undefined;
  };
}

/** Files and folders right below a path; `base` is what their paths are told without. */
export function listEntries(
  files: readonly TrackedFile[],
  path: string,
  base = "",
): { path: string; is_dir: boolean; file_size?: number }[] {
  const prefix = path === "" ? "" : `${path}/`;
  const entries = new Map<string, { path: string; is_dir: boolean; file_size?: number }>();
  for (const file of files) {
    if (!file.path.startsWith(prefix)) continue;
    const [name, ...below] = file.path.slice(prefix.length).split("/");
    const shown = `${prefix}${name!}`.slice(base.length);
    entries.set(
      shown,
      below.length > 0
        ? { path: shown, is_dir: true }
        : { path: shown, is_dir: false, file_size: file.bytes },
    );
  }
  return [...entries.values()];
}

/** A page of rows: `page_token` is the place of the next one. */
export function cutToPage<Row>(
  rows: readonly Row[],
  {
    max_results: most,
    page_token: token,
  }: { max_results: number; page_token?: string | undefined },
): { rows: Row[]; token: { next_page_token?: string } } {
  const from = Number(token ?? 0) || 0;
  const to = from + most;
  return {
    rows: rows.slice(from, to),
    token: rows.length > to ? { next_page_token: String(to) } : {},
  };
}
