import { AppError, parseOrThrow } from "@/contracts/errors";
import {
  exportTraceRequestSchema,
  type ExportTraceRequest,
} from "@/contracts/formats/otlp/export-request";
import { mlflowRequests, OTHER_CORPUS } from "@/contracts/formats/mlflow/requests";
import type { TraceSpan } from "@/contracts/formats/traces/span";
import { readOpenInferenceRollout } from "@/core/traces/read-openinference";
import { readResourceSpans } from "@/core/traces/read-otlp";
import { cutExample, type Rollout, type Unread } from "@/core/traces/rollout";
import type { QuestionSets } from "@/server/features/question-sets/question-sets";
import { QuestionLookup } from "@/server/features/upstream/question-lookup";
import type { Transaction } from "@/server/platform/db/database";
import { describeUnstorable, findUnstorable } from "@/server/platform/db/json";
import type { TrackedRun } from "./queries";
import { buildTraceKey, type ReadLine, type StoredRollouts } from "./rollout-records";
import type { RolloutStore } from "./rollout-store";
import type { TraceMappings } from "./trace-mappings";
import {
  emptyTraces,
  insertSpans,
  selectReadTraces,
  selectWholeTraces,
  upsertIssues,
} from "./trace-queries";
import type { TrackedRuns } from "./tracked-runs";

/** The run that spans are of, and what they answer. */
interface TraceTarget {
  /** What all traces are; absent: each says so itself. */
  phase?: Rollout["phase"] | undefined;
  runId: string;
  questions: string;
  corpus: string;
}

/** What a request may say of its target beside its resources: parameters of the address. */
export type TraceDefaults = Partial<Record<"run_id" | "questions" | "corpus", string>>;

const NAMES = { run_id: "s3.run_id", questions: "s3.questions", corpus: "s3.corpus" } as const;
const HOW =
  "Set OTEL_RESOURCE_ATTRIBUTES=s3.run_id=RUN,s3.questions=SET, or add ?run_id=RUN&questions=SET to the address.";

/** Traces by OTLP become episodes of a run: a trace when its first span and the parents of all others are there. */
export class TrackedTraces {
  constructor(
    private readonly questionSets: QuestionSets,
    private readonly runs: TrackedRuns,
    private readonly mappings: TraceMappings,
    private readonly store: RolloutStore,
  ) {}

  /**
   * Stores the spans of a request, each once however often it is sent.
   *
   * @param request in the form of OTLP's JSON
   * @returns how many spans were not taken, and why; null: every one was
   * @throws AppError "invalid-input" where none can be taken, "not-found" where there is no such run
   */
  async receive(
    request: unknown,
    defaults: TraceDefaults,
  ): Promise<{ rejectedSpans: number; reason: string } | null> {
    const parsed = parseRequest(request);
    const resources = readResourceSpans(parsed).filter(
      ({ spans, refused }) => spans.length + refused.length > 0,
    );
    let [taken, rejectedSpans] = [0, 0];
    const reasons: string[] = [];
    for (const { attributes, spans, refused } of resources) {
      rejectedSpans += refused.length;
      reasons.push(...refused);
      try {
        await this.storeSpans(readTarget(attributes, defaults), spans, refused);
        taken += spans.length;
      } catch (error) {
        // What one program sends wrongly is no reason to refuse what others send with it through a collector.
        if (!isRefusal(error) || resources.length === 1) throw error;
        rejectedSpans += spans.length;
        reasons.push(error.message);
      }
    }
    if (rejectedSpans === 0) return null;
    const reason = [...new Set(reasons)].slice(0, 5).join("; ");
    if (taken === 0) throw new AppError("invalid-input", reason);
    return { rejectedSpans, reason };
  }

  /** Stores the requests that a collector wrote to a file, one a line; `stored` and `repeated` count them. */
  async storeLines(lines: readonly ReadLine[], target: TraceTarget): Promise<StoredRollouts> {
    const answer: StoredRollouts = { stored: 0, repeated: 0, refused: [] };
    for (const line of lines) {
      const place = line.number + 1;
      if ("reason" in line) answer.refused.push({ line: place, reason: line.reason });
      else {
        try {
          for (const { spans, refused } of readResourceSpans(parseRequest(line.value))) {
            const isNew = await this.storeSpans(target, spans, refused);
            if (isNew) answer.stored++;
            else answer.repeated++;
            for (const reason of refused) answer.refused.push({ line: place, reason });
          }
        } catch (error) {
          if (!(error instanceof AppError) || error.code !== "invalid-input") throw error;
          answer.refused.push({ line: place, reason: error.message });
        }
      }
    }
    return answer;
  }

