import type { z } from "zod";
import { mlflowRequests } from "@/contracts/formats/mlflow/requests";
import type { Experiments } from "@/server/features/tracking/experiments";
import {
  buildArtifactUri,
  buildExperiment,
  buildRun,
  buildRunInfo,
  cutToPage,
  formatRunId,
  listEntries,
  readExperimentValue,
  readRunValue,
} from "@/server/features/tracking/mlflow-json";
import { selectTrackedRuns, type TrackedRun } from "@/server/features/tracking/queries";
import { readFilter, readOrder } from "@/server/features/tracking/search-filter";
import type { TrackedFiles } from "@/server/features/tracking/tracked-files";
import type { TrackedRollouts } from "@/server/features/tracking/tracked-rollouts";
import type { TrackedRuns } from "@/server/features/tracking/tracked-runs";
import type { Database } from "@/server/platform/db/database";

/** What answers MLflow's clients. */
export interface TrackingServices {
  database: Database;
  experiments: Experiments;
  trackedRuns: TrackedRuns;
  trackedFiles: TrackedFiles;
  trackedRollouts: TrackedRollouts;
}

/** One path of the API: how it is asked, and what answers it. */
export interface MlflowEndpoint {
  method: "GET" | "POST";
  schema: z.ZodType;
  /**
   * @param request what the schema made of it
   * @param command id of the command's run that the client belongs to; null: none
   */
  answer: (request: never, services: TrackingServices, command: string | null) => Promise<object>;
}

const define = <Schema extends z.ZodType>(
  method: MlflowEndpoint["method"],
  schema: Schema,
  answer: (
    request: z.output<Schema>,
    services: TrackingServices,
    command: string | null,
  ) => Promise<object>,
): MlflowEndpoint => ({ method, schema, answer });

const fitsView = (view: string, isDeleted: boolean): boolean =>
  view === "ALL" || (view === "DELETED_ONLY") === isDeleted;

const R = mlflowRequests;

/** What has no answer but that it was done. */
const done = async (work: Promise<unknown>): Promise<object> => {
  await work;
  return {};
};

const EXPERIMENT_ENDPOINTS: Record<string, MlflowEndpoint> = {
  "experiments/create": define(
    "POST",
    R.createExperiment,
    async ({ name, tags }, { experiments }) => ({
      experiment_id: await experiments.create(
        name,
        Object.fromEntries(tags.map(({ key, value }) => [key, value])),
      ),
    }),
  ),
  "experiments/get": define(
    "GET",
    R.experiment,
    async ({ experiment_id: id }, { experiments }) => ({
      experiment: buildExperiment(await experiments.get(id)),
    }),
  ),
  "experiments/get-by-name": define(
    "GET",
    R.experimentByName,
    async ({ experiment_name: name }, { experiments }) => ({
      experiment: buildExperiment(await experiments.getByName(name)),
    }),
  ),
  "experiments/search": define("POST", R.searchExperiments, async (request, { experiments }) => {
    const [fits, order] = [readFilter(request.filter), readOrder(request.order_by)];
    const found = (await experiments.list())
      .filter((one) => fitsView(request.view_type, one.isDeleted))
      .map((one) => ({ one, read: readExperimentValue(one) }))
      .filter(({ read }) => fits(read))
      .sort((a, b) => order(a.read, b.read));
    const { rows, token } = cutToPage(found, request);
    return { experiments: rows.map(({ one }) => buildExperiment(one)), ...token };
  }),
  "experiments/update": define(
    "POST",
    R.updateExperiment,
    ({ experiment_id: id, new_name: name }, { experiments }) =>
      done(experiments.update(id, { name })),
  ),
  "experiments/delete": define("POST", R.experiment, ({ experiment_id: id }, { experiments }) =>
    done(experiments.update(id, { isDeleted: true })),
  ),
  "experiments/restore": define("POST", R.experiment, ({ experiment_id: id }, { experiments }) =>
    done(experiments.update(id, { isDeleted: false })),
  ),
  "experiments/set-experiment-tag": define(
    "POST",
    R.setExperimentTag,
    ({ experiment_id: id, key, value }, { experiments }) =>
      done(experiments.update(id, { tags: { [key]: value } })),
  ),
};

