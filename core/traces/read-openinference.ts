import type { OpenInferenceMapping } from "@/contracts/formats/traces/mapping";
import type { TraceSpan } from "@/contracts/formats/traces/span";
import { readFirst, readTexts, toCount, toText } from "./read-place";
import { readReward } from "./read-reward";
import { cutExample, type PlayedSteps, type Rollout, type Unread } from "./rollout";
import { isNamed, readDocuments, StepRecorder } from "./step-recorder";

/**
 * A trace of OpenInference's spans as a rollout: what its first span says of the whole, and searches, documents,
 * selections and generations in the order in which they began.
 * https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
 *
 * @param spans all spans of one trace
 */
export function readOpenInferenceRollout(
  spans: readonly TraceSpan[],
  mapping: OpenInferenceMapping,
): Rollout | string {
  const root = spans.find(({ parentId }) => parentId === null);
  if (!root) return "the trace has no first span: all of its spans have a parent";
  const values = [root.attributes];
  const ordered = spans.toSorted(
    (a, b) => a.start - b.start || b.end - a.end || (a.spanId < b.spanId ? -1 : 1),
  );
  const generated = ordered.filter((span) => isKind(span, mapping.generate.kinds, mapping));
  const reward = readReward(values, mapping.reward);
  const unread: Unread[] = [];
  if (reward === null)
    unread.push({
      reason: `no reward is at ${mapping.reward.join(", ")} of the trace's first span`,
      example: cutExample(root.attributes),
    });
  const phase = readFirst(values, mapping.phase, toText);
  return {
    phase: phase !== null && mapping.heldOut.includes(phase) ? "held-out" : "train",
    step: readFirst(values, mapping.step, toCount),
    reward,
    answer: readFirst(values, mapping.answer, toText),
    model: readFirst(
      [...values, ...generated.map(({ attributes }) => attributes)],
      mapping.model,
      toText,
    ),
    method: mapping.method,
    questions: readTexts(values, mapping.question),
    prompts: generated.slice(0, 1).flatMap((span) => readPrompt(span, mapping) ?? []),
    unread,
    play: (question) => play(ordered, root, question, mapping),
  };
}

const readKind = ({ attributes }: TraceSpan, { kind }: OpenInferenceMapping): string | null =>
  readFirst([attributes], kind, toText);

function isKind(span: TraceSpan, kinds: readonly string[], mapping: OpenInferenceMapping): boolean {
  const kind = readKind(span, mapping);
  return kind !== null && isNamed(kind, kinds);
}

const readPrompt = ({ attributes }: TraceSpan, { generate }: OpenInferenceMapping): string | null =>
  readFirst([attributes], generate.prompt, toText);

function play(
  spans: readonly TraceSpan[],
  root: TraceSpan,
  question: string,
  mapping: OpenInferenceMapping,
): PlayedSteps {
  const recorder = new StepRecorder(question);
  const retrievers = spans.filter((span) => isKind(span, mapping.search.kinds, mapping));
  const holders = listHolders(spans, retrievers);
  for (const span of spans) {
    if (span.error !== null) recorder.recordUnread(`span "${span.name}" failed`, span.error);
    const tool = readFirst([span.attributes], mapping.search.tool, toText);
    if (isKind(span, mapping.search.kinds, mapping)) recordSearch(span, recorder, mapping);
    else if (isKind(span, mapping.rerank.kinds, mapping)) recordRanking(span, recorder, mapping);
    else if (isKind(span, mapping.generate.kinds, mapping)) recordText(span, recorder, mapping);
    else if (tool !== null && isNamed(tool, mapping.search.tools)) {
      // A tool that holds a retriever's span is that search, not a second one.
      if (!holders.has(span.spanId)) recordSearch(span, recorder, mapping);
    } else if (span !== root && !isKind(span, mapping.ignored, mapping)) {
      const kind = readKind(span, mapping);
      recorder.recordUnread(
        tool === null
          ? `spans of kind "${kind ?? "none"}" are not read`
          : `tool "${tool}" is none of those that search`,
        span.name,
      );
    }
  }
  return recorder.finish();
}

/** Ids of the spans that hold one of these, at whatever depth. */
function listHolders(spans: readonly TraceSpan[], held: readonly TraceSpan[]): ReadonlySet<string> {
  const parents = new Map(spans.map(({ spanId, parentId }) => [spanId, parentId]));
  const holders = new Set<string>();
  for (const { parentId } of held)
    for (let id = parentId; id !== null && !holders.has(id); id = parents.get(id) ?? null)
      holders.add(id);
  return holders;
}

const getSeconds = ({ start, end }: TraceSpan): number => Math.max(0, end - start) / 1000;

function recordSearch(
  span: TraceSpan,
  recorder: StepRecorder,
  { search }: OpenInferenceMapping,
): void {
  const query = readFirst([span.attributes], search.query, toText);
  if (query === null) return recorder.recordUnread("a search has no query", span.attributes);
  const found = readDocuments([span.attributes], search.documents, search.document);
  if (found === null)
    recorder.recordUnread("a search's result is no list of documents", span.attributes);
  recorder.recordSearch(query, found, getSeconds(span));
}

function recordRanking(
  span: TraceSpan,
  recorder: StepRecorder,
  { rerank }: OpenInferenceMapping,
): void {
  const ranked = readDocuments([span.attributes], rerank.documents, rerank.document);
  if (ranked === null)
    return recorder.recordUnread("a reranker's result is no list of documents", span.attributes);
  recorder.recordRanking(ranked);
}

function recordText(span: TraceSpan, recorder: StepRecorder, mapping: OpenInferenceMapping): void {
  const { generate } = mapping;
  const values = [span.attributes];
  const text = readFirst(values, generate.text, toText);
  if (text === null) return recorder.recordUnread("a generation has no text", span.attributes);
  const prompt = readPrompt(span, mapping);
  const promptTokens = readFirst(values, generate.promptTokens, toCount);
  const completionTokens = readFirst(values, generate.completionTokens, toCount);
  recorder.recordText(text, {
    seconds: getSeconds(span),
    ...(prompt !== null && { prompt }),
    ...(promptTokens !== null && { promptTokens }),
    ...(completionTokens !== null && { completionTokens }),
  });
}
