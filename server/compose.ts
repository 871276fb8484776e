import type { Logger } from "pino";
import { DATA_DIR } from "@/lib/paths.mjs";
import { Alarms } from "./features/alarms/alarms";
import { Artifacts } from "./features/artifacts/artifacts";
import type { ArtifactStore } from "./platform/artifacts/store";
import { QuestionSets } from "./features/question-sets/question-sets";
import { QuestionFileImport } from "./features/question-sets/question-file-import";
import { PredictionComparison } from "./features/compare/prediction-comparison";
import { WorkerCorpora } from "./features/corpora/worker-corpora";
import { StoredCorpora } from "./features/corpora/stored-corpora";
import { Uploads } from "./features/corpora/uploads";
import { Database } from "./platform/db/database";
import { EpisodeReader } from "./features/episodes/episode-reader";
import { PairedComparisons } from "./features/leaderboard/paired-comparisons";
import { Leaderboard } from "./features/leaderboard/leaderboard";
import { LeaderboardResults } from "./features/leaderboard/leaderboard-results";
import { RunStatistics } from "./features/leaderboard/run-statistics";
import { Home } from "./features/home/home";
import { Inspector } from "./features/inspector/inspector";
import { EndpointKeys } from "./features/keys/endpoint-keys";
import { LiveEvents } from "./platform/live/live-events";
import { LearningReader } from "./features/learning/learning-reader";
import { PassRateReader } from "./features/learning/pass-rates";
import { Logs } from "./features/logs/logs";
import { compactMetrics } from "./features/metrics/compact-metrics";
import { Metrics } from "./features/metrics/metrics";
import { Mirrors } from "./features/mirrors/mirrors";
import { Notifications } from "./features/notifications/notifications";
import { RetrievalEvaluation } from "./features/retrieval-evaluation/retrieval-evaluation";
import { Launcher } from "./features/runs/launcher";
import { PoolReconciler } from "./features/pools/pool-reconciler";
import { Pools } from "./features/pools/pools";
import { Placement } from "./features/runs/placement";
import { NewRun } from "./features/runs/new-run";
import { ReferenceCheck } from "./features/runs/reference-check";
import { RunComparison } from "./features/runs/run-comparison";
import { RunOrganiser } from "./features/runs/run-organiser";
import { ReportReader } from "./features/runs/report-reader";
import { RunReader } from "./features/runs/run-reader";
import { ReportIngestion } from "./features/runs/report-ingestion";
import { Runs } from "./features/runs/runs";
import { ExternalRuns } from "./features/runs/external-runs";
import { SavedViews } from "./features/saved-views/saved-views";
import { Search } from "./features/search/search";
import { Scoring } from "./features/scoring/scoring";
import type { Services } from "./trpc/services";
import { MaintenanceLoop, type MaintenanceJob } from "./platform/maintenance/maintenance-loop";
import { SweepReader } from "./features/sweeps/sweep-reader";
import { Sweeps } from "./features/sweeps/sweeps";
import { Tasks } from "./features/tasks/tasks";
import { createSecretReader } from "./features/keys/seal";
import { Experiments } from "./features/tracking/experiments";
import { TrackedFiles } from "./features/tracking/tracked-files";
import { RolloutStore } from "./features/tracking/rollout-store";
import { RunObserver } from "./features/tracking/run-observer";
import { TraceMappings } from "./features/tracking/trace-mappings";
import { TrackedRollouts } from "./features/tracking/tracked-rollouts";
import { TrackedTraces } from "./features/tracking/tracked-traces";
import { TrackedRuns } from "./features/tracking/tracked-runs";
import type { Timings } from "./platform/timings";
import { UpstreamExport } from "./features/upstream/upstream-export";
import { UpstreamImport } from "./features/upstream/upstream-import";
import { createWorkerHandlers } from "./http/worker-handlers";
import { WorkerConnections } from "./features/workers/worker-connections";
import { WorkerReader } from "./features/workers/worker-reader";
import { WorkerRegistry } from "./features/workers/worker-registry";
import { WorkerTokens } from "./features/workers/worker-tokens";

export interface ControlPlaneOptions {
  databaseUrl: string;
  store: ArtifactStore;
  timings: Timings;
  maxAttempts?: number | undefined;
  /** Largest file that may be uploaded. */
  uploadLimitBytes?: number | undefined;
  log: Logger;
  /** Where the secret that opens stored API keys is kept; by default the installation's data folder. */
  dataDir?: string;
  /** Wait after so many failed deliveries to a mirror, in milliseconds. */
  mirrorWait?: ((failures: number) => number) | undefined;
}

