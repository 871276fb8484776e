import type { RunReport } from "@/contracts/api/report";
import { findPreset } from "@/core/presets/run-presets";
import { ALARMS } from "@/core/metrics/alarms";
import { getMetricLabel } from "@/core/metrics/metrics";
import { describeValue } from "@/core/run/describe-value";
import { formatLearningEvidence, LEARNING_TITLES } from "@/core/run/learning";
import { getSettingValue } from "@/core/run/setting-values";
import type { Translate } from "@/core/texts/format-text";
import { drawLineChart } from "./line-chart";
import { listReportCharts } from "./report-charts";
import { buildElement, type ReportElement, type ReportNode } from "./report-node";

/**
 * Builds the report of a run: its claim with the evidence, facts, charts, last values, settings and example episodes.
 * @param t writes its texts; what people, models and programs wrote stays as it is
 */
export function buildRunReport(t: Translate, report: RunReport): ReportElement {
  const { run, learning, madeAt } = report;
  return buildElement(
    "article",
    { class: "run-report" },
    buildElement("h1", {}, run.name),
    buildElement(
      "p",
      { class: "quiet" },
      t("Run {id}, as of {instant}", { id: run.id, instant: formatInstant(madeAt) }),
    ),
    learning
      ? buildElement(
          "p",
          { class: `claim ${learning.verdict}` },
          buildElement("strong", {}, t(LEARNING_TITLES[learning.verdict])),
          ` ${formatLearningEvidence(t, learning)}`,
        )
      : null,
    run.error ? buildElement("p", { class: "claim" }, t.message(run.error)) : null,
    buildFacts(t, report),
    run.notes ? buildElement("p", { class: "notes" }, run.notes) : null,
    buildScores(t, report),
    buildCharts(t, report),
    buildValues(t, report),
    buildAlarms(t, report),
    buildSettings(t, report),
    buildEpisodes(t, report),
  );
}

