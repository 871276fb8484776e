import { describe, expect, it } from "vitest";
import type { RunReport } from "@/contracts/api/report";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { createTranslate, NO_TRANSLATION, type Translate } from "@/core/texts/format-text";
import { CHINESE } from "@/core/texts/chinese";
import { drawLineChart } from "./line-chart";
import { formatReportDocument } from "./report-document";
import { formatHtml, type ReportNode } from "./report-node";
import { buildRunReport } from "./run-report";

const ENGLISH = createTranslate("en", NO_TRANSLATION);
const AT = new Date("2026-03-01T10:00:00Z");
const report: RunReport = {
  madeAt: AT,
  run: {
    id: "00000000-0000-4000-8000-000000000001",
    name: "A <b>bold</b> run",
    kind: "train",
    state: "succeeded",
    createdAt: AT,
    startedAt: AT,
    endedAt: null,
    attempt: 1,
    progress: null,
    headline: { metric: "reward/mean", value: null, sparkline: [] },
    worker: null,
    preset: null,
    model: "m",
    corpus: "atlas",
    setting: "3-2-1",
    error: null,
    sweep: null,
    importedFrom: null,
    alarms: [],
    tags: [],
    notes: "</script><script>alert(1)</script>",
    archivedAt: null,
    deletedAt: null,
    config: runConfigSchema.parse({ kind: "train", name: "n", rl: { steps: 7 } }),
    createdBy: "test",
    preflight: [],
    attempts: [],
    branchedFrom: null,
    branches: [],
    waitingFor: null,
    actions: [],
  },
  changedSettings: ["rl.steps"],
  learning: { verdict: "too-early", difference: null, alarms: [], missing: "evaluation" },
  alarms: [],
  series: {
    "held-out/accuracy": { steps: [0, 5], ats: [0, 1], values: [0.25, 0.5] },
    "held-out/rag_accuracy": { steps: [0, 5], ats: [0, 1], values: [0.4, 0.4] },
  },
  scores: null,
  episodes: [
    {
      step: 5,
      question: "Which & why?",
      expected: ["a"],
      searches: [{ query: "q", selected: ["Card"] }],
      answer: null,
      score: null,
      baseline: null,
    },
  ],
};

const raised = { step: 3, at: AT };
/** With everything that a report can hold. */
const full: RunReport = {
  ...report,
  run: {
    ...report.run,
    error: "It broke.",
    preset: "atlas-smollm2-grpo",
    branchedFrom: { checkpointId: "c", runId: report.run.id, name: "origin", step: 3 },
    importedFrom: "folder",
    endedAt: AT,
    tags: ["tag"],
  },
  alarms: [
    { name: "kl-runaway", since: 2, ...{ raised, evidence: [] }, cleared: { step: 4, at: AT } },
    { name: "entropy-collapse", since: 3, ...{ raised, evidence: [] }, cleared: null },
  ],
  changedSettings: ["rl.steps", "notThere"],
  scores: {
    ...{ questions: 50, answered: 40, missing: 10, failed: 1 },
    scorers: [{ scorer: "judge/2", scored: 40, mean: 0.625 }],
    unread: [{ scorer: "judge/2", replies: 40, unread: 3 }],
  },
  episodes: [
    { ...report.episodes[0]!, baseline: { answer: "b", score: 1 } },
    { ...report.episodes[0]!, answer: "a", score: 0.5, searches: [{ query: "q", selected: [] }] },
  ],
};

