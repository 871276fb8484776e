import type { Artifacts } from "@/server/artifacts/artifacts";
import type { Catalogue } from "@/server/catalogue/catalogue";
import type { QuestionImport } from "@/server/catalogue/question-import";
import type { Compare } from "@/server/compare/compare";
import type { Corpora } from "@/server/corpora/corpora";
import type { Uploads } from "@/server/corpora/uploads";
import type { Episodes } from "@/server/episodes/episodes";
import type { Leaderboard } from "@/server/leaderboard/leaderboard";
import type { Live } from "@/server/live/live";
import type { Logs } from "@/server/logs/logs";
import type { Metrics } from "@/server/metrics/metrics";
import type { RetrievalEvaluation } from "@/server/retrieval-evaluation/retrieval-evaluation";
import type { Launcher } from "@/server/runs/launcher";
import type { RunReader } from "@/server/runs/reader";
import type { Runs } from "@/server/runs/runs";
import type { Scoring } from "@/server/scoring/scoring";
import type { Tasks } from "@/server/tasks/tasks";
import type { UpstreamExport } from "@/server/upstream/export";
import type { UpstreamImport } from "@/server/upstream/import";
import type { Hub } from "@/server/workers/hub";
import type { WorkerReader } from "@/server/workers/reader";
import type { Tokens } from "@/server/workers/tokens";

/** The rules that procedures call: a class a concern, made once in server/compose.ts. */
export interface Services {
  runs: Runs;
  runReader: RunReader;
  launcher: Launcher;
  metrics: Metrics;
  episodes: Episodes;
  artifacts: Artifacts;
  logs: Logs;
  tasks: Tasks;
  tokens: Tokens;
  hub: Hub;
  workerReader: WorkerReader;
  catalogue: Catalogue;
  questionImport: QuestionImport;
  scoring: Scoring;
  upstreamImport: UpstreamImport;
  upstreamExport: UpstreamExport;
  corpora: Corpora;
  uploads: Uploads;
  retrievalEvaluation: RetrievalEvaluation;
  live: Live;
  leaderboard: Leaderboard;
  compare: Compare;
}
