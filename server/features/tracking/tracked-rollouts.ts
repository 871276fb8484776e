import type { MlflowRolloutsRequest } from "@/contracts/formats/mlflow/requests";
import { selectIdsByHash } from "@/server/features/corpora/queries";
import { storeEpisodes } from "@/server/features/episodes/store-episodes";
import type { QuestionSets } from "@/server/features/question-sets/question-sets";
import { QuestionLookup } from "@/server/features/upstream/question-lookup";
import { findQuestion } from "@/server/features/upstream/rollout-records";
import { applyCorpusIds } from "@/server/features/upstream/table-records";
import type { Transaction } from "@/server/platform/db/database";
import { pinQuestionSet, selectEpisodeKeys, selectSampleCounts } from "./queries";
import {
  buildRolloutEpisode,
  buildRolloutKey,
  type BuiltRollout,
  readRolloutLines,
  type ReadLine,
} from "./rollout-episodes";
import type { TrackedRuns } from "./tracked-runs";

/** What became of the lines that were sent. */
export interface StoredRollouts {
  stored: number;
  /** Lines that were stored before. */
  repeated: number;
  /** Lines of the file, from 1, that cannot be used, and why. */
  refused: { line: number; reason: string }[];
}

/** Refused lines that one line of the run's log names. */
const MOST_NAMED = 10;

/** Rollouts that a trainer writes become episodes of its run. */
export class TrackedRollouts {
  constructor(
    private readonly questionSets: QuestionSets,
    private readonly runs: TrackedRuns,
  ) {}

  /**
   * Stores the episodes of a piece of a rollout file, each line once however often it is sent. Lines that cannot be used
   * are answered and stand in the run's log.
   *
   * @throws AppError "not-found" where there is no such run, "invalid-input" where there is no such question set
   */
  async store(request: MlflowRolloutsRequest, text: string): Promise<StoredRollouts> {
    const { run_id: runId, questions, line: first } = request;
    const lookup = new QuestionLookup(await this.questionSets.readAll(questions));
    const lines = readRolloutLines(text, first);
    let answer: StoredRollouts = { stored: 0, repeated: 0, refused: [] };
    await this.runs.change(runId, async (tx) => {
      answer = await this.storeLines(tx, request, lines, lookup);
      if (answer.refused.length > 0)
        await this.runs.tell(tx, runId, describeRefused(request.file, answer.refused), "rollouts");
    });
    return answer;
  }

  private async storeLines(
    tx: Transaction,
    { run_id: runId, file, questions, corpus }: MlflowRolloutsRequest,
    lines: readonly ReadLine[],
    lookup: QuestionLookup,
  ): Promise<StoredRollouts> {
    const refused: StoredRollouts["refused"] = [];
    const fileStep = Number(/(?:^|\/)(\d{1,9})\.jsonl$/.exec(file)?.[1] ?? 0);
    const known = await selectEpisodeKeys(
      tx.db,
      runId,
      lines.map(({ number }) => buildRolloutKey({ runId, file, line: number })),
    );
    const steps = lines.flatMap((line) =>
      "reason" in line ? [] : [line.rollout.step ?? fileStep],
    );
    const samples = await selectSampleCounts(tx.db, runId, [...new Set(steps)]);
    const built: BuiltRollout[] = [];
    const empty: number[] = [];
    let repeated = 0;
    for (const line of lines) {
      const place = { runId, file, line: line.number };
      if ("reason" in line) refused.push({ line: line.number + 1, reason: line.reason });
      else if (known.has(buildRolloutKey(place))) repeated++;
      else {
        const question = findQuestion(line.rollout, lookup);
        if (!question) {
          const reason = `its question is not in the set "${questions}"`;
          refused.push({ line: line.number + 1, reason });
          continue;
        }
        const step = line.rollout.step ?? fileStep;
        const key = `${step} ${question.id}`;
        const sampleIndex = samples.get(key) ?? 0;
        samples.set(key, sampleIndex + 1);
        const one = buildRolloutEpisode(line.rollout, question, {
          ...place,
          fileStep: step,
          sampleIndex,
        });
        built.push(one);
        for (let i = 0; i < one.emptyWindows; i++) empty.push(line.number + 1);
      }
    }
    if (built.length > 0) {
      await pinQuestionSet(tx.db, runId, questions);
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
      const { phase, step } = built[0]!.record;
      tx.emit({ kind: "episodes", runId, payload: { phase, step, count: built.length } });
    }
    if (empty.length > 0) await this.runs.tell(tx, runId, describeEmpty(file, empty), "rollouts");
    return { stored: built.length, repeated, refused };
  }
}

function describeRefused(file: string, refused: StoredRollouts["refused"]): string {
  const named = refused.slice(0, MOST_NAMED).map(({ line, reason }) => `line ${line}: ${reason}`);
  const more = refused.length > MOST_NAMED ? `; and ${refused.length - MOST_NAMED} more` : "";
  return `Rollouts of ${file} that cannot be used: ${named.join("; ")}${more}.`;
}

/** Upstream numbers the documents of a window from 1; a window in another form is kept as the searcher's query alone. */
function describeEmpty(file: string, lines: readonly number[]): string {
  const named = [...new Set(lines)].slice(0, MOST_NAMED).join(", ");
  const count = lines.length === 1 ? "1 window holds" : `${lines.length} windows hold`;
  return `Rollouts of ${file}: ${count} no document that can be read (line ${named}).`;
}
