import type { inferRouterOutputs } from "@trpc/server";
import { createTRPCContext } from "@trpc/tanstack-react-query";
import type { AppRouter } from "@/server/trpc/router";

/** Typed access to the server: `useQuery(useTRPC().runs.list.queryOptions({...}))`. */
export const { TRPCProvider, useTRPC, useTRPCClient } = createTRPCContext<AppRouter>();

type Outputs = inferRouterOutputs<AppRouter>;
export type RunRow = Outputs["runs"]["list"]["rows"][number];
export type RunDetail = Outputs["runs"]["get"];
export type RunCheck = Outputs["runs"]["check"];
export type AlarmRow = Outputs["alarms"]["list"][number];
export type LogEntry = Outputs["runs"]["logs"]["lines"][number];
export type EpisodeRow = Outputs["episodes"]["list"]["rows"][number];
export type EpisodeDetail = Outputs["episodes"]["get"];
export type WorkerRow = Outputs["workers"]["list"][number];
export type CorpusRow = Outputs["corpora"]["list"][number];
export type CorpusDetail = Outputs["corpora"]["get"];
export type PresetRow = Outputs["catalogue"]["presets"][number];
export type TaskDetail = Outputs["tasks"]["get"];
export type RetrieverComparison = Outputs["retrievalEvaluation"]["compare"];
export type EvaluationRow = Outputs["retrievalEvaluation"]["list"][number];
export type RankedQuestion = Outputs["retrievalEvaluation"]["questions"]["rows"][number];
export type Leaderboard = Outputs["leaderboard"]["get"];
export type RunStatistics = Outputs["leaderboard"]["run"][number];
export type LeaderboardCell = NonNullable<Leaderboard["rows"][number]["cells"][number]>;
export type ImportedResults = Outputs["upstream"]["import"];
export type AgreementRow = Outputs["scores"]["agreement"][number];
export type DisagreementRow = Outputs["scores"]["disagreements"]["rows"][number];
export type Compared = Outputs["compare"]["get"];
export type ComparedQuestion = Outputs["compare"]["questions"]["rows"][number];
export type CheckpointAnswer = Outputs["compare"]["checkpoints"][number];
export type SweepRow = Outputs["sweeps"]["list"]["rows"][number];
export type SweepDetail = Outputs["sweeps"]["get"];
export type SweepCurves = Outputs["sweeps"]["series"]["curves"];