const DEFAULT_UPLOAD_LIMIT_BYTES = 20 * 1024 ** 3;

/** All services of the control plane, wired once, without HTTP. */
export interface ControlPlane extends Services {
  database: Database;
  /** Connects the services to the database and to the workers. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Wires the services. Nothing happens before `start`. */
export function compose({
  databaseUrl,
  store,
  timings,
  maxAttempts,
  uploadLimitBytes = DEFAULT_UPLOAD_LIMIT_BYTES,
  log,
  dataDir = DATA_DIR,
  mirrorWait,
}: ControlPlaneOptions): ControlPlane {
  const database = new Database(databaseUrl);
  const liveEvents = new LiveEvents(database, timings, log);
  const workerTokens = new WorkerTokens(database);
  const workerConnections = new WorkerConnections(database, workerTokens, liveEvents, timings, log);
  const workerRegistry = new WorkerRegistry(database, timings);
  const logs = new Logs(database);
  const metrics = new Metrics(database);
  const alarms = new Alarms(database);
  const endpointKeys = new EndpointKeys(database, dataDir);
  const notifications = new Notifications(database, dataDir);
  const mirrors = new Mirrors(database, logs, { dataDir, wait: mirrorWait });
  const readSecret = createSecretReader(dataDir);
  const pools = new Pools(database, readSecret);
  const poolReconciler = new PoolReconciler({
    database,
    workerTokens,
    workerConnections,
    timings,
    log,
    readSecret,
  });
  const artifacts = new Artifacts(database, store);
  const uploads = new Uploads(database, store, uploadLimitBytes);
  const questionSets = new QuestionSets(database);
  const storedCorpora = new StoredCorpora(database);
  const workerCorpora = new WorkerCorpora(database);
  const episodeReader = new EpisodeReader(database);
  const runs = new Runs(database, timings, maxAttempts);
  const placement = new Placement(database);
  const referenceCheck = new ReferenceCheck(database);
  const launcher = new Launcher(database, runs, referenceCheck, placement);
  const reportIngestion = new ReportIngestion(database, metrics, alarms, logs);
  const runOrganiser = new RunOrganiser(database);
  const experiments = new Experiments(database);
  const runObserver = new RunObserver(metrics, alarms);
  const trackedRuns = new TrackedRuns(database, experiments, metrics, logs, runObserver);
  const traceMappings = new TraceMappings(database);
  const rolloutStore = new RolloutStore(trackedRuns, runObserver);
  const trackedTraces = new TrackedTraces(questionSets, trackedRuns, traceMappings, rolloutStore);
  const statistics = new RunStatistics(database);
  const scoring = new Scoring(database);
  const leaderboardResults = new LeaderboardResults(database);
  const tasks = new Tasks({
    database,
    workerConnections,
    episodeReader,
    placement,
    referenceCheck,
    workerCorpora,
    timings,
  });
  const maintenance = new MaintenanceLoop(
    database,
    listMaintenanceJobs(database, timings, {
      runs,
      workerRegistry,
      tasks,
      statistics,
      runOrganiser,
      notifications,
      mirrors,
      liveEvents,
      artifacts,
      uploads,
      logs,
      trackedRuns,
      poolReconciler,
    }),
    timings.maintenanceMs,
    log,
    // No heartbeat could be stored while the database was away.
    () => runs.renewLeases(),
  );
  const runReader = new RunReader(database, metrics, alarms, episodeReader, placement);
  const learningReader = new LearningReader(database, alarms);
  return {
    database,
    liveEvents,
    workerTokens,
    workerConnections,
    workerReader: new WorkerReader(database, logs),
    logs,
    metrics,
    alarms,
    endpointKeys,
    savedViews: new SavedViews(database),
    inspector: new Inspector(database),
    artifacts,
    uploads,
    questionSets,
    questionFileImport: new QuestionFileImport(database, questionSets, storedCorpora),
    storedCorpora,
    workerCorpora,
    episodeReader,
    runs,
    referenceCheck,
    launcher,
    runOrganiser,
    runComparison: new RunComparison(database, metrics),
    runReader,
    learningReader,
    passRates: new PassRateReader(database),
    reportReader: new ReportReader(
      runReader,
      learningReader,
      alarms,
      metrics,
      episodeReader,
      scoring,
    ),
    sweeps: new Sweeps(database, runs, referenceCheck),
    sweepReader: new SweepReader(database, metrics),
    tasks,
    scoring,
    leaderboard: new Leaderboard(
      database,
      statistics,
      leaderboardResults,
      new PairedComparisons(statistics),
      launcher,
      scoring,
    ),
    predictionComparison: new PredictionComparison(database, statistics, episodeReader),
    retrievalEvaluation: new RetrievalEvaluation(database),
    upstreamImport: new UpstreamImport(database, questionSets, new ExternalRuns(database, metrics)),
    upstreamExport: new UpstreamExport(database),
    home: new Home(database, alarms, leaderboardResults),
    search: new Search(database),
    experiments,
    trackedRuns,
    trackedFiles: new TrackedFiles(database, store, trackedRuns),
    traceMappings,
    trackedTraces,
    trackedRollouts: new TrackedRollouts(
      questionSets,
      trackedRuns,
      traceMappings,
      rolloutStore,
      trackedTraces,
    ),
    newRun: new NewRun(database),
    notifications,
    mirrors,
    pools,
    poolReconciler,
    async start() {
      await runs.renewLeases();
      // A store that is away now is tidied by the next start.
      await uploads.removeUnfinished().catch(() => undefined);
      await liveEvents.start();
      workerConnections.start(
        createWorkerHandlers({
          database,
          workerRegistry,
          runs,
          trackedRuns,
          reportIngestion,
          artifacts,
          questionSets,
          workerCorpora,
          tasks,
          logs,
          endpointKeys,
          timings,
        }),
      );
      maintenance.start();
    },
    async stop() {
      workerConnections.stop();
      await maintenance.stop();
      await Promise.all([notifications.stop(), mirrors.stop(), poolReconciler.stop()]);
      await liveEvents.stop();
      await database.close();
    },
  };
}

/** What has to be done without a request, in the order of a round. */
function listMaintenanceJobs(
  database: Database,
  timings: Timings,
  services: Pick<Services, "runs" | "tasks" | "liveEvents" | "artifacts" | "uploads" | "logs"> & {
    workerRegistry: WorkerRegistry;
    statistics: RunStatistics;
    runOrganiser: RunOrganiser;
    notifications: Notifications;
    mirrors: Mirrors;
    trackedRuns: TrackedRuns;
    poolReconciler: PoolReconciler;
  },
): MaintenanceJob[] {
  const { runs, workerRegistry, tasks, statistics, liveEvents, artifacts, uploads, logs } =
    services;
  const { removalMs } = timings;
  return [
    { name: "expired leases", intervalMs: 0, run: () => runs.expireLeases() },
    { name: "silent trainers", intervalMs: 0, run: () => services.trackedRuns.markSilent(timings) },
    {
      name: "ended commands",
      intervalMs: 60_000,
      run: () => services.trackedRuns.closeEndedCommands(),
    },
    { name: "silent workers", intervalMs: 0, run: () => workerRegistry.markSilentOffline() },
    { name: "old usage samples", intervalMs: 0, run: () => workerRegistry.pruneUsage() },
    { name: "overdue tasks", intervalMs: 0, run: () => tasks.endOverdue() },
    { name: "reported metrics", intervalMs: 0, run: () => compactMetrics(database) },
    { name: "notifications", intervalMs: 0, run: () => services.notifications.deliverDue() },
    { name: "mirrors", intervalMs: 0, run: () => services.mirrors.deliverDue() },
    { name: "pools", intervalMs: 0, run: () => services.poolReconciler.reconcileDue() },
    { name: "run statistics", intervalMs: 0, run: () => statistics.refreshEnded() },
    { name: "old events", intervalMs: removalMs, run: () => liveEvents.prune() },
    { name: "abandoned artifacts", intervalMs: removalMs, run: () => artifacts.removeAbandoned() },
    { name: "old log lines", intervalMs: removalMs, run: () => logs.prune(timings) },
    {
      name: "old notifications",
      intervalMs: removalMs,
      run: () => services.notifications.prune(timings),
    },
    { name: "old uploads", intervalMs: removalMs, run: () => uploads.prune(timings) },
    {
      name: "deleted runs",
      intervalMs: removalMs,
      run: () => services.runOrganiser.purge(timings),
    },
  ];
}
