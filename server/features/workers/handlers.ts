import type { Artifacts } from "@/server/features/artifacts/artifacts";
import type { Catalogue } from "@/server/features/question-sets/catalogue";
import type { Corpora } from "@/server/features/corpora/corpora";
import type { Database } from "@/server/platform/db/database";
import { findAnswers } from "@/server/features/episodes/answers";
import { answeredQuestions, storedAccuracy } from "@/server/features/episodes/answered";
import { findEpisodes, storedEpisodes } from "@/server/features/episodes/stored-episodes";
import { findVerdicts } from "@/server/features/episodes/verdicts";
import { rankedQuestions } from "@/server/features/episodes/ranked";
import { storeAnswers } from "@/server/features/episodes/store";
import type { Keys } from "@/server/features/keys/keys";
import type { Logs } from "@/server/features/logs/logs";
import type { Reports } from "@/server/features/runs/reports";
import type { Runs } from "@/server/features/runs/runs";
import type { Tasks } from "@/server/features/tasks/tasks";
import type { Timings } from "@/server/platform/timings";
import type { WorkerHandlers } from "./hub";
import type { WorkerRegistry } from "./registry";

interface Rules {
  database: Database;
  registry: WorkerRegistry;
  runs: Runs;
  reports: Reports;
  artifacts: Artifacts;
  catalogue: Catalogue;
  corpora: Corpora;
  tasks: Tasks;
  logs: Logs;
  keys: Keys;
  timings: Timings;
}

/** How often the pages hear of heartbeats that change nothing but the use of the machine. */
const ANNOUNCE_MS = 5_000;

/** Joins the worker protocol to the rules: one line a method wherever it can be. */
export function workerHandlers({
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
}: Rules): WorkerHandlers {
  return {
    async attach(tokenId, request) {
      await registry.attach(tokenId, request);
      await runs.takeBackUnknown(request.workerId, request.attempts);
      return {
        workerId: request.workerId,
        heartbeatMs: timings.heartbeatMs,
        leaseMs: timings.leaseMs,
      };
    },
    async detached(workerId) {
      await registry.offline(workerId);
    },
    async heartbeat(peer, request) {
      const what = JSON.stringify([
        request.services.map((s) => [s.key, s.state, s.detail, s.references]),
        request.freeSlots,
      ]);
      const announce =
        what !== peer.announced.what || Date.now() - peer.announced.at >= ANNOUNCE_MS;
      if (announce) peer.announced = { at: Date.now(), what };
      // The leases first: nothing may delay them.
      const answer = await runs.heartbeat(peer.worker.id, request.attempts);
      await registry.heartbeat(peer.worker.id, request, announce);
      return answer;
    },
    lease: async ({ worker }, { freeSlots }) => ({ run: await runs.lease(worker, freeSlots) }),
    async transition({ worker }, { to, reason, ...ref }) {
      await runs.transition(worker, ref, to, reason);
      return {};
    },
    report: ({ worker }, request) => reports.take(worker.id, request),
    async commitArtifact({ worker }, { manifest, ...ref }) {
      await artifacts.commit(worker.id, ref, manifest);
      return {};
    },
    artifact: (_peer, { artifactId }) => artifacts.get(artifactId),
    questions: (_peer, request) => catalogue.questionPage(request),
    findAnswers: async (_peer, { keys }) => ({ answers: await findAnswers(database.db, keys) }),
    async saveAnswers(_peer, { answers }) {
      await database.transact((tx) => storeAnswers(tx.db, answers));
      return {};
    },
    storedAccuracy: (_peer, { runId }) => storedAccuracy(database.db, runId),
    storedEpisodes: (_peer, request) => storedEpisodes(database.db, request),
    findEpisodes: (_peer, request) => findEpisodes(database.db, request),
    findVerdicts: async (_peer, request) => ({
      verdicts: await findVerdicts(database.db, request),
    }),
    answeredQuestions: (_peer, request) => answeredQuestions(database.db, request),
    rankedQuestions: (_peer, request) => rankedQuestions(database.db, request),
    endpointKey: async ({ worker }, request) => ({ key: await keys.forRun(worker.id, request) }),
    async taskProgress({ worker }, request) {
      await tasks.progress(worker.id, request);
      return {};
    },
    async taskResult({ worker }, request) {
      await tasks.finish(worker.id, request);
      return {};
    },
    async corpora({ worker }, { corpora: reports }) {
      worker.corpora = await corpora.take(worker.id, reports);
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
