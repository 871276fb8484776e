import type { TraceFormat } from "@/contracts/formats/traces/mapping";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { cutExample, type Rollout, type Unread } from "@/core/traces/rollout";
import { selectIdsByHash } from "@/server/features/corpora/queries";
import { storeEpisodes } from "@/server/features/episodes/store-episodes";
import type { QuestionLookup } from "@/server/features/upstream/question-lookup";
import { applyCorpusIds } from "@/server/features/upstream/table-records";
import type { Transaction } from "@/server/platform/db/database";
import { pinQuestionSet, selectEpisodeKeys, selectSampleCounts, type TrackedRun } from "./queries";
import { buildRolloutRecord, findRolloutQuestion, type BuiltRollout } from "./rollout-records";
import type { RunObserver } from "./run-observer";
import { applyNaiveAnswers, chooseBaselineRun, upsertIssues } from "./trace-queries";
import type { TrackedRuns } from "./tracked-runs";

/** A rollout as it was sent, or why it cannot be read, with what it is about. */
export interface SentRollout {
  /** Key of its episode. */
  key: string;
  /** Key that its episode would have if an older version had stored it; absent: the same. */
  formerKey?: string;
  /** Line of its file, from 1; null: of a trace. */
  line: number | null;
  rollout: Rollout | Unread;
}

/** Where rollouts come from, and what they answer. */
export interface RolloutSource {
  run: TrackedRun;
  corpus: string;
  questions: string;
  lookup: QuestionLookup;
  format: TraceFormat;
  /** Of the file, or of the traces, for people. */
  name: string;
  /** Step of those that name none. */
  fileStep: number;
  rightFrom: number;
}

interface Refused {
  line: number | null;
  reason: string;
}

/** What became of rollouts. */
export interface StoredSent {
  stored: number;
  repeated: number;
  refused: Refused[];
}

/** Reasons that one line of the run's log names. */
const MOST_NAMED = 10;

/** Stores rollouts as episodes of their run, with what is made of them. */
export class RolloutStore {
  constructor(
    private readonly runs: TrackedRuns,
    private readonly observer: RunObserver,
  ) {}

  /** Stores those that are not stored yet; what is unread is listed and told. Call it under the run's lock. */
  async store(
    tx: Transaction,
    source: RolloutSource,
    sent: readonly SentRollout[],
  ): Promise<StoredSent> {
    const { run, format, name } = source;
    const { built, refused, repeated } = await this.build(tx, source, sent);
    if (built.length > 0) await this.storeBuilt(tx, source, built);
    const unread = [
      ...built.flatMap((one) => one.unread),
      ...refused.map(({ line, reason, example }) => ({
        reason,
        example: line === null ? example : `line ${line}: ${example}`,
      })),
    ];
    await upsertIssues(tx.db, run.id, format, unread);
    if (unread.length > 0)
      await this.runs.tell(tx, run.id, describeUnread(name, unread), "rollouts");
    return {
      stored: built.length,
      repeated,
      refused: refused.map(({ line, reason, example }) => ({
        line,
        reason: `${reason} (${example})`,
      })),
    };
  }

  private async build(
    tx: Transaction,
    source: RolloutSource,
    sent: readonly SentRollout[],
  ): Promise<{ built: BuiltRollout[]; refused: (Refused & Unread)[]; repeated: number }> {
    const { run, lookup, questions, fileStep, rightFrom } = source;
    const known = await selectEpisodeKeys(
      tx.db,
      run.id,
      sent.flatMap(({ key, formerKey }) => (formerKey === undefined ? key : [key, formerKey])),
    );
    const getStep = ({ step }: Rollout): number => step ?? fileStep;
    const steps = sent.flatMap(({ rollout }) => ("reason" in rollout ? [] : getStep(rollout)));
    const samples = await selectSampleCounts(tx.db, run.id, [...new Set(steps)]);
    const built: BuiltRollout[] = [];
    const refused: (Refused & Unread)[] = [];
    let repeated = 0;
    for (const { key, formerKey = key, line, rollout } of sent) {
      if (known.has(key) || known.has(formerKey)) repeated++;
      else if ("reason" in rollout) refused.push({ line, ...rollout });
      else {
        const question = findRolloutQuestion(rollout, lookup);
        if (!question) {
          const example = cutExample(rollout.questions[0] ?? rollout.prompts[0] ?? "no text");
          refused.push({ line, reason: `its question is not in the set "${questions}"`, example });
          continue;
        }
        const step = getStep(rollout);
        const group = `${rollout.phase} ${step} ${question.id}`;
        const sampleIndex = samples.get(group) ?? 0;
        samples.set(group, sampleIndex + 1);
        built.push(buildRolloutRecord(rollout, question, { key, step, sampleIndex, rightFrom }));
      }
    }
    return { built, refused, repeated };
  }

  private async storeBuilt(
    tx: Transaction,
    { run, corpus, questions, lookup }: RolloutSource,
    built: readonly BuiltRollout[],
  ): Promise<void> {
    const { id: runId } = run;
    await pinQuestionSet(tx.db, runId, questions);
    await chooseBaselineRun(tx.db, runId, { questions, corpus });
    const documents = new Map(
      built.flatMap((one) => one.documents).map((document) => [document.hash, document]),
    );
    const ids = await selectIdsByHash(tx.db, corpus, [...documents.keys()]);
    await storeEpisodes(
      tx.db,
      { runId, attempt: 1 },
      {
        kind: "episodes",
        corpus,
        questions,
        documents: [...documents.values()].map((one) => ({
          ...one,
          id: ids.get(one.hash) ?? one.id,
        })),
        records: built.map(({ record }) => applyCorpusIds(record, ids, lookup)),
      },
    );
    await applyNaiveAnswers(tx.db, runId);
    const { phase, step } = built[0]!.record;
    tx.emit({ kind: "episodes", runId, payload: { phase, step, count: built.length } });
    await this.observer.sumUpRollouts(tx, runId, run.config, {
      // No step follows with which late evaluations could be summed up.
      isOver:
        run.kind === "external" &&
        TERMINAL_STATES.has(run.state) &&
        // A training step is summed up once, and more of it may come.
        built.every(({ record }) => record.phase === "held-out"),
      evaluated: built.flatMap(({ record }) => (record.phase === "held-out" ? record.step! : [])),
    });
  }
}

/** Says how often each reason was met. */
function describeUnread(name: string, unread: readonly Unread[]): string {
  const counts = new Map<string, { count: number; example: string }>();
  for (const { reason, example } of unread)
    counts.set(reason, { count: (counts.get(reason)?.count ?? 0) + 1, example });
  const named = [...counts]
    .slice(0, MOST_NAMED)
    .map(([reason, { count, example }]) => `${count} × ${reason} (e.g. ${example})`);
  const more = counts.size > MOST_NAMED ? `; and ${counts.size - MOST_NAMED} more reasons` : "";
  return `Rollouts of ${name}, unread: ${named.join("; ")}${more}.`;
}