describe("the report of a run", () => {
  const html = formatReportDocument(ENGLISH, report);

  it("opens without a server: nothing is fetched, nothing runs", () => {
    expect(html).not.toMatch(/https?:|src=|href=|<script(?! type="application\/json")/);
    expect(html.match(/<\/script>/g)).toHaveLength(1);
    expect(html).toContain("A &lt;b&gt;bold&lt;/b&gt; run");
  });

  it("holds the claim, the settings that were changed, curves and episodes", () => {
    for (const part of [
      "Too early to say",
      "rl.steps",
      "Held-out accuracy: ",
      "Which &amp; why?",
      "Answer: none (not scored)",
    ])
      expect(html).toContain(part);
    const data = /id="data">(.*)<\/script>/.exec(html)![1]!;
    expect((JSON.parse(data) as RunReport).run.notes).toBe(report.run.notes);
  });

  it("has a predict run's score by scorer, with the share of the judge's unread replies", () => {
    const config = runConfigSchema.parse({ kind: "predict", name: "n" });
    const html = formatReportDocument(ENGLISH, {
      ...report,
      run: { ...report.run, kind: "predict", config },
      scores: {
        ...{ questions: 50, answered: 40, missing: 10, failed: 1 },
        scorers: [
          { scorer: "judge/2", scored: 40, mean: 0.625 },
          { scorer: "span/2", scored: 40, mean: 0.5 },
        ],
        unread: [{ scorer: "judge/2", replies: 40, unread: 3 }],
      },
    });
    expect(html).toContain("<td>judge/2</td><td>62.5%</td><td>40</td><td>7.5% of 40</td>");
    expect(html).toContain("<td>span/2</td><td>50.0%</td><td>40</td><td></td>");
    expect(html).toContain("40 of 50 questions answered");
  });

  it("draws the curves of a run of another trainer, which no worker attempted", () => {
    const config = runConfigSchema.parse({ kind: "external", name: "n" });
    const html = formatReportDocument(ENGLISH, {
      ...report,
      run: { ...report.run, kind: "external", config },
      series: { "critic/score/mean": { steps: [0, 5], ats: [0, 1], values: [0.25, 0.5] } },
    });
    expect(html).toContain("Reward, training");
    expect(html).not.toContain("Attempts");
  });
  it("draws one point and a flat line, and nothing of nothing", () => {
    expect(
      drawLineChart(ENGLISH, "t", [{ label: "a", points: { steps: [], values: [] } }]),
    ).toBeNull();
    for (const values of [[3], [0, 0]]) {
      const chart = drawLineChart(ENGLISH, "t", [
        { label: "a", points: { steps: values, values } },
      ]);
      expect(formatHtml(chart!)).not.toMatch(/NaN|Infinity/);
    }
  });

  it("is written in Chinese but for what people, models and programs wrote", () => {
    const chinese = createTranslate("zh", CHINESE);
    const html = formatReportDocument(chinese, full);
    expect(html).toContain('<html lang="zh-Hans">');
    for (const part of ["为时尚早，无法判断", "留出准确率", "成功", "朴素 RAG：", "评判器"])
      expect(html).toContain(part);
  });

  it("asks for every text that stands in none of the data", () => {
    const mark: Translate = Object.assign(
      (...asked: Parameters<Translate>) => `⟦${ENGLISH(...asked)}⟧`,
      { language: "en" as const, message: ENGLISH.message },
    );
    const texts = listTexts(buildRunReport(mark, full));
    expect(texts.length).toBeGreaterThan(60);
    const data = JSON.stringify(full);
    const isData = (text: string) => data.includes(JSON.stringify(text).slice(1, -1));
    const bare = texts
      .map((text) => dropMarked(text).trim())
      .filter((text) => /[a-z]{2}/i.test(text.replace(/UTC$/, "")) && !isData(text));
    expect(bare).toEqual([]);
  });
});

/** Every text of a report, those of attributes that are read out too. */
function listTexts(node: ReportNode): string[] {
  if (typeof node === "string") return [node];
  const label = node.attributes["aria-label"];
  return [...(label === undefined ? [] : [String(label)]), ...node.children.flatMap(listTexts)];
}

/** A text without what was marked, marks within marks too. */
function dropMarked(text: string): string {
  const left = text.replaceAll(/⟦[^⟦⟧]*⟧/g, "");
  return left === text ? text : dropMarked(left);
}
