import type { RunReport } from "@/contracts/api/report";
import { findPreset } from "@/core/presets/run-presets";
import { ALARMS } from "@/core/metrics/alarms";
import { getMetricLabel } from "@/core/metrics/metrics";
import { formatLearningEvidence, LEARNING_TITLES } from "@/core/run/learning";
import { describeSettingValue, getSettingValue } from "@/core/run/setting-values";
import { drawLineChart } from "./line-chart";
import { listReportCharts } from "./report-charts";
import { buildElement, type ReportElement, type ReportNode } from "./report-node";

/** Builds the report of a run: its claim with the evidence, facts, charts, last values, settings and example episodes. */
export function buildRunReport(report: RunReport): ReportElement {
  const { run, learning, madeAt } = report;
  return buildElement(
    "article",
    { class: "run-report" },
    buildElement("h1", {}, run.name),
    buildElement("p", { class: "quiet" }, `Run ${run.id}, as of ${formatInstant(madeAt)}`),
    learning
      ? buildElement(
          "p",
          { class: `claim ${learning.verdict}` },
          buildElement("strong", {}, LEARNING_TITLES[learning.verdict]),
          ` ${formatLearningEvidence(learning)}`,
        )
      : null,
    run.error ? buildElement("p", { class: "claim" }, run.error) : null,
    buildFacts(report),
    run.notes ? buildElement("p", { class: "notes" }, run.notes) : null,
    buildScores(report),
    buildCharts(report),
    buildValues(report),
    buildAlarms(report),
    buildSettings(report),
    buildEpisodes(report),
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

function buildFacts({ run }: RunReport): ReportElement {
  const facts: [string, string | null][] = [
    ["Kind", run.kind],
    ["State", run.state],
    ["Model", run.model],
    ["Corpus", run.corpus],
    ["Retrieve-select-turns", run.setting],
    ["Worker", run.worker?.name ?? null],
    ["Preset", run.preset ? (findPreset(run.preset)?.title ?? run.preset) : null],
    [
      "Branched from",
      run.branchedFrom && `${run.branchedFrom.name}, step ${run.branchedFrom.step}`,
    ],
    ["Imported from", run.importedFrom],
    ["Started", run.startedAt && formatInstant(run.startedAt)],
    ["Ended", run.endedAt && formatInstant(run.endedAt)],
    // Workers make attempts: a run of another trainer has none.
    ["Attempts", run.attempts.length === 0 ? null : String(run.attempts.length)],
    ["Tags", run.tags.join(", ") || null],
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
function buildScores({ scores }: RunReport): ReportElement | null {
  if (scores === null || scores.scorers.length === 0) return null;
  const rows = scores.scorers.map(({ scorer, scored, mean }) => {
    const judged = scores.unread.find((counts) => counts.scorer === scorer);
    const unread =
      judged && `${formatPercent(judged.unread / judged.replies)} of ${judged.replies}`;
    return [scorer, formatPercent(mean), String(scored), unread ?? ""];
  });
  return buildSection(
    "Scores",
    buildTable(["Scorer", "Mean", "Answers", "Unread replies of the judge"], rows),
    buildElement(
      "p",
      { class: "quiet" },
      `${scores.answered} of ${scores.questions} questions answered; the others count in no mean.`,
    ),
  );
}

function buildCharts({ run, series }: RunReport): ReportElement | null {
  const charts = listReportCharts(run.kind).flatMap(({ title, metrics }) => {
    const lines = metrics.flatMap((name) => {
      const points = series[name];
      return points ? [{ label: getMetricLabel(name), points }] : [];
    });
    return drawLineChart(title, lines) ?? [];
  });
  if (charts.length === 0) return null;
  return buildSection("Curves over steps", buildElement("div", { class: "charts" }, charts));
}

function buildValues({ series }: RunReport): ReportElement | null {
  const rows = Object.entries(series).flatMap(([name, { steps, values }]) =>
    values.length === 0
      ? []
      : [[name, formatValue(values[0]!), formatValue(values.at(-1)!), String(steps.at(-1))]],
  );
  return rows.length === 0
    ? null
    : buildSection("First and last values", buildTable(["Metric", "First", "Last", "Step"], rows));
}

function buildAlarms({ alarms }: RunReport): ReportElement | null {
  if (alarms.length === 0) return null;
  const rows = alarms.map(({ name, since, cleared }) => [
    ALARMS[name].title,
    `since step ${since}${cleared ? `, cleared after step ${cleared.step}` : ""}`,
    ALARMS[name].meaning,
  ]);
  return buildSection("Alarms", buildTable(["Alarm", "When", "Meaning"], rows));
}

function buildSettings({ run, changedSettings }: RunReport): ReportElement {
  const rows = changedSettings.map((path) => [
    path,
    describeSettingValue(getSettingValue(run.config, path)),
  ]);
  return buildSection(
    "Settings that differ from their defaults",
    rows.length === 0 ? buildElement("p", {}, "None.") : buildTable(["Setting", "Value"], rows),
  );
}

function buildEpisodes({ episodes }: RunReport): ReportElement | null {
  if (episodes.length === 0) return null;
  return buildSection(
    "Example episodes",
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
              `Searched “${query}”`,
              selected.length > 0 ? `, took ${selected.join(", ")}` : ", took nothing",
            ),
          ),
        ),
        buildElement(
          "p",
          {},
          `Answer: ${episode.answer ?? "none"} (${episode.score === null ? "not scored" : `score ${formatValue(episode.score)}`}); expected ${episode.expected.join(" or ")}.`,
          episode.baseline
            ? ` Naive RAG: ${episode.baseline.answer} (score ${formatValue(episode.baseline.score)}).`
            : null,
        ),
      ),
    ),
  );
}