const formatInstant = (at: Date): string =>
  `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
const formatPercent = (share: number): string => `${(100 * share).toFixed(1)}%`;
const formatValue = (value: number): string => String(Number(value.toPrecision(4)));

function buildSection(title: string, ...content: (ReportNode | null)[]): ReportElement {
  return buildElement("section", {}, buildElement("h2", {}, title), ...content);
}

function buildTable(columns: readonly string[], rows: readonly string[][]): ReportElement {
  return buildElement(
    "table",
    {},
    buildElement(
      "thead",
      {},
      buildElement(
        "tr",
        {},
        columns.map((name) => buildElement("th", { scope: "col" }, name)),
      ),
    ),
    buildElement(
      "tbody",
      {},
      rows.map((row) =>
        buildElement(
          "tr",
          {},
          row.map((cell) => buildElement("td", {}, cell)),
        ),
      ),
    ),
  );
}

function buildFacts(t: Translate, { run }: RunReport): ReportElement {
  const facts: [string, string | null][] = [
    [t("Kind"), t(run.kind)],
    [t("State"), t(run.state)],
    [t("Model"), run.model],
    [t("Corpus"), run.corpus],
    [t("Retrieve-select-turns"), run.setting],
    [t("Worker"), run.worker?.name ?? null],
    [t("Preset"), run.preset ? t(findPreset(run.preset)?.title ?? run.preset) : null],
    [
      t("Branched from"),
      run.branchedFrom &&
        t("{name}, step {step}", { name: run.branchedFrom.name, step: run.branchedFrom.step }),
    ],
    [t("Imported from"), run.importedFrom],
    [t("Started at"), run.startedAt && formatInstant(run.startedAt)],
    [t("Ended at"), run.endedAt && formatInstant(run.endedAt)],
    // Workers make attempts: a run of another trainer has none.
    [t("Attempts"), run.attempts.length === 0 ? null : String(run.attempts.length)],
    [t("Tags"), run.tags.join(", ") || null],
  ];
  return buildElement(
    "dl",
    {},
    facts.flatMap(([name, value]) =>
      value === null ? [] : [buildElement("dt", {}, name), buildElement("dd", {}, value)],
    ),
  );
}

/** The mean by scorer, and beside a judged one the share of the judge's replies that said neither yes nor no. */
function buildScores(t: Translate, { scores }: RunReport): ReportElement | null {
  if (scores === null || scores.scorers.length === 0) return null;
  const rows = scores.scorers.map(({ scorer, scored, mean }) => {
    const judged = scores.unread.find((counts) => counts.scorer === scorer);
    const unread =
      judged &&
      t("{share} of {replies}", {
        share: formatPercent(judged.unread / judged.replies),
        replies: judged.replies,
      });
    return [scorer, formatPercent(mean), String(scored), unread ?? ""];
  });
  return buildSection(
    t("Scores"),
    buildTable([t("Scorer"), t("Mean"), t("Answers"), t("Unread replies of the judge")], rows),
    buildElement(
      "p",
      { class: "quiet" },
      t("{answered} of {questions} questions answered; the others count in no mean.", {
        answered: scores.answered,
        questions: scores.questions,
      }),
    ),
  );
}

function buildCharts(t: Translate, { run, series }: RunReport): ReportElement | null {
  const charts = listReportCharts(run.kind).flatMap(({ title, metrics }) => {
    const lines = metrics.flatMap((name) => {
      const points = series[name];
      return points ? [{ label: t(getMetricLabel(name)), points }] : [];
    });
    return drawLineChart(t, t(title), lines) ?? [];
  });
  if (charts.length === 0) return null;
  return buildSection(t("Curves over steps"), buildElement("div", { class: "charts" }, charts));
}

function buildValues(t: Translate, { series }: RunReport): ReportElement | null {
  const rows = Object.entries(series).flatMap(([name, { steps, values }]) =>
    values.length === 0
      ? []
      : [[name, formatValue(values[0]!), formatValue(values.at(-1)!), String(steps.at(-1))]],
  );
  return rows.length === 0
    ? null
    : buildSection(
        t("First and last values"),
        buildTable([t("Metric"), t("First value"), t("Last value"), t("Step")], rows),
      );
}

function buildAlarms(t: Translate, { alarms }: RunReport): ReportElement | null {
  if (alarms.length === 0) return null;
  const rows = alarms.map(({ name, since, cleared }) => [
    t(ALARMS[name].title),
    cleared
      ? t("since step {since}, cleared after step {step}", { since, step: cleared.step })
      : t("since step {since}", { since }),
    t(ALARMS[name].meaning),
  ]);
  return buildSection(t("Alarms"), buildTable([t("Alarm"), t("When"), t("Meaning")], rows));
}

function buildSettings(t: Translate, { run, changedSettings }: RunReport): ReportElement {
  const rows = changedSettings.map((path) => [
    path,
    describeValue(t, getSettingValue(run.config, path)),
  ]);
  return buildSection(
    t("Settings that differ from their defaults"),
    rows.length === 0
      ? buildElement("p", {}, t("None."))
      : buildTable([t("Setting"), t("Value")], rows),
  );
}

function buildEpisodes(t: Translate, { episodes }: RunReport): ReportElement | null {
  if (episodes.length === 0) return null;
  return buildSection(
    t("Example episodes"),
    ...episodes.map((episode) =>
      buildElement(
        "div",
        { class: "episode" },
        buildElement("h3", {}, episode.question),
        buildElement(
          "ol",
          {},
          episode.searches.map(({ query, selected }) =>
            buildElement(
              "li",
              {},
              selected.length > 0
                ? t("Searched “{query}”, took {titles}", { query, titles: selected.join(", ") })
                : t("Searched “{query}”, took nothing", { query }),
            ),
          ),
        ),
        buildElement("p", {}, formatOutcome(t, episode)),
      ),
    ),
  );
}

function formatOutcome(
  t: Translate,
  { answer, score, expected, baseline }: RunReport["episodes"][number],
): string {
  const own = t("Answer: {answer} ({score}); expected {expected}.", {
    answer: answer ?? t("none"),
    score: score === null ? t("not scored") : t("score {score}", { score: formatValue(score) }),
    expected: expected.join(" / "),
  });
  if (baseline === null) return own;
  const rag = t("Naive RAG: {answer} (score {score}).", {
    answer: baseline.answer,
    score: formatValue(baseline.score),
  });
  return `${own} ${rag}`;
}
