import type { z } from "zod";
import { markText } from "@/app/_i18n/format-text";
import type { EpisodeMeasure } from "@/contracts/api/episodes";
import type { PassState } from "@/contracts/api/pass-rates";
import type { attemptOutcomeSchema } from "@/contracts/api/runs";
import type { TaskKind } from "@/contracts/api/tasks";
import type { workerRowSchema } from "@/contracts/api/workers";
import type { Attribution, EpisodePhase, FormatError } from "@/contracts/records/episode";
import type { RunKind, RunState } from "@/contracts/records/run-state";
import type { ServiceReport } from "@/contracts/worker-protocol/attach";
import type { PreflightItem, Progress } from "@/contracts/worker-protocol/reports";

/** Words for the states, kinds and phases of records: formatWords writes them in the page's language. */

const RUN_STATES: Record<RunState, string> = {
  queued: markText("queued"),
  leased: markText("leased"),
  preparing: markText("preparing"),
  running: markText("running"),
  stalled: markText("stalled"),
  pausing: markText("pausing"),
  paused: markText("paused"),
  cancelling: markText("cancelling"),
  succeeded: markText("succeeded"),
  failed: markText("failed"),
  cancelled: markText("cancelled"),
};

const RUN_KINDS: Record<RunKind, string> = {
  train: markText("train"),
  predict: markText("predict"),
  index: markText("index"),
  serve: markText("serve"),
  evaluate: markText("evaluate"),
  command: markText("command"),
  external: markText("external"),
};

const PROGRESS_PHASES: Record<Progress["phase"], string> = {
  preparing: markText("preparing"),
  baseline: markText("baseline"),
  "cold-start": markText("cold start"),
  training: markText("training"),
  evaluating: markText("evaluating"),
  checkpointing: markText("checkpointing"),
  predicting: markText("predicting"),
  importing: markText("importing"),
  indexing: markText("indexing"),
  serving: markText("serving"),
};

type Outcome = z.infer<typeof attemptOutcomeSchema>;
const ATTEMPT_OUTCOMES: Record<Exclude<Outcome, RunState>, string> = { lost: markText("lost") };

const EPISODE_PHASES: Record<EpisodePhase, string> = {
  train: markText("train"),
  "held-out": markText("held out"),
  predict: markText("predict"),
};

const ATTRIBUTIONS: Record<Attribution, string> = {
  correct: markText("correct"),
  "never-retrieved": markText("never retrieved"),
  "not-selected": markText("not selected"),
  "generator-failed": markText("generator failed"),
  "no-gold": markText("no gold"),
};

const FORMAT_ERRORS: Record<FormatError, string> = {
  "no-selection": markText("no selection"),
  "malformed-selection": markText("malformed selection"),
  "id-out-of-range": markText("id out of range"),
  "too-many-selected": markText("too many selected"),
  "no-stop-decision": markText("no stop decision"),
  "malformed-query": markText("malformed query"),
  "empty-query": markText("empty query"),
  "several-queries": markText("several queries"),
  "invented-documents": markText("invented documents"),
  truncated: markText("truncated"),
  "invalid-action": markText("invalid action"),
  "no-answer": markText("no answer"),
};

const EPISODE_MEASURES: Record<EpisodeMeasure, string> = {
  step: markText("step"),
  reward: markText("reward"),
  advantage: markText("advantage"),
  score: markText("score"),
  searches: markText("searches"),
  documents: markText("documents"),
  tokens: markText("tokens"),
};

const PASS_STATES: Record<PassState, string> = {
  forgotten: markText("forgotten"),
  dead: markText("dead"),
  learning: markText("learning"),
  mastered: markText("mastered"),
  "seen-once": markText("seen once"),
};

const WORKER_STATES: Record<z.infer<typeof workerRowSchema>["state"], string> = {
  online: markText("online"),
  offline: markText("offline"),
};

const SERVICE_STATES: Record<ServiceReport["state"], string> = {
  starting: markText("starting"),
  ready: markText("ready"),
  failed: markText("failed"),
  stopped: markText("stopped"),
};

const PREFLIGHT_STATES: Record<PreflightItem["state"], string> = {
  waiting: markText("waiting"),
  running: markText("running"),
  ready: markText("ready"),
  failed: markText("failed"),
};

const TASK_KINDS: Record<TaskKind, string> = {
  query: markText("query"),
  documents: markText("documents"),
  "dry-run": markText("dry-run"),
  "index-plan": markText("index-plan"),
  "corpus-preview": markText("corpus-preview"),
  "remove-corpus": markText("remove-corpus"),
  "turn-gains": markText("turn-gains"),
  play: markText("play"),
};

/** By what records hold. The same key has the same word in every table. */
export const WORDS: Readonly<Record<string, string>> = {
  ...RUN_STATES,
  ...RUN_KINDS,
  ...PROGRESS_PHASES,
  ...ATTEMPT_OUTCOMES,
  ...EPISODE_PHASES,
  ...ATTRIBUTIONS,
  ...FORMAT_ERRORS,
  ...EPISODE_MEASURES,
  ...PASS_STATES,
  ...WORKER_STATES,
  ...SERVICE_STATES,
  ...PREFLIGHT_STATES,
  ...TASK_KINDS,
};