  /** @returns whether any span is new */
  private async storeSpans(
    { runId, questions, corpus, phase }: TraceTarget,
    spans: readonly TraceSpan[],
    refused: readonly string[],
  ): Promise<boolean> {
    const lookup = new QuestionLookup(await this.questionSets.readAll(questions));
    const mapping = await this.mappings.get("openinference");
    let isNew = false;
    await this.runs.change(runId, async (tx, run) => {
      const { fresh, unread } = await insertFresh(tx, run, spans);
      isNew = fresh.length > 0;
      unread.push(...refused.map((reason) => ({ reason, example: reason })));
      if (unread.length > 0) {
        await upsertIssues(tx.db, runId, "openinference", unread);
        const [first] = unread;
        await this.runs.tell(
          tx,
          runId,
          `${unread.length} spans are unread: ${first!.reason}.`,
          "traces",
        );
      }
      const whole = await selectWholeTraces(tx.db, runId, [
        ...new Set(fresh.map(({ traceId }) => traceId)),
      ]);
      if (whole.length === 0) return;
      const sent = whole.map(({ traceId, spans: all }) => {
        const rollout = readOpenInferenceRollout(all, mapping);
        return {
          key: buildTraceKey(runId, traceId),
          line: null,
          rollout:
            typeof rollout === "string"
              ? { reason: rollout, example: cutExample(traceId) }
              : { ...rollout, phase: phase ?? rollout.phase },
        };
      });
      const source = { run, corpus, questions, lookup, rightFrom: mapping.rightFrom, fileStep: 0 };
      await this.store.store(tx, { ...source, format: "openinference", name: "traces" }, sent);
      await emptyTraces(
        tx.db,
        runId,
        whole.map(({ traceId }) => traceId),
      );
    });
    return isNew;
  }
}

/** @throws AppError "invalid-input" */
function parseRequest(request: unknown): ExportTraceRequest {
  try {
    return parseOrThrow(exportTraceRequestSchema, request, "The trace request");
  } catch (cause) {
    // Values within values deeper than the stack.
    if (!(cause instanceof RangeError)) throw cause;
    throw new AppError("invalid-input", "The trace request is nested too deeply to be read.", {
      cause,
    });
  }
}

/** Stores spans that were not stored; those of a trace that is an episode already come too late to be part of it. */
async function insertFresh(
  tx: Transaction,
  { id: runId }: TrackedRun,
  spans: readonly TraceSpan[],
): Promise<{ fresh: TraceSpan[]; unread: Unread[] }> {
  const traceIds = [...new Set(spans.map(({ traceId }) => traceId))];
  const read = await selectReadTraces(tx.db, runId, traceIds);
  const stored = await insertSpans(tx.db, runId, spans);
  const fresh = spans.filter(({ traceId, spanId }) => stored.has(`${traceId}${spanId}`));
  const late = fresh.filter(({ traceId }) => read.has(traceId));
  if (late.length > 0) await emptyTraces(tx.db, runId, [...read]);
  return {
    fresh: fresh.filter(({ traceId }) => !read.has(traceId)),
    unread: late.map(({ name }) => ({
      reason: "a span came after its trace had become an episode",
      example: name,
    })),
  };
}

/** @throws AppError "invalid-input" where neither resource nor address names run and questions */
function readTarget(attributes: Record<string, unknown>, defaults: TraceDefaults): TraceTarget {
  const read = (name: keyof typeof NAMES): unknown => attributes[NAMES[name]] ?? defaults[name];
  if (read("run_id") === undefined || read("questions") === undefined)
    throw new AppError("invalid-input", `The spans name no run or no question set. ${HOW}`);
  const given = {
    run_id: read("run_id"),
    questions: read("questions"),
    corpus: read("corpus") ?? OTHER_CORPUS,
  };
  const unstorable = findUnstorable(given);
  if (unstorable !== null) throw new AppError("invalid-input", describeUnstorable(unstorable));
  const {
    run_id: runId,
    questions,
    corpus,
  } = parseOrThrow(mlflowRequests.traces, given, "What the spans say of their run");
  return { runId, questions, corpus };
}

const isRefusal = (error: unknown): error is AppError =>
  error instanceof AppError && (error.code === "invalid-input" || error.code === "not-found");
