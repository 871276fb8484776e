import { parseRunIds } from "@/contracts/run-config/rl";
import { TERMINAL_STATES } from "@/core/run/transitions";
import type { Artifacts } from "@/server/features/artifacts/artifacts";
import type { QuestionSets } from "@/server/features/question-sets/question-sets";
import type { WorkerCorpora } from "@/server/features/corpora/worker-corpora";
import type { Database, Queries } from "@/server/platform/db/database";
import { storeAnswers } from "@/server/features/episodes/store-answers";
import {
  findAnswers,
  findEpisodes,
  findJudgeScores,
  listAnsweredQuestions,
  listRankedQuestions,
  listStoredBaselines,
  readStoredAccuracy,
  readStoredEpisodes,
} from "@/server/features/episodes/worker-reads";
import type { EndpointKeys } from "@/server/features/keys/endpoint-keys";
import type { Logs } from "@/server/features/logs/logs";
import type { ReportIngestion } from "@/server/features/runs/report-ingestion";
import type { Runs } from "@/server/features/runs/runs";
import type { TrackedRuns } from "@/server/features/tracking/tracked-runs";
import type { Tasks } from "@/server/features/tasks/tasks";
import type { Timings } from "@/server/platform/timings";
import {
  requireHeldWork,
  requireNeeded,
  requireNeededArtifact,
} from "@/server/features/workers/held-work";
import type { AttachedWorker, WorkerHandlers } from "@/server/features/workers/worker-connections";
import type { WorkerRegistry } from "@/server/features/workers/worker-registry";

/** The services that answer workers. */
interface WorkerServices {
  database: Database;
  workerRegistry: WorkerRegistry;
  runs: Runs;
  trackedRuns: TrackedRuns;
  reportIngestion: ReportIngestion;
  artifacts: Artifacts;
  questionSets: QuestionSets;
  workerCorpora: WorkerCorpora;
  tasks: Tasks;
  logs: Logs;
  endpointKeys: EndpointKeys;
  timings: Timings;
}

/** How often the pages are told of heartbeats that change nothing but the use of the machine. */
const ANNOUNCE_MS = 5_000;

/** Answers each method of the worker protocol by a call of a service. */
export function createWorkerHandlers(services: WorkerServices): WorkerHandlers {
  const { database, workerRegistry, runs, reportIngestion, artifacts, questionSets } = services;
  const { workerCorpora, tasks, logs, endpointKeys, timings, trackedRuns } = services;
  const { db } = database;
  return {
    async attach(tokenId, request) {
      await workerRegistry.attach(tokenId, request);
      await runs.reclaimUnknownLeases(request.workerId, request.attempts);
      return {
        workerId: request.workerId,
        heartbeatMs: timings.heartbeatMs,
        leaseMs: timings.leaseMs,
      };
    },
    async detached(workerId) {
      await workerRegistry.markOffline(workerId);
    },
    async heartbeat(attached, request) {
      const content = JSON.stringify([
        request.services.map((s) => [s.key, s.state, s.detail, s.references]),
        request.freeSlots,
      ]);
      const announce =
        content !== attached.announced.content || Date.now() - attached.announced.at >= ANNOUNCE_MS;
      if (announce) attached.announced = { at: Date.now(), content };
      // The leases first: nothing may delay them.
      const answer = await runs.extendLeases(attached.worker.id, request.attempts);
      await workerRegistry.recordHeartbeat(attached.worker.id, request, announce);
      return answer;
    },
    lease: async ({ worker }, { freeSlots }) => ({ run: await runs.lease(worker, freeSlots) }),
    async transition({ worker }, { to, reason, ...ref }) {
      await runs.transition(worker, ref, to, reason);
      if (TERMINAL_STATES.has(to)) await trackedRuns.closeCommand(ref.runId);
      return {};
    },
    report: ({ worker }, request) => reportIngestion.ingest(worker.id, request),
    async commitArtifact({ worker }, { manifest, ...ref }) {
      await artifacts.commit(worker.id, ref, manifest);
      return {};
    },
    async artifact({ tokenId }, { artifactId }) {
      await requireNeededArtifact(services, tokenId, artifactId);
      return artifacts.get(artifactId);
    },
    async questions({ tokenId }, request) {
      await requireNeeded(db, tokenId, `question set "${request.set}"`, request.set);
      return questionSets.readWorkerPage(request);
    },
    async findAnswers({ tokenId }, { keys }) {
      await requireHeldWork(db, tokenId);
      return { answers: await findAnswers(db, keys) };
    },
    async saveAnswers({ tokenId }, { answers }) {
      await requireHeldWork(db, tokenId);
      await database.transact((tx) => storeAnswers(tx.db, answers));
      return {};
    },
    storedAccuracy: readsRun(db, ({ runId }) => readStoredAccuracy(db, runId)),
    storedEpisodes: readsRun(db, (request) => readStoredEpisodes(db, request)),
    async storedBaselines({ tokenId }, request) {
      // The setting names several runs in one text.
      const isNamed = parseRunIds(request.runs).includes(request.runId);
      await requireNeeded(
        db,
        tokenId,
        `run ${request.runId}`,
        isNamed ? request.runs : request.runId,
      );
      return listStoredBaselines(db, request);
    },
    async findEpisodes({ tokenId }, request) {
      await requireHeldWork(db, tokenId);
      return findEpisodes(db, request);
    },
    findVerdicts: readsRun(db, async (request) => ({
      verdicts: await findJudgeScores(db, request),
    })),
    answeredQuestions: readsRun(db, (request) => listAnsweredQuestions(db, request)),
    rankedQuestions: readsRun(db, (request) => listRankedQuestions(db, request)),
    endpointKey: async ({ worker }, request) => ({
      key: await endpointKeys.readForRun(worker.id, request),
    }),
    async taskProgress({ worker }, request) {
      await tasks.recordProgress(worker.id, request);
      return {};
    },
    async taskResult({ worker }, request) {
      await tasks.finish(worker.id, request);
      return {};
    },
    async corpora({ worker }, { corpora: reports }) {
      worker.corpora = await workerCorpora.storeReports(worker.id, reports);
      return {};
    },
    async models({ worker }, request) {
      await workerRegistry.storeModels(worker.id, request);
      worker.models = request.models;
      return {};
    },
    async workerLogs({ worker }, { lines }) {
      await database.transact(async (tx) => {
        await logs.append(tx.db, { workerId: worker.id, run: null }, lines);
        tx.emit({
          kind: "logs",
          runId: null,
          payload: { workerId: worker.id, count: lines.length },
        });
      });
      return {};
    },
  };
}

/** Answers a request about a run's results to a worker that holds that run, or one that names it. */
const readsRun =
  <Q extends { runId: string }, A>(db: Queries, read: (request: Q) => Promise<A>) =>
  async ({ tokenId }: AttachedWorker, request: Q): Promise<A> => {
    await requireNeeded(db, tokenId, `run ${request.runId}`, request.runId);
    return read(request);
  };