const RUN_ENDPOINTS: Record<string, MlflowEndpoint> = {
  "runs/create": define("POST", R.createRun, async (request, { trackedRuns }, command) => ({
    run: buildRun(await trackedRuns.create(request, command)),
  })),
  "runs/get": define("GET", R.run, async ({ run_id: id }, { trackedRuns }) => ({
    run: buildRun(await trackedRuns.get(id)),
  })),
  "runs/update": define("POST", R.updateRun, async (request, { trackedRuns }) => ({
    run_info: buildRunInfo(await trackedRuns.update(request.run_id, request)),
  })),
  "runs/search": define("POST", R.searchRuns, searchRuns),
  "runs/delete": define("POST", R.run, ({ run_id: id }, { trackedRuns }) =>
    done(trackedRuns.setDeleted(id, true)),
  ),
  "runs/restore": define("POST", R.run, ({ run_id: id }, { trackedRuns }) =>
    done(trackedRuns.setDeleted(id, false)),
  ),
  "runs/log-metric": define("POST", R.logMetric, ({ run_id: id, ...metric }, { trackedRuns }) =>
    done(trackedRuns.report(id, { metrics: [metric] })),
  ),
  "runs/log-parameter": define(
    "POST",
    R.logParameter,
    ({ run_id: id, ...parameter }, { trackedRuns }) =>
      done(trackedRuns.report(id, { params: [parameter] })),
  ),
  "runs/log-batch": define("POST", R.logBatch, ({ run_id: id, ...reported }, { trackedRuns }) =>
    done(trackedRuns.report(id, reported)),
  ),
  "runs/set-tag": define("POST", R.setTag, ({ run_id: id, ...tag }, { trackedRuns }) =>
    done(trackedRuns.report(id, { tags: [tag] })),
  ),
  "runs/delete-tag": define("POST", R.deleteTag, ({ run_id: id, key }, { trackedRuns }) =>
    done(trackedRuns.deleteTag(id, key)),
  ),
  // Which data a run read is kept as tags: names are what there is to show.
  "runs/log-inputs": define("POST", R.logInputs, ({ run_id: id, datasets }, { trackedRuns }) =>
    done(
      trackedRuns.report(id, {
        tags: datasets.map(({ dataset }) => ({
          key: `dataset ${dataset.name}`.slice(0, 250),
          value: dataset.digest,
        })),
      }),
    ),
  ),
};

const READ_ENDPOINTS: Record<string, MlflowEndpoint> = {
  "metrics/get-history": define("GET", R.metricHistory, async (request, { trackedRuns }) => {
    const points = await trackedRuns.readHistory(request.run_id, request.metric_key);
    const { rows, token } = cutToPage(points, {
      max_results: request.max_results ?? points.length,
      page_token: request.page_token,
    });
    return {
      metrics: rows.map(({ name, step, at, value }) => ({ key: name, value, timestamp: at, step })),
      ...token,
    };
  }),
  "metrics/get-history-bulk-interval": define(
    "GET",
    R.metricHistories,
    async (request, services) => {
      const range = { from: request.start_step ?? 0, to: request.end_step ?? 2 ** 31 - 1 };
      const most = Math.max(1, Math.floor(request.max_results / request.run_ids.length));
      const metrics: object[] = [];
      for (const id of request.run_ids) {
        const points = await services.trackedRuns.readHistory(id, request.metric_key, range);
        // Every n-th and the last, as MLflow samples them.
        const nth = Math.ceil(points.length / most);
        for (const [i, { name, step, at, value }] of points.entries())
          if (i % nth === 0 || i === points.length - 1)
            metrics.push({ key: name, value, timestamp: at, step, run_id: formatRunId(id) });
      }
      return { metrics };
    },
  ),
  "artifacts/list": define("GET", R.listArtifacts, async ({ run_id: id, path }, services) => {
    const run = await services.trackedRuns.get(id);
    const files = listEntries(await services.trackedFiles.list(id), path);
    return { root_uri: buildArtifactUri(run), files };
  }),
};

/** Clients of version 3 ask for a run's models before they list its files: none are kept apart from files. */
const MODEL_ENDPOINTS: Record<string, MlflowEndpoint> = {
  "logged-models/search": define("POST", R.anything, () => Promise.resolve({ models: [] })),
};

/** The paths below /api/2.0/mlflow/ that are answered. */
export const MLFLOW_ENDPOINTS: ReadonlyMap<string, MlflowEndpoint> = new Map(
  Object.entries({
    ...EXPERIMENT_ENDPOINTS,
    ...RUN_ENDPOINTS,
    ...READ_ENDPOINTS,
    ...MODEL_ENDPOINTS,
  }),
);

async function searchRuns(
  request: z.output<typeof mlflowRequests.searchRuns>,
  { database }: TrackingServices,
): Promise<object> {
  const [fits, order] = [readFilter(request.filter), readOrder(request.order_by)];
  const { experiment_ids: experimentIds, run_view_type: view } = request;
  const found = (await selectTrackedRuns(database.db, { experimentIds }))
    .filter(({ isDeleted }) => fitsView(view, isDeleted))
    .map((run): { run: TrackedRun; read: ReturnType<typeof readRunValue> } => ({
      run,
      read: readRunValue(run),
    }))
    .filter(({ read }) => fits(read))
    .sort((a, b) => order(a.read, b.read));
  const { rows, token } = cutToPage(found, request);
  return { runs: rows.map(({ run }) => buildRun(run)), ...token };
}
