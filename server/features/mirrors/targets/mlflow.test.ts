import { expect, it } from "vitest";
import { startTrackingServer } from "@/server/features/mirrors/testing/tracking-server";
import { createMlflowTarget, toMetricKey } from "./mlflow";
import type { MirroredRun } from "./target";

it("keeps names that MLflow takes, and gives every other one a name of its own", () => {
  expect(toMetricKey("held-out/accuracy")).toBe("held-out/accuracy");
  expect(toMetricKey("val/test_score/nq (dev)")).toBe("val/test_score/nq _x28_dev_x29_");
  expect(toMetricKey("a(b")).not.toBe(toMetricKey("a)b"));
});

it("takes the error of a failure back where the run has succeeded later", async () => {
  const tracker = await startTrackingServer();
  try {
    const target = createMlflowTarget(
      { kind: "mlflow", url: tracker.url, experiment: "s3", user: "", secret: "" },
      "mirror",
    );
    const failed: MirroredRun = {
      id: "run",
      name: "run",
      kind: "train",
      state: "failed",
      attempt: 1,
      config: {},
      tags: [],
      error: "no luck",
      startedAt: new Date(0),
      endedAt: new Date(1),
    };
    const place = await target.open(failed, 0);
    await target.tell(place, failed);
    const [run] = tracker.runs;
    expect(run).toMatchObject({ status: "FAILED", tags: { "s3.error": "no luck" } });
    const succeeded: MirroredRun = { ...failed, state: "succeeded", attempt: 2, error: null };
    await target.tell(place, succeeded);
    expect(run!.status).toBe("FINISHED");
    expect(run!.tags).not.toHaveProperty("s3.error");
    await target.tell(place, succeeded);
  } finally {
    await tracker.stop();
  }
});
