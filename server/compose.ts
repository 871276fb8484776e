import type { Logger } from "pino";
import { DATA_DIR } from "@/contracts/paths";
import { Alarms } from "@/server/alarms/alarms";
import { Artifacts } from "@/server/artifacts/artifacts";
import type { ArtifactStore } from "@/server/artifacts/store";
import { Catalogue } from "@/server/catalogue/catalogue";
import { QuestionImport } from "@/server/catalogue/question-import";
import { Compare } from "@/server/compare/compare";
import { Corpora } from "@/server/corpora/corpora";
import { Uploads } from "@/server/corpora/uploads";
import { Database } from "@/server/db/database";
import { Episodes } from "@/server/episodes/episodes";
import { Comparisons } from "@/server/leaderboard/comparisons";
import { Leaderboard } from "@/server/leaderboard/leaderboard";
import { Statistics } from "@/server/leaderboard/statistics";
import { Keys } from "@/server/keys/keys";
import { Live } from "@/server/live/live";
import { Logs } from "@/server/logs/logs";
import { Metrics } from "@/server/metrics/metrics";
import { RetrievalEvaluation } from "@/server/retrieval-evaluation/retrieval-evaluation";
import { Launcher } from "@/server/runs/launcher";
import { RunReader } from "@/server/runs/reader";
import { Reports } from "@/server/runs/reports";
import { Runs } from "@/server/runs/runs";
import { ExternalRuns } from "@/server/runs/external";
import { Scoring } from "@/server/scoring/scoring";
import type { Services } from "@/server/services";
import { Sweeper } from "@/server/sweeper";
import { SweepReader } from "@/server/sweeps/reader";
import { Sweeps } from "@/server/sweeps/sweeps";
import { Tasks } from "@/server/tasks/tasks";
import type { Timings } from "@/server/timings";
import { UpstreamExport } from "@/server/upstream/export";
import { UpstreamImport } from "@/server/upstream/import";
import { workerHandlers } from "@/server/workers/handlers";
import { Hub } from "@/server/workers/hub";
import { WorkerReader } from "@/server/workers/reader";
import { WorkerRegistry } from "@/server/workers/registry";
import { Tokens } from "@/server/workers/tokens";

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
