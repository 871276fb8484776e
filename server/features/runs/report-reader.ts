import type { RunReport } from "@/contracts/api/report";
import type { EpisodeDetail } from "@/contracts/api/episodes";
import { toColumns } from "@/core/metrics/columns";
import { listReportMetrics } from "@/core/report/report-charts";
import { listChangedSettings } from "@/core/run/settings";
import type { Alarms } from "@/server/features/alarms/alarms";
import type { EpisodeReader } from "@/server/features/episodes/episode-reader";
import type { LearningReader } from "@/server/features/learning/learning-reader";
import type { Metrics } from "@/server/features/metrics/metrics";
import type { Scoring } from "@/server/features/scoring/scoring";
import type { RunReader } from "./run-reader";

const POINTS = 500;
/** Episodes of each outcome. */
const EPISODES = 2;

/** Gathers what a report of a run shows. */
export class ReportReader {
  constructor(
    private readonly runReader: RunReader,
    private readonly learning: LearningReader,
    private readonly alarms: Alarms,
    private readonly metrics: Metrics,
    private readonly episodes: EpisodeReader,
    private readonly scoring: Scoring,
  ) {}

  async read(id: string): Promise<RunReport> {
    const run = await this.runReader.get(id);
    const [learning, alarms, series, scores, episodes] = await Promise.all([
      this.learning.read([id]),
      this.alarms.list(id),
      this.metrics.readSeries(id, listReportMetrics(run.kind), POINTS),
      run.kind === "predict" ? this.scoring.readSummary(id) : null,
      this.readEpisodes(id, run.kind),
    ]);
    return {
      madeAt: new Date(),
      run,
      changedSettings: listChangedSettings(run.config),
      learning: learning[id] ?? null,
      alarms,
      series: Object.fromEntries(
        Object.entries(series).map(([name, entries]) => [name, toColumns(entries)]),
      ),
      scores,
      episodes: episodes.map(toReportEpisode),
    };
  }

  /** Right and wrong ones, of a training those of its last evaluation. */
  private async readEpisodes(runId: string, kind: string): Promise<EpisodeDetail[]> {
    if (kind !== "train" && kind !== "predict") return [];
    const phase = kind === "train" ? "held-out" : "predict";
    const last =
      kind === "train"
        ? (await this.episodes.listSteps(runId)).findLast((step) => step.phase === phase)
        : undefined;
    if (kind === "train" && last === undefined) return [];
    const step = last?.step;
    const pages = await Promise.all(
      (["correct", "wrong"] as const).map((filter) =>
        this.episodes.list({
          runId,
          phase,
          filter,
          limit: EPISODES,
          ...(typeof step === "number" && { step }),
        }),
      ),
    );
    return Promise.all(pages.flatMap(({ rows }) => rows).map((row) => this.episodes.get(row.id)));
  }
}

function toReportEpisode({ record, question, documents }: EpisodeDetail): RunReport["episodes"][0] {
  const { episode, answer, score, baseline, step } = record;
  const titles = new Map(Object.values(documents).map(({ id, title }) => [id, title]));
  const searches: { query: string; selected: string[] }[] = [];
  for (const part of episode.steps) {
    if (part.kind === "retrieve") searches.push({ query: part.query, selected: [] });
    if (part.kind === "select")
      searches.at(-1)?.selected.push(...part.selected.map((id) => titles.get(id) ?? id));
  }
  return {
    step,
    question: question.question,
    expected: question.answers,
    searches,
    answer: answer?.text ?? null,
    score: score?.value ?? null,
    baseline: baseline && { answer: baseline.answer.text, score: baseline.score.value },
  };
}
