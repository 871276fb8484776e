import type { Episode, EpisodeRecord } from "@/contracts/episode";
import type { MetricName, MetricPoint } from "@/contracts/metrics";
import type { Question } from "@/contracts/worker-protocol";

/** A metric without its place in time; a value that has no meaning for these episodes is left out. */
export type MetricValues = Partial<Record<MetricName, number>>;

/** Stamps values for a report. Values that are not finite are a defect upstream of here and are not sent. */
export function metricPoints(values: MetricValues, step: number, at = Date.now()): MetricPoint[] {
  return Object.entries(values).flatMap(([name, value]) => (value !== undefined && Number.isFinite(value) ? [{ name, step, value, at }] : []));
}

const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;

/** How an episode searched, in numbers. */
function searchOf(episode: Episode, goldIds: readonly string[]) {
  const windows = episode.steps.flatMap((step) => (step.kind === "retrieve" ? [step.documents.map(({ id }) => id)] : []));
  const retrieved = new Set<string>();
  let later = 0;
  let fresh = 0;
  for (const [turn, window] of windows.entries()) {
    if (turn > 0) {
      later += window.length;
      fresh += window.filter((id) => !retrieved.has(id)).length;
    }
    for (const id of window) retrieved.add(id);
  }
  const selected = new Set(episode.context.map(({ id }) => id));
  const selections = episode.steps.filter((step) => step.kind === "select");
  return {
    later,
    fresh,
    searches: windows.length - 1,
    goldRetrieved: goldIds.length === 0 ? null : goldIds.filter((id) => retrieved.has(id)).length / goldIds.length,
    goldSelected: goldIds.length === 0 ? null : goldIds.filter((id) => selected.has(id)).length / goldIds.length,
    documents: episode.context.length,
    formatErrors: episode.steps.filter((step) => step.kind === "reject").length,
    selections: selections.length,
    implicit: selections.filter((step) => step.implicit).length,
    actionTokens: episode.steps.reduce((sum, step) => sum + (step.kind === "generate" ? (step.mask ?? []).reduce<number>((s, m) => s + m, 0) : 0), 0),
  };
}

function searchMeans(records: readonly EpisodeRecord[], questions: ReadonlyMap<string, Question>) {
  const searches = records.map(({ episode }) => searchOf(episode, questions.get(episode.questionId)?.goldIds ?? []));
  const known = (values: (number | null)[]): number | undefined => {
    const numbers = values.filter((v) => v !== null);
    return numbers.length === 0 ? undefined : mean(numbers);
  };
  const sum = (pick: (s: (typeof searches)[number]) => number): number => searches.reduce((total, s) => total + pick(s), 0);
  return {
    goldRetrieved: known(searches.map((s) => s.goldRetrieved)),
    goldSelected: known(searches.map((s) => s.goldSelected)),
    searches: mean(searches.map((s) => s.searches)),
    documents: mean(searches.map((s) => s.documents)),
    newDocuments: sum((s) => s.later) === 0 ? undefined : sum((s) => s.fresh) / sum((s) => s.later),
    formatErrors: mean(searches.map((s) => s.formatErrors)),
    implicit: sum((s) => s.selections) === 0 ? undefined : sum((s) => s.implicit) / sum((s) => s.selections),
    actionTokens: mean(searches.map((s) => s.actionTokens)),
  };
}

/** Metrics of a training step's episodes (every episode that was rolled out, kept for the gradient or not). */
export function trainingMetrics(records: readonly EpisodeRecord[], questions: ReadonlyMap<string, Question>): MetricValues {
  const means = searchMeans(records, questions);
  return defined({
    "reward/mean": mean(records.map(({ reward }) => reward?.value ?? 0)),
    "reward/generation_accuracy": mean(records.map(({ score }) => score?.value ?? 0)),
    "search/gold_retrieved": means.goldRetrieved,
    "search/gold_selected": means.goldSelected,
    "search/searches": means.searches,
    "search/documents": means.documents,
    "search/new_documents": means.newDocuments,
    "search/format_errors": means.formatErrors,
    "search/implicit_selections": means.implicit,
    "response_length/mean": means.actionTokens,
  });
}

/** Metrics of a held-out evaluation, with the quadrants of GBR: what was gained over naive RAG and what was lost. */
export function heldOutMetrics(records: readonly EpisodeRecord[], questions: ReadonlyMap<string, Question>): MetricValues {
  const means = searchMeans(records, questions);
  const pairs = records.map(({ score, baseline }) => ({ s3: score?.value ?? 0, rag: baseline?.score.value ?? 0 }));
  const share = (s3: number, rag: number): number => mean(pairs.map((pair) => (pair.s3 === s3 && pair.rag === rag ? 1 : 0)));
  return defined({
    "held-out/accuracy": mean(pairs.map(({ s3 }) => s3)),
    "held-out/rag_accuracy": mean(pairs.map(({ rag }) => rag)),
    "held-out/gbr": mean(pairs.map(({ s3, rag }) => s3 - rag)),
    "held-out/gained": share(1, 0),
    "held-out/lost": share(0, 1),
    "held-out/both_right": share(1, 1),
    "held-out/both_wrong": share(0, 0),
    "held-out/gold_retrieved": means.goldRetrieved,
    "held-out/gold_selected": means.goldSelected,
    "held-out/documents": means.documents,
    "held-out/searches": means.searches,
  });
}

const defined = (values: Partial<Record<MetricName, number | undefined>>): MetricValues => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as MetricValues;
