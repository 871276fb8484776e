import type { MlflowRolloutsRequest } from "@/contracts/formats/mlflow/requests";
import { AppError } from "@/contracts/errors";
import { readVerifiersRollouts } from "@/core/traces/read-verifiers";
import { readVerlRollout } from "@/core/traces/read-verl";
import { cutExample, type Rollout } from "@/core/traces/rollout";
import { parseRolloutJson } from "@/core/upstream/parse-file";
import { hashText } from "@/lib/hash";
import type { QuestionSets } from "@/server/features/question-sets/question-sets";
import { QuestionLookup } from "@/server/features/upstream/question-lookup";
import {
  buildPlaceKey,
  buildRolloutKey,
  type ReadLine,
  type StoredRollouts,
} from "./rollout-records";
import type { RolloutStore, SentRollout } from "./rollout-store";
import type { TraceMappings } from "./trace-mappings";
import type { TrackedRuns } from "./tracked-runs";
import type { TrackedTraces } from "./tracked-traces";

/** Rollouts that a trainer writes become episodes of its run. */
export class TrackedRollouts {
  constructor(
    private readonly questionSets: QuestionSets,
    private readonly runs: TrackedRuns,
    private readonly mappings: TraceMappings,
    private readonly store: RolloutStore,
    private readonly traces: TrackedTraces,
  ) {}

  /**
   * Stores the episodes of a piece of a rollout file, each line once however often it is sent; one that was written anew
   * since is another. What cannot be used is answered, listed and stands in the run's log.
   *
   * @throws AppError "not-found" where there is no such run, "invalid-input" where there is no such question set
   */
  async storeLines(request: MlflowRolloutsRequest, text: string): Promise<StoredRollouts> {
    const { run_id: runId, file, questions, corpus, format, phase } = request;
    const lines = readLines(text, request.line);
    if (format === "otlp")
      return this.traces.storeLines(lines, { runId, questions, corpus, phase });
    const mapping = await this.mappings.get(format);
    const lookup = new QuestionLookup(await this.questionSets.readAll(questions));
    const sent = lines.flatMap((line) =>
      listSent(line, { runId, file, phase }, (value) =>
        mapping.format === "verl"
          ? [readVerlRollout(value, mapping)]
          : readVerifiersRollouts(value, mapping),
      ),
    );
    const fileStep = Number(/(?:^|\/)(\d{1,9})\.jsonl$/.exec(file)?.[1] ?? 0);
    let answer: StoredRollouts = { stored: 0, repeated: 0, refused: [] };
    await this.runs.change(runId, async (tx, run) => {
      const source = { run, corpus, questions, lookup, format, name: file, fileStep };
      const { refused, ...counts } = await this.store.store(
        tx,
        { ...source, rightFrom: mapping.rightFrom },
        sent,
      );
      answer = { ...counts, refused: refused.map(({ line, reason }) => ({ line: line!, reason })) };
    });
    return answer;
  }
}

/** The JSON of the lines of a piece of a file. @param first number of its first line, from 0 */
function readLines(text: string, first: number): ReadLine[] {
  return text.split(/\r?\n/).flatMap((line, i): ReadLine[] => {
    if (line.trim() === "") return [];
    const number = first + i;
    const hash = hashText(line);
    try {
      return [{ number, hash, value: parseRolloutJson(`line ${number + 1}`, line) }];
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return [{ number, hash, reason: error.message }];
    }
  });
}

function listSent(
  line: ReadLine,
  { phase, ...place }: { runId: string; file: string; phase: Rollout["phase"] | undefined },
  read: (value: unknown) => (Rollout | string)[],
): SentRollout[] {
  const number = line.number;
  const results =
    "reason" in line
      ? [{ reason: "it is not JSON", example: cutExample(line.reason) }]
      : read(line.value).map((rollout) =>
          typeof rollout === "string"
            ? { reason: rollout, example: cutExample(line.value) }
            : { ...rollout, phase: phase ?? rollout.phase },
        );
  return results.map((rollout, index) => {
    const own = { ...place, line: number, index, isHeldOut: phase === "held-out" };
    return {
      key: buildRolloutKey(own, line.hash),
      formerKey: buildPlaceKey(own),
      line: number + 1,
      rollout,
    };
  });
}
