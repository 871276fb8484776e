import { describe, expect, it } from "vitest";
import { listQueriesToRefresh } from "./live-topics";

describe("queriesToRefresh", () => {
  it("refreshes the run's own series and the list that shows its sparkline", () => {
    expect(listQueriesToRefresh({ id: "1", kind: "metrics", runId: "r" })).toEqual([
      {
        procedures: [
          "metrics.seriesOfRuns",
          "metrics.names",
          "externalRuns.get",
          "runs.learning",
          "runs.checkpoints",
        ],
        runId: "r",
      },
      { procedures: ["runs.list", "runs.compare", "sweeps.get", "sweeps.series"], runId: null },
    ]);
  });
  it("leaves the charts alone when only a log line arrived", () => {
    expect(listQueriesToRefresh({ id: "1", kind: "logs", runId: "r" })).toEqual([
      { procedures: ["runs.logs"], runId: "r" },
    ]);
  });
  it("reads everything again when events were missed", () => {
    const [topic] = listQueriesToRefresh({ id: "1", kind: "sync", runId: null });
    expect(topic?.procedures).toContain("runs");
    expect(topic?.runId).toBeNull();
  });
});
