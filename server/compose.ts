import type { Logger } from "pino";
import { DATA_DIR } from "@/lib/paths";
import { Alarms } from "./features/alarms/alarms";
import { Artifacts } from "./features/artifacts/artifacts";
import type { ArtifactStore } from "./platform/artifacts/store";
import { Catalogue } from "./features/question-sets/catalogue";
import { QuestionImport } from "./features/question-sets/question-import";
import { Compare } from "./features/compare/compare";
import { Corpora } from "./features/corpora/corpora";
import { Uploads } from "./features/corpora/uploads";
import { Database } from "./platform/db/database";
import { Episodes } from "./features/episodes/episodes";
import { Comparisons } from "./features/leaderboard/comparisons";
import { Leaderboard } from "./features/leaderboard/leaderboard";
import { Statistics } from "./features/leaderboard/statistics";
import { Keys } from "./features/keys/keys";
import { Live } from "./platform/live/live";
import { Logs } from "./features/logs/logs";
import { Metrics } from "./features/metrics/metrics";
import { RetrievalEvaluation } from "./features/retrieval-evaluation/retrieval-evaluation";
import { Launcher } from "./features/runs/launcher";
import { RunReader } from "./features/runs/reader";
import { Reports } from "./features/runs/reports";
import { Runs } from "./features/runs/runs";
import { ExternalRuns } from "./features/runs/external";
import { Scoring } from "./features/scoring/scoring";
import type { Services } from "./trpc/services";
import { Sweeper } from "./platform/maintenance/sweeper";
import { SweepReader } from "./features/sweeps/reader";
import { Sweeps } from "./features/sweeps/sweeps";
import { Tasks } from "./features/tasks/tasks";
import type { Timings } from "./platform/timings";
import { UpstreamExport } from "./features/upstream/export";
import { UpstreamImport } from "./features/upstream/import";
import { workerHandlers } from "./features/workers/handlers";
import { Hub } from "./features/workers/hub";
import { WorkerReader } from "./features/workers/reader";
import { WorkerRegistry } from "./features/workers/registry";
import { Tokens } from "./features/workers/tokens";

export interface ControlPlaneOptions {
  databaseUrl: string;
  store: ArtifactStore;
  timings: Timings;
  maxAttempts?: number;
  /** Largest file that may be uploaded. */
  uploadLimitBytes?: number;
  log: Logger;
  /** Where the secret that opens stored API keys is kept; by default the installation's data folder. */
  dataDir?: string;
}

const DEFAULT_UPLOAD_LIMIT_BYTES = 20 * 1024 ** 3;

/** All rules of the control plane, wired once, without HTTP. */
export interface ControlPlane extends Services {
  database: Database;
  reports: Reports;
  registry: WorkerRegistry;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Wires the rules; `start` connects them to the database and to each other. */
export function compose({
  databaseUrl,
  store,
  timings,
  maxAttempts,
  uploadLimitBytes = DEFAULT_UPLOAD_LIMIT_BYTES,
  log,
  dataDir = DATA_DIR,
}: ControlPlaneOptions): ControlPlane {
  const database = new Database(databaseUrl);
  const live = new Live(database, timings, log);
  const tokens = new Tokens(database);
  const hub = new Hub(database, tokens, live, timings, log);
  const runs = new Runs(database, timings, maxAttempts);
  const launcher = new Launcher(database, runs);
  const metrics = new Metrics(database);
  const alarms = new Alarms(database);
  const episodes = new Episodes(database);
  const sweepReader = new SweepReader(database, metrics);
  const logs = new Logs(database);
  const keys = new Keys(database, dataDir);
  const reports = new Reports(database, metrics, alarms, logs);
  const artifacts = new Artifacts(database, store);
  const catalogue = new Catalogue(database);
  const corpora = new Corpora(database);
  const uploads = new Uploads(database, store, uploadLimitBytes);
  const tasks = new Tasks(database, hub, episodes, launcher, corpora, timings);
  const statistics = new Statistics(database);
  const registry = new WorkerRegistry(database, timings);
  const sweeper = new Sweeper({
    database,
    runs,
    tasks,
    registry,
    artifacts,
    uploads,
    statistics,
    timings,
    log,
  });
  return {
    database,
    live,
    tokens,
    hub,
    runs,
    launcher,
    runReader: new RunReader(database, metrics, alarms, episodes, launcher, sweepReader),
    sweeps: new Sweeps(database, runs, launcher),
    sweepReader,
    metrics,
    alarms,
    episodes,
    logs,
    keys,
    reports,
    artifacts,
    leaderboard: new Leaderboard(database, statistics, new Comparisons(statistics), launcher),
    compare: new Compare(database, statistics, episodes),
    catalogue,
    scoring: new Scoring(database),
    upstreamImport: new UpstreamImport(database, catalogue, new ExternalRuns(database, metrics)),
    upstreamExport: new UpstreamExport(database),
    questionImport: new QuestionImport(database, catalogue),
    corpora,
    uploads,
    retrievalEvaluation: new RetrievalEvaluation(database),
    tasks,
    registry,
    workerReader: new WorkerReader(database, logs),
    async start() {
      await runs.renewLeases();
      await live.start();
      hub.start(
        workerHandlers({
          database,
          registry,
          runs,
          reports,
          artifacts,
          catalogue,
          corpora,
          tasks,
          logs,
          keys,
          timings,
        }),
      );
      sweeper.start();
    },
    async stop() {
      hub.stop();
      await sweeper.stop();
      await live.stop();
      await database.close();
    },
  };
}
