import { expect, it } from "vitest";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import { mergeItems } from "./report-ingestion";

it("items of a report that come to the same are stored as one; nothing but what is overwritten is left out", () => {
  const episodes = (id: string, step: number | null = null) =>
    ({
      kind: "episodes",
      corpus: "c",
      questions: "q",
      documents: [{ id }],
      records: [{ id, phase: "predict", step }],
    }) as unknown as ReportItem;
  const progress = (done: number): ReportItem => ({
    kind: "progress",
    progress: { phase: "predicting", done, total: 9, detail: "" },
  });
  const metrics = (step: number): ReportItem => ({
    kind: "metrics",
    points: [{ name: "predict/accuracy", step, value: 1, at: 0 }],
  });
  const failures = (questionId: string): ReportItem => ({
    kind: "failures",
    questions: "q",
    failures: [{ questionId, code: "internal", reason: "r" }],
  });
  const folded = mergeItems([
    progress(1),
    episodes("a"),
    metrics(1),
    failures("x"),
    progress(2),
    episodes("b"),
    metrics(2),
    failures("x"),
    episodes("c", 5),
  ]);
  expect(folded).toEqual([
    progress(2),
    {
      ...episodes("a"),
      documents: [{ id: "a" }, { id: "b" }],
      records: [
        { id: "a", phase: "predict", step: null },
        { id: "b", phase: "predict", step: null },
      ],
    },
    {
      kind: "metrics",
      points: [
        { name: "predict/accuracy", step: 1, value: 1, at: 0 },
        { name: "predict/accuracy", step: 2, value: 1, at: 0 },
      ],
    },
    failures("x"),
    failures("x"),
    episodes("c", 5),
  ]);
});
